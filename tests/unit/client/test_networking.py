from __future__ import annotations

from typing import Any

import pytest

from client.networking import networks
from client.verbs import find_verb


def asked(*words: str) -> tuple[str, dict[str, dict[str, Any]], list[str]]:
    return networks(find_verb("run").parse([*words, "busybox"]))


def test_without_a_network_nothing_is_sent() -> None:
    assert asked() == ("", {}, [])
    assert asked("--network", "none") == ("none", {}, [])
    assert asked("--net", "blue") == ("blue", {}, [])


def test_what_goes_with_the_first_network() -> None:
    assert asked(
        *("--network", "blue", "--network-alias", "web", "--net-alias", "www", "--ip", "10.0.0.5", "--ip6", "fd00::5"),
        *("--mac-address", "02:00:00:00:00:01", "--link-local-ip", "169.254.1.1", "--link", "db:sql"),
    ) == (
        "blue",
        {
            "blue": {
                "IPAMConfig": {
                    "IPv4Address": "10.0.0.5",
                    "IPv6Address": "fd00::5",
                    "LinkLocalIPs": ["169.254.1.1"],
                },
                "Aliases": ["web", "www"],
                "MacAddress": "02:00:00:00:00:01",
                "Links": ["db:sql"],
            }
        },
        [],
    )


def test_the_default_network_has_its_own_key_and_links() -> None:
    mode, endpoints, links = asked("--mac-address", "02:00:00:00:00:01", "--link", "db")
    assert (mode, endpoints, links) == ("", {"default": {"MacAddress": "02:00:00:00:00:01"}}, ["db"])


def test_several_networks_in_the_long_form() -> None:
    mode, endpoints, _ = asked(
        *("--network", "name=blue,alias=a,alias=b,gw-priority=-1", "--network", "red"),
        *("--network", "name=lan,ip=10.9.0.2,driver-opt=x=y"),
    )
    assert mode == "blue"
    assert endpoints == {
        "blue": {"Aliases": ["a", "b"], "GwPriority": -1},
        "red": {},
        "lan": {"IPAMConfig": {"IPv4Address": "10.9.0.2"}, "DriverOpts": {"x": "y"}},
    }


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--network", "blue", "--network", "host"), "both user-defined and non-user-defined"),
        (("--network", "blue", "--network", "blue"), "given twice"),
        (("--network", "name=blue,ip=1.1.1.1", "--ip", "1.1.1.2"), "conflicting options: --ip and the ip of --network"),
        (("--network", "alias=x"), "the name is missing"),
        (("--network", "name=blue,color=red"), "unknown key color"),
        (("--network", "name=blue,ip"), "NAME, or name=NAME"),
        (("--network", "name=blue,ip=1.1.1.1,ip=1.1.1.2"), "ip is given twice"),
        (("--network", "name=blue,gw-priority=x"), "invalid gw-priority"),
        (("--network", "name=blue,driver-opt=x"), "invalid driver-opt"),
    ],
)
def test_what_makes_no_sense_is_told(words: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        asked(*words)
