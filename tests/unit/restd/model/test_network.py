from restd.model.docker_json import from_docker, to_docker
from restd.model.network import Ipam, Network, NetworkRequest, Pool

NETWORK = Network("a" * 64, "web", 1, "bridge")


def test_the_default_bridge_neither_resolves_names_nor_is_the_users() -> None:
    bridge = Network("b" * 64, "bridge", 1, "bridge")
    assert bridge.predefined and bridge.default_bridge and not bridge.resolves_names
    assert NETWORK.resolves_names and not NETWORK.predefined


def test_an_internal_network_publishes_nothing() -> None:
    assert NETWORK.publishes_ports
    assert not Network("a" * 64, "web", 1, "bridge", internal=True).publishes_ports


def test_interfaces_are_called_eth_unless_an_option_says_otherwise() -> None:
    assert NETWORK.interface_prefix == "eth"
    other = Network("a" * 64, "web", 1, "bridge", options={"com.docker.network.container_iface_prefix": "net"})
    assert other.interface_prefix == "net"


def test_gateways_are_those_of_one_family() -> None:
    pools = (Pool("10.1.0.0/16", gateway="10.1.0.1"), Pool("fd00::/64", gateway="fd00::1"), Pool("10.2.0.0/16"))
    network = Network("a" * 64, "web", 1, "bridge", pools=pools)
    assert network.gateways(ipv6=False) == ("10.1.0.1",)
    assert network.gateways(ipv6=True) == ("fd00::1",)


def test_the_json_form_is_dockers_and_comes_back() -> None:
    pool = Pool("10.1.0.0/16", ip_range="10.1.1.0/24", auxiliary_addresses={"a": "10.1.0.9"})
    network = Network("a" * 64, "web", 1, "bridge", ipam=Ipam(config=(pool,)), labels={"k": "v"})
    form = to_docker(network)
    assert form["IPAM"]["Config"] == [
        {"Subnet": "10.1.0.0/16", "IPRange": "10.1.1.0/24", "AuxiliaryAddresses": {"a": "10.1.0.9"}}
    ]
    assert form["EnableIPv6"] is False
    assert from_docker(Network, form) == network


def test_what_a_request_leaves_out_is_told_from_what_it_denies() -> None:
    assert from_docker(NetworkRequest, {"Name": "x"}).enable_ipv6 is None
    assert from_docker(NetworkRequest, {"Name": "x", "EnableIPv6": False}).enable_ipv6 is False
