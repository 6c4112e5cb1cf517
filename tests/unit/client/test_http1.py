from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.http1 import Chunks, ProtocolError, parse_head, query, quote, request_head


def test_a_request_is_one_block_with_its_headers() -> None:
    head = request_head("GET", "/info", {"Connection": "close"})
    assert head.startswith(b"GET /info HTTP/1.1\r\nHost: localhost\r\n")
    assert head.endswith(b"Connection: close\r\n\r\n")


def test_queries_leave_out_what_is_not_set() -> None:
    assert query({"a": True, "b": False, "c": None, "d": 0, "e": ["x", "y z"]}) == "?a=1&d=0&e=x&e=y%20z"
    assert query({}) == ""


def test_quoting_keeps_a_name_from_leaving_its_place_in_the_path() -> None:
    assert quote("a/../b?x#y") == "a%2F..%2Fb%3Fx%23y"
    assert quote("repo/name:tag", b"/:") == "repo/name:tag"


def test_a_head_is_read() -> None:
    head = parse_head(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b ")
    assert (head.status, head.reason, head.length, head.headers["x-a"]) == (200, "OK", 5, "b")
    assert parse_head(b"HTTP/1.1 204 No Content").length == 0
    assert parse_head(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked").chunked


@pytest.mark.parametrize("data", [b"", b"SSH-2.0-x", b"HTTP/1.1 abc", b"HTTP/1.1 200 OK\r\nno colon"])
def test_what_is_not_http_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_head(data)


@given(st.lists(st.binary(min_size=1, max_size=300)), st.integers(1, 40))
def test_chunks_come_apart_however_they_arrive(parts: list[bytes], step: int) -> None:
    wire = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\nTrailer: x\r\n\r\n"
    chunks = Chunks()
    found = b""
    for at in range(0, len(wire), step):
        found += b"".join(chunks.feed(memoryview(wire[at : at + step])))
    assert found == b"".join(parts)
    assert chunks.done


@pytest.mark.parametrize("wire", [b"zz\r\n", b"-1\r\n", b"\r\n", b"1\r\nabc\r\n", b"x" * 5000, b"f" * 17 + b"\r\n"])
def test_damaged_chunks_are_refused(wire: bytes) -> None:
    chunks = Chunks()
    with pytest.raises(ProtocolError):
        for at in range(0, len(wire), 512):
            chunks.feed(memoryview(wire[at : at + 512]))


@given(st.binary(max_size=200))
def test_any_bytes_are_chunks_or_refused(wire: bytes) -> None:
    try:
        Chunks().feed(memoryview(wire))
    except ProtocolError:
        return
