from __future__ import annotations

import pytest

from tests.unit.client.fake_engine import FakeEngine

PORTS = {
    "443/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8443"}, {"HostIp": "::", "HostPort": "8443"}],
    "53/udp": [{"HostIp": "", "HostPort": "53"}],
    "80/tcp": None,
}


def port(*words: str) -> int:
    with FakeEngine({"GET /containers/a/json": (200, {"NetworkSettings": {"Ports": PORTS}})}) as fake:
        return fake.run("port", "a", *words)


def test_all_ports_in_the_order_of_their_numbers(capfd: pytest.CaptureFixture[str]) -> None:
    assert port() == 0
    assert capfd.readouterr().out == (
        "53/udp -> 0.0.0.0:53\n443/tcp -> 0.0.0.0:8443\n443/tcp -> [::]:8443\n"
    )  # fmt: skip


def test_one_port_with_or_without_its_protocol(capfd: pytest.CaptureFixture[str]) -> None:
    assert port("443") == 0
    assert port("53/UDP") == 0
    assert capfd.readouterr().out == "0.0.0.0:8443\n[::]:8443\n0.0.0.0:53\n"


@pytest.mark.parametrize("word", ["80", "81/tcp", "53"])
def test_a_port_that_is_not_on_the_host_is_an_error(word: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert port(word) == 1
    assert f"no public port '{word.removesuffix('/tcp')}/tcp' published for a" in capfd.readouterr().err
