from __future__ import annotations

import pytest

from client import address
from client.errors import UsageError


def test_the_option_comes_before_the_environment_and_that_before_the_default() -> None:
    both = {"ISULA_HOST": "unix:///i", "DOCKER_HOST": "unix:///d"}
    assert address.choose("unix:///o", both) == "unix:///o"
    assert address.choose("", both) == "unix:///i"
    assert address.choose("", {"DOCKER_HOST": "unix:///d"}) == "unix:///d"
    assert address.choose("", {}) == "unix:///run/isulad.sock"


def test_addresses_are_read() -> None:
    assert address.parse("unix:///run/x.sock").path == "/run/x.sock"
    assert address.parse("/run/x.sock").path == "/run/x.sock"
    tcp = address.parse("tcp://[::1]:2375")
    assert (tcp.host, tcp.port) == ("::1", 2375)


@pytest.mark.parametrize(
    "text",
    ["", "run/x", "unix://", "tcp://host", "tcp://host:0", "tcp://host:99999", "ssh://h", "unix:///" + "a" * 120],
)
def test_a_bad_address_is_refused_by_name(text: str) -> None:
    with pytest.raises(UsageError, match="invalid address"):
        address.parse(text)
