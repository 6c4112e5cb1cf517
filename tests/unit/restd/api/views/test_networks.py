from __future__ import annotations

from restd.api.views.networks import network_view, shown_pools
from restd.model.network import Endpoint, Ipam, Network, Pool

CHOSEN = (Pool("172.18.0.0/16", gateway="172.18.0.1"), Pool("fd00::/64", gateway="fd00::1"))
NETWORK = Network("a" * 64, "web", 1_700_000_000_000_000_000, "bridge", enable_ipv6=True, pools=CHOSEN)


def test_a_network_has_dockers_keys() -> None:
    assert network_view(NETWORK, ()) == {
        "Name": "web",
        "Id": "a" * 64,
        "Created": "2023-11-14T22:13:20.000000000Z",
        "Scope": "local",
        "Driver": "bridge",
        "EnableIPv4": True,
        "EnableIPv6": True,
        "IPAM": {
            "Driver": "default",
            "Options": None,
            "Config": [
                {"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"},
                {"Subnet": "fd00::/64", "Gateway": "fd00::1"},
            ],
        },
        "Internal": False,
        "Attachable": False,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": {},
        "Options": {},
        "Labels": {},
    }


def test_what_was_asked_for_is_shown_as_it_was_asked() -> None:
    asked = Network("a" * 64, "web", 1, "bridge", ipam=Ipam(config=(Pool("172.18.0.0/16"),)), pools=CHOSEN)
    assert shown_pools(asked) == [Pool("172.18.0.0/16"), CHOSEN[1]]


def test_containers_are_shown_with_their_addresses() -> None:
    member = Endpoint("e" * 64, "c" * 64, "a" * 64, "web", ipv4_address="172.18.0.2", ipv4_prefix=16, name="db")
    assert network_view(NETWORK, (member,))["Containers"] == {
        "c" * 64: {
            "Name": "db",
            "EndpointID": "e" * 64,
            "MacAddress": "",
            "IPv4Address": "172.18.0.2/16",
            "IPv6Address": "",
        }
    }
