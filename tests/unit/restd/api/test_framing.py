from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.api.framing import ChunkScanner, LengthScanner, head_end, read_head


def chunked(parts: list[bytes], trailer: bytes = b"") -> bytes:
    return b"".join(b"%x;ext=1\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n" + trailer + b"\r\n"


def taken(scanner: LengthScanner | ChunkScanner, data: bytes, size: int) -> int:
    """How many bytes the scanner says are the body's, fed in pieces of `size`."""
    count = 0
    for start in range(0, len(data), size):
        piece = data[start : start + size]
        took = scanner.take(piece)
        count += took
        if took < len(piece):
            break
    return count


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=5), st.sampled_from([b"", b"A: b\r\n"]), st.integers(1, 60)
)
def test_a_chunked_body_ends_where_it_ends_however_it_is_cut(parts: list[bytes], trailer: bytes, size: int) -> None:
    body = chunked(parts, trailer)
    scanner = ChunkScanner()
    assert taken(scanner, body + b"behind", size) == len(body)
    assert scanner.done


@given(st.binary(max_size=50), st.integers(1, 20))
def test_a_body_of_known_length_ends_there(body: bytes, size: int) -> None:
    scanner = LengthScanner(len(body))
    assert taken(scanner, body + b"behind", size) == len(body)
    assert scanner.done


@given(st.binary(max_size=200))
def test_any_bytes_are_a_chunked_body_or_refused(data: bytes) -> None:
    scanner = ChunkScanner()
    try:
        assert 0 <= scanner.take(data) <= len(data)
    except ValueError:
        assert not scanner.done


@pytest.mark.parametrize("body", [b"xyz\r\n", b"-1\r\n", b"1" * 20 + b"\r\n", b"\r\n", b"a" * 5000])
def test_what_is_no_chunk_size_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="chunk size"):
        ChunkScanner().take(body)


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_the_end_of_a_head_is_the_empty_line(line_end: bytes) -> None:
    head = b"GET / HTTP/1.1" + line_end + b"Host: d" + line_end * 2
    assert head_end(head + b"more") == len(head)
    assert all(head_end(head[:cut]) < 0 for cut in range(len(head)))


@pytest.mark.parametrize(
    ("line", "takes_over"),
    [
        (b"POST /containers/x/attach HTTP/1.1", True),
        (b"POST /v1.50/containers/x/attach?stream=1 HTTP/1.1", True),
        (b"POST /containers/x/wait?condition=removed HTTP/1.1", True),
        (b"POST /exec/x/start HTTP/1.1", True),
        (b"POST /containers/%2Fx/attach HTTP/1.1", True),
        (b"GET /containers/x/attach HTTP/1.1", False),
        (b"POST /containers/x/attachment HTTP/1.1", False),
        (b"POST /containers/x/start HTTP/1.1", False),
        (b"POST /images/containers/x/attach/tag HTTP/1.1", False),
    ],
)
def test_requests_that_may_take_over_are_known_by_their_line(line: bytes, takes_over: bool) -> None:
    head = read_head(line + b"\r\nHost: d\r\n\r\n")
    assert head is not None
    assert head.takes_over is takes_over
    assert head.body is None


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        (b"Connection: Upgrade\r\nUpgrade: tcp\r\nA: b\r\n", b"A: b\r\n"),
        (b"A: b\r\nupgrade: TCP\r\nconnection: upgrade\r\n", b"A: b\r\n"),
        (b"Connection: keep-alive, Upgrade\r\nUpgrade: h2c\r\n", b"Connection: keep-alive\r\n"),
        (b"A: b\r\n", b"A: b\r\n"),
    ],
)
def test_the_offer_to_upgrade_is_taken_out_and_remembered(fields: bytes, left: bytes) -> None:
    head = read_head(b"POST /exec/x/start HTTP/1.1\r\nHost: d\r\n" + fields + b"\r\n")
    assert head is not None
    assert head.upgrade is (fields != left)
    assert head.data == b"POST /exec/x/start HTTP/1.1\r\nHost: d\r\n" + left + b"\r\n"


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 1\r\nContent-Length: 1\r\n",
        b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 1, 1\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Content-Length: 99999999999999999999\r\n",
    ],
)
def test_a_length_that_is_not_certain_is_left_to_the_parser(fields: bytes) -> None:
    assert read_head(b"POST /exec/x/start HTTP/1.1\r\nHost: d\r\n" + fields + b"\r\n") is None
