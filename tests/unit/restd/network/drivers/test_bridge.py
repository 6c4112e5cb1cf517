from dataclasses import replace
from pathlib import Path

import pytest

from restd.errors import Forbidden, InvalidParameter, Unavailable
from restd.model.network import Network, Pool
from restd.network.chains import Names
from restd.network.cni.plugins import Plugins
from restd.network.drivers.bridge import BridgeDriver, bridge_addresses, bridge_rules
from restd.network.firewall import Firewall
from restd.network.options import bridge_options
from restd.network.registry import Registry
from tests.unit.restd.network.cni.scripted import Scripted

POOLS = (Pool("10.1.0.0/16", gateway="10.1.0.1"), Pool("fd00::/64", gateway="fd00::1"))
NETWORK = Network("a" * 64, "web", 1, "bridge", pools=POOLS, interface="br-a")
ICC = "com.docker.network.bridge.enable_icc"


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def driver(tmp_path: Path, registry: Registry) -> BridgeDriver:
    plugins = Plugins([str(Scripted(tmp_path, "bridge", "host-local").folder)])
    firewall = Firewall(Names("t"), off=(4, 6))
    return BridgeDriver(registry, plugins, firewall, "/leases", 0, forward=True)


def rules(network: Network, *, ipv6: bool = False) -> list[str]:
    options = bridge_options(network.options, internal=network.internal)
    return [f"{rule.chain} {rule.text}" for rule in bridge_rules(network, options) if rule.ipv6 == ipv6]


def test_a_bridge_is_called_after_its_network_or_as_asked(driver: BridgeDriver) -> None:
    assert driver.design(replace(NETWORK, interface="")).interface == "br-" + "a" * 12
    named = replace(NETWORK, interface="", options={"com.docker.network.bridge.name": "br7"})
    assert driver.design(named).interface == "br7" and driver.design(named).made_interface


def test_a_bridge_that_was_there_before_is_not_the_engines_to_remove(driver: BridgeDriver) -> None:
    assert not driver.design(replace(NETWORK, options={"com.docker.network.bridge.name": "lo"})).made_interface


def test_two_networks_do_not_share_a_bridge(driver: BridgeDriver, registry: Registry) -> None:
    registry.settle(replace(NETWORK, id="b" * 64, interface="br7"))
    with pytest.raises(Forbidden, match=r"conflicts with network b{64} \(br7\): networks have same bridge name"):
        driver.design(replace(NETWORK, options={"com.docker.network.bridge.name": "br7"}))


def test_what_is_missing_is_named_with_its_package(registry: Registry) -> None:
    nothing = Plugins(["/nowhere"])
    with pytest.raises(Unavailable, match="containernetworking-plugins"):
        BridgeDriver(registry, nothing, Firewall(Names("t"), off=(4, 6)), "/l", 0, forward=True).design(NETWORK)
    with pytest.raises(Unavailable, match="package iptables"):
        BridgeDriver(registry, nothing, Firewall(Names("t"), "/nowhere/iptables"), "/l", 0, forward=True).design(
            NETWORK
        )


def test_ipv6_needs_packets_of_some_size(driver: BridgeDriver) -> None:
    small = {"com.docker.network.driver.mtu": "1000"}
    driver.design(replace(NETWORK, options=small))
    with pytest.raises(InvalidParameter, match="too small for IPv6"):
        driver.design(replace(NETWORK, options=small, enable_ipv6=True))


def test_the_plugin_is_told_bridge_addresses_and_routes(driver: BridgeDriver) -> None:
    chain = driver.chain(replace(NETWORK, options={"com.docker.network.driver.mtu": "1400"}), way_out=True)
    (plugin,) = chain.plugins
    assert chain.name == NETWORK.id and plugin["bridge"] == "br-a" and plugin["mtu"] == 1400
    assert plugin["ipam"]["routes"] == [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]
    assert "ipMasq" not in plugin and chain.knows("ips") and chain.knows("mac")
    assert "routes" not in driver.chain(NETWORK, way_out=False).plugins[0]["ipam"]


def test_a_network_lets_out_everything_and_in_what_is_published_or_an_answer() -> None:
    assert rules(NETWORK) == [
        "IN -o br-a -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "IN -o br-a -m conntrack --ctstate DNAT -j ACCEPT",
        "IN -i br-a -o br-a -j ACCEPT",
        "IN -o br-a -j DROP",
        "BETWEEN -i br-a -j DROP",
        "OUT -i br-a -j ACCEPT",
        "POSTROUTING -s 10.1.0.0/16 ! -o br-a -j MASQUERADE",
        "POSTROUTING -s 10.1.0.0/16 -o br-a -m conntrack --ctstate DNAT -j MASQUERADE",
        "POSTROUTING -s 127.0.0.0/8 -o br-a -j MASQUERADE",
        "PREROUTING -i br-a -d 127.0.0.0/8 -j DROP",
        "INPUT -i br-a -d 10.1.0.1 -p udp --dport 53 -j ACCEPT",
        "INPUT -i br-a -d 10.1.0.1 -p tcp --dport 53 -j ACCEPT",
    ]
    assert "POSTROUTING -s fd00::/64 ! -o br-a -j MASQUERADE" in rules(NETWORK, ipv6=True)
    assert not any("127.0.0.0" in rule for rule in rules(NETWORK, ipv6=True))


def test_an_internal_network_has_no_way_in_or_out() -> None:
    internal = rules(replace(NETWORK, internal=True))
    assert "INTERNAL -i br-a ! -o br-a -j DROP" in internal and "INTERNAL ! -i br-a -o br-a -j DROP" in internal
    assert not any(rule.startswith(("OUT", "POSTROUTING")) for rule in internal)


def test_options_change_the_rules() -> None:
    assert "IN -i br-a -o br-a -j DROP" in rules(replace(NETWORK, options={ICC: "false"}))
    plain = rules(replace(NETWORK, options={"com.docker.network.bridge.enable_ip_masquerade": "false"}))
    assert not any("! -o br-a -j MASQUERADE" in rule for rule in plain)
    fixed = rules(replace(NETWORK, options={"com.docker.network.host_ipv4": "192.0.2.1"}))
    assert "POSTROUTING -s 10.1.0.0/16 ! -o br-a -j SNAT --to-source 192.0.2.1" in fixed
    open_ = rules(replace(NETWORK, options={"com.docker.network.bridge.gateway_mode_ipv4": "nat-unprotected"}))
    assert "IN -o br-a -j @BETWEEN" in open_ and "IN -o br-a -j ACCEPT" in open_ and "IN -o br-a -j DROP" not in open_


def test_a_network_of_one_family_has_rules_of_one() -> None:
    assert rules(replace(NETWORK, pools=POOLS[:1]), ipv6=True) == []


def test_the_default_bridge_answers_no_questions_for_names() -> None:
    assert not any(rule.startswith("INPUT") for rule in rules(replace(NETWORK, name="bridge")))


def test_the_bridge_has_the_gateways_addresses_unless_held_back() -> None:
    def addresses(**options: str) -> list[tuple[str, int]]:
        prefix = "com.docker.network.bridge."
        given = {prefix + name: value for name, value in options.items()}
        return bridge_addresses(NETWORK, bridge_options(given, internal=True))

    assert addresses() == [("10.1.0.1", 16), ("fd00::1", 64)]
    assert addresses(inhibit_ipv4="true") == [("fd00::1", 64)]
    assert addresses(gateway_mode_ipv6="isolated") == [("10.1.0.1", 16)]
