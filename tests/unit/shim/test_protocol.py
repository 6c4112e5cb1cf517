"""Messages survive the way over a socket, from older and newer peers."""

from __future__ import annotations

import pytest

from shim.protocol import Attach, Birth, Born, ExitRecord, LogSpec, News, ProcessSpec, Wait, decode, encode


@pytest.mark.parametrize(
    "message",
    [
        ProcessSpec("id", ["runc"], "/b", log=LogSpec(path="/l", max_size=5), process={"args": ["x"]}),
        Birth("/s", [Attach(stdin=True, detach_keys=[16, 17])], [Wait(removed=True)]),
        Born(ok=True, pid=5),
        ExitRecord(None, 1, unknown="why"),
        News("exit"),
    ],
)
def test_decoding_is_the_inverse_of_encoding(message: object) -> None:
    assert decode(type(message), encode(message)) == message


def test_fields_of_a_newer_peer_are_ignored_and_missing_ones_reported() -> None:
    assert decode(News, b'{"what":"x","later":1}') == News("x")
    for wrong in (b"{}", b"[]", b"nonsense"):
        with pytest.raises(ValueError, match=r"."):
            decode(News, wrong)
