from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client import ports


def binding(address: str, port: str) -> dict[str, str]:
    return {"HostIp": address, "HostPort": port}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("80", {"80/tcp": [binding("", "")]}),
        ("8080:80", {"80/tcp": [binding("", "8080")]}),
        ("127.0.0.1:8080:80/udp", {"80/udp": [binding("127.0.0.1", "8080")]}),
        ("127.0.0.1::80", {"80/tcp": [binding("127.0.0.1", "")]}),
        ("[::1]:8080:80", {"80/tcp": [binding("::1", "8080")]}),
        ("::1:8080:80", {"80/tcp": [binding("::1", "8080")]}),
        ("8000-8001:80-81", {"80/tcp": [binding("", "8000")], "81/tcp": [binding("", "8001")]}),
        ("8000-8005:80", {"80/tcp": [binding("", "8000-8005")]}),
        ("80-81", {"80/tcp": [binding("", "")], "81/tcp": [binding("", "")]}),
    ],
)
def test_published_ports(text: str, found: dict[str, list[dict[str, str]]]) -> None:
    assert ports.published([text]) == found


@pytest.mark.parametrize(
    "text", ["", "a", "80/xyz", "70000", "1:2:", "90-80", "1-3:1-2", "-1", "[::1:80:80", "[::1]80", "80:", "8-9-10"]
)
def test_a_bad_port_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="invalid port"):
        ports.published([text])


def test_exposed_ports() -> None:
    assert ports.exposed(["80", "53/udp", "90-91"]) == {"80/tcp": {}, "53/udp": {}, "90/tcp": {}, "91/tcp": {}}


@given(st.text(alphabet="0123456789:-/[]tcpud.") | st.text())
def test_any_text_is_a_port_or_refused(text: str) -> None:
    try:
        assert ports.published([text])
    except ValueError as error:
        assert "invalid port" in str(error)
