import pytest

from restd.errors import InvalidParameter
from restd.network import options
from restd.network.options import BridgeOptions, bridge_options


def test_nothing_asked_for_is_dockers_defaults() -> None:
    assert bridge_options({}, internal=False) == BridgeOptions()
    assert BridgeOptions().mode(4) == BridgeOptions().mode(6) == "nat"


def test_every_option_of_a_bridge_is_read() -> None:
    read = bridge_options(
        {
            "com.docker.network.bridge.name": "br7",
            "com.docker.network.driver.mtu": "1400",
            "com.docker.network.bridge.enable_icc": "false",
            "com.docker.network.bridge.enable_ip_masquerade": "0",
            "com.docker.network.bridge.inhibit_ipv4": "true",
            "com.docker.network.host_ipv4": "192.0.2.1",
            "com.docker.network.host_ipv6": "2001:db8::1",
            "com.docker.network.bridge.gateway_mode_ipv6": "nat-unprotected",
        },
        internal=False,
    )
    assert read == BridgeOptions(
        "br7", 1400, False, False, True, "192.0.2.1", "2001:db8::1", ("nat", "nat-unprotected")
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("com.docker.network.bridge.name", "far-too-long-a-name"),
        ("com.docker.network.bridge.name", "a/b"),
        ("com.docker.network.driver.mtu", "big"),
        ("com.docker.network.driver.mtu", "70000"),
        ("com.docker.network.driver.mtu", "-1"),
        ("com.docker.network.bridge.enable_icc", "maybe"),
        ("com.docker.network.host_ipv4", "2001:db8::1"),
        ("com.docker.network.bridge.host_binding_ipv4", "everywhere"),
        ("com.docker.network.bridge.gateway_mode_ipv4", "odd"),
        ("com.docker.network.bridge.gateway_mode_ipv4", "routed"),
        ("com.docker.network.bridge.gateway_mode_ipv4", "isolated"),
        ("com.docker.network.container_iface_prefix", "lo"),
        ("com.docker.network.container_iface_prefix", "0x"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_the_options_name(name: str, value: str) -> None:
    with pytest.raises(InvalidParameter, match=name):
        bridge_options({name: value}, internal=False)


def test_an_internal_network_may_be_isolated_from_the_host() -> None:
    assert bridge_options({options.GATEWAY_MODE_IPV4: "isolated"}, internal=True).mode(4) == "isolated"


def test_an_option_that_nobody_would_obey_is_refused() -> None:
    options.check_known("bridge", {options.MTU: "1500"})
    with pytest.raises(InvalidParameter, match="unknown option 'parent' for driver bridge"):
        options.check_known("bridge", {"parent": "eth0"})
    with pytest.raises(InvalidParameter, match="for driver macvlan"):
        options.check_known("macvlan", {options.ENABLE_ICC: "true"})
