from __future__ import annotations

import pytest

from client.verbs.network.create import pairs
from tests.unit.client.fake_engine import FakeEngine

CREATED = {"POST /networks/create": (201, {"Id": "n" * 64, "Warning": ""})}


def test_a_name_is_enough(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine(dict(CREATED)) as fake:
        assert fake.run("network", "create", "web") == 0
    body = fake.requests[0].json
    assert body["Name"] == "web" and body["Driver"] == "bridge" and "EnableIPv6" not in body
    assert body["IPAM"] == {"Driver": "default", "Options": {}, "Config": []}
    assert capfd.readouterr().out == "n" * 64 + "\n"


def test_addresses_go_to_the_subnet_that_holds_them() -> None:
    words = "--subnet 10.1.0.0/16 --subnet fd00::/64 --gateway fd00::1 --gateway 10.1.0.254 --ip-range 10.1.2.0/24"
    words += " --aux-address a=10.1.0.9 --aux-address b=10.1.0.8 --ipv6 --ipv4=false --internal"
    with FakeEngine(dict(CREATED)) as fake:
        assert fake.run("network", "create", *words.split(), "-o", "parent=eth0", "--label", "x", "web") == 0
    body = fake.requests[0].json
    assert body["IPAM"]["Config"] == [
        {
            "Subnet": "10.1.0.0/16",
            "Gateway": "10.1.0.254",
            "IPRange": "10.1.2.0/24",
            "AuxiliaryAddresses": {"a": "10.1.0.9", "b": "10.1.0.8"},
        },
        {"Subnet": "fd00::/64", "Gateway": "fd00::1"},
    ]
    assert body["EnableIPv6"] is True and body["EnableIPv4"] is False and body["Internal"] is True
    assert body["Options"] == {"parent": "eth0"} and body["Labels"] == {"x": ""}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("--subnet x", "invalid subnet x"),
        ("--gateway 10.1.0.1", "no matching subnet for --gateway 10.1.0.1"),
        ("--subnet 10.1.0.0/16 --gateway x", "invalid --gateway x"),
        ("--subnet 10.1.0.0/16 --gateway 10.1.0.1 --gateway 10.1.0.2", "cannot configure multiple gateways"),
        ("--subnet 10.1.0.0/16 --aux-address 10.1.0.1", "NAME=ADDRESS is wanted"),
    ],
)
def test_what_fits_nowhere_is_told_before_anything_is_asked(
    words: str, problem: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with FakeEngine({}) as fake:
        assert fake.run("network", "create", *words.split(), "web") != 0
        assert fake.requests == []
    assert problem in capfd.readouterr().err


def test_a_configuration_is_made_and_taken() -> None:
    with FakeEngine(dict(CREATED)) as fake:
        assert fake.run("network", "create", "--config-only", "--subnet", "10.1.0.0/16", "base") == 0
        assert fake.run("network", "create", "--config-from", "base", "web") == 0
    base, web = (request.json for request in fake.requests)
    assert base["ConfigOnly"] is True and base["Driver"] == ""
    assert web["ConfigFrom"] == {"Network": "base"} and "IPAM" not in web


def test_a_pair_may_lack_its_value() -> None:
    assert pairs(["a=b=c", "d"]) == {"a": "b=c", "d": ""}
