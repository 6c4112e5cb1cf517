import ipaddress

import pytest

from restd.config import AddressPool, Config
from restd.errors import Forbidden, InvalidParameter
from restd.model.network import Ipam, Network, NetworkRequest, Pool
from restd.network.design import builtin_network, choices, default_bridge, outline, with_pools

SOURCES = choices((), "seed")


def made(request: NetworkRequest, taken: tuple[str, ...] = (), host: tuple[str, ...] = ()) -> Network:
    return with_pools(
        outline(request, None, 1),
        SOURCES,
        [ipaddress.ip_network(text) for text in taken],
        [ipaddress.ip_network(text) for text in host],
    )


def test_a_chosen_subnet_keeps_off_networks_and_the_hosts_routes() -> None:
    network = made(NetworkRequest("web"), ("172.17.0.0/16",), ("172.18.0.0/24",))
    assert network.pools == (Pool("172.19.0.0/16", gateway="172.19.0.1"),)
    assert network.ipam == Ipam() and network.driver == "bridge"


def test_what_was_given_is_shown_as_it_was_given() -> None:
    given = Ipam(config=(Pool("10.1.0.0/16", ip_range="10.1.2.0/24"),), options={})
    network = made(NetworkRequest("web", ipam=given), host=("10.0.0.0/8",))
    assert network.ipam == given
    assert network.pools[0].gateway == "10.1.2.1" and network.pools[0].ip_range == "10.1.2.0/24"


def test_a_gateway_is_no_auxiliary_address() -> None:
    given = Ipam(config=(Pool("10.1.0.0/24", auxiliary_addresses={"router": "10.1.0.1"}),))
    assert made(NetworkRequest("web", ipam=given)).pools[0].gateway == "10.1.0.2"


def test_a_given_subnet_must_not_overlap_with_another_networks() -> None:
    given = Ipam(config=(Pool("10.1.0.0/16"),))
    with pytest.raises(Forbidden, match="invalid pool request: Pool overlaps with other one on this address space"):
        made(NetworkRequest("web", ipam=given), ("10.1.9.0/24",))


def test_a_network_can_have_both_families_or_ipv6_alone() -> None:
    both = made(NetworkRequest("web", enable_ipv6=True))
    assert [pool.ipv6 for pool in both.pools] == [False, True] and both.pools[1].gateway.endswith("::1")
    alone = made(NetworkRequest("web", enable_ipv4=False, enable_ipv6=True))
    assert [pool.ipv6 for pool in alone.pools] == [True]


def test_ipv6_pools_are_not_in_force_without_ipv6() -> None:
    given = Ipam(config=(Pool("fd00::/64"),))
    network = made(NetworkRequest("web", ipam=given))
    assert [pool.ipv6 for pool in network.pools] == [False] and network.ipam.config == given.config


def test_a_network_without_address_management_has_no_pools() -> None:
    assert made(NetworkRequest("web", ipam=Ipam("null"))).pools == ()


def test_a_subnet_too_small_for_a_gateway_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="no address is left for a gateway"):
        made(
            NetworkRequest(
                "web", ipam=Ipam(config=(Pool("10.0.0.0/31", auxiliary_addresses={"a": "10.0.0.0", "b": "10.0.0.1"}),))
            )
        )


def test_a_template_gives_everything_but_name_and_driver() -> None:
    template = outline(
        NetworkRequest("template", config_only=True, ipam=Ipam(config=(Pool("10.1.0.0/16"),)), labels={"a": "1"}),
        None,
        1,
    )
    assert template.driver == "null"
    network = outline(NetworkRequest("web", labels={"b": "2"}), template, 2)
    assert network.config_from == "template" and network.ipam == template.ipam and network.driver == "bridge"
    assert network.labels == {"a": "1", "b": "2"}


def test_configured_pools_come_instead_of_dockers() -> None:
    sources = choices((AddressPool("10.200.0.0/16", 24),), "seed")
    network = with_pools(outline(NetworkRequest("web", enable_ipv6=True), None, 1), sources, [], [])
    assert network.pools[0].subnet == "10.200.0.0/24" and network.pools[1].ipv6


def test_the_default_bridge_shows_what_is_configured() -> None:
    bridge = default_bridge(Config(icc=False, mtu=1400), "isula0", None, SOURCES, [], 5)
    assert bridge.name == "bridge" and bridge.interface == "isula0" and bridge.created == 5
    assert bridge.pools == (Pool("172.17.0.0/16", gateway="172.17.0.1"),) == bridge.ipam.config
    assert bridge.options["com.docker.network.bridge.enable_icc"] == "false"
    assert bridge.options["com.docker.network.driver.mtu"] == "1400"


def test_the_default_bridge_stays_where_it_was_while_it_can() -> None:
    first = default_bridge(Config(), "isula0", None, SOURCES, [ipaddress.ip_network("172.17.0.0/16")], 5)
    again = default_bridge(Config(), "isula0", first, SOURCES, [], 6)
    assert again == first and first.pools[0].subnet == "172.18.0.0/16"
    moved = default_bridge(Config(), "isula0", first, SOURCES, [ipaddress.ip_network("172.18.0.0/24")], 6)
    assert moved.id == first.id and moved.pools[0].subnet == "172.17.0.0/16"


def test_the_default_bridge_can_be_told_its_address() -> None:
    told = default_bridge(Config(bip="10.9.0.1/16", fixed_cidr="10.9.5.0/24"), "isula0", None, SOURCES, [], 5)
    assert told.pools == (Pool("10.9.0.0/16", ip_range="10.9.5.0/24", gateway="10.9.0.1"),)
    assert default_bridge(Config(fixed_cidr="10.9.5.0/24"), "isula0", told, SOURCES, [], 5).pools == (
        Pool("10.9.5.0/24", gateway="10.9.5.1"),
    )


def test_the_hosts_networks_have_no_addresses() -> None:
    assert builtin_network("none", 1).driver == "null" and builtin_network("host", 1).pools == ()
