from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from restd.api.responses import Answer, Gone, Lent, Stream


class Protocol:
    """Notes what a response does to its connection."""

    def __init__(self) -> None:
        self.written = b""
        self.notes: list[str] = []
        self.lost = False

    def write(self, data: bytes) -> None:
        self.written += data

    async def drain(self) -> None:
        self.notes.append("drain")

    def open_stream(self, *, endless: bool) -> None:
        self.notes.append("open endless" if endless else "open")

    def close_stream(self) -> None:
        self.notes.append("close")

    def abort(self) -> None:
        self.notes.append("abort")

    def release(self) -> None:
        self.notes.append("release")


def send(response: Any) -> None:
    async def sending() -> None:
        await response.prepare(None)
        await response.write_eof()

    asyncio.run(sending())


def test_an_answer_is_one_write() -> None:
    protocol = Protocol()
    send(Answer(cast(Any, protocol), b"head and body", keep_alive=True))
    assert (protocol.written, protocol.notes) == (b"head and body", ["drain"])


def test_what_is_gone_writes_nothing_and_keeps_nothing() -> None:
    gone = Gone()
    send(gone)
    assert not gone.keep_alive


@pytest.mark.parametrize(("chunked", "body"), [(True, b"head2\r\nab\r\n0\r\n\r\n"), (False, b"headab")])
def test_a_stream_ends_in_the_way_it_was_framed(chunked: bool, body: bytes) -> None:
    protocol = Protocol()
    stream = Stream(cast(Any, protocol), b"head", chunked=chunked, keep_alive=True)
    stream.put(b"ab")
    send(stream)
    assert protocol.written == body
    assert stream.keep_alive is chunked
    assert protocol.notes == ["open", "close", "drain"]


def test_put_says_nothing_to_a_client_that_has_left() -> None:
    protocol = Protocol()
    stream = Stream(cast(Any, protocol), b"", chunked=True, keep_alive=True)
    protocol.lost = True
    stream.put(b"ab")
    stream.cut()
    assert (protocol.written, protocol.notes) == (b"", ["open", "abort"])


def test_a_stream_says_whether_it_would_ever_end() -> None:
    protocol = Protocol()
    assert Stream(cast(Any, protocol), b"", chunked=True, keep_alive=True, endless=True).endless
    assert protocol.notes == ["open endless"]


def test_a_lent_connection_remembers_its_release() -> None:
    protocol = Protocol()
    lent = Lent(cast(Any, protocol), upgrade=True)
    before = lent.released
    lent.release()
    assert (lent.upgrade, before, lent.released) == (True, False, True)
    assert protocol.notes == ["release"]
