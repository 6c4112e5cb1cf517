from __future__ import annotations

import pytest

from restd.api import wire
from tests.unit.restd.api.door import parse_head


def test_every_head_tells_version_system_and_server() -> None:
    for head in (
        wire.whole_head(200, wire.JSON, 3),
        wire.whole_head(404, wire.JSON, 3),
        wire.stream_head(200, wire.JSON, chunked=True),
        wire.ResponseHeads((1, 50)).stream_head(upgrade=True, framed=True),
        wire.ResponseHeads((1, 50)).wait_head(),
    ):
        _, headers = parse_head(head)
        assert headers["api-version"] == "1.50"
        assert headers["ostype"] == "linux"
        assert headers["docker-experimental"] == "false"
        assert headers["server"].startswith("Docker/") and headers["server"].endswith(" (linux)")
        assert head.endswith(b"\r\n\r\n") and head.count(b"\r\n\r\n") == 1


def test_the_type_of_json_has_no_charset() -> None:
    assert b"\r\nContent-Type: application/json\r\n" in wire.whole_head(400, wire.JSON, 1)


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_body_have_neither_length_nor_type(status: int) -> None:
    _, headers = parse_head(wire.whole_head(status, "", 0))
    assert "content-length" not in headers
    assert "content-type" not in headers


def test_an_empty_answer_has_length_zero_and_no_type() -> None:
    _, headers = parse_head(wire.whole_head(200, "", 0))
    assert headers["content-length"] == "0"
    assert "content-type" not in headers


@pytest.mark.parametrize(
    ("version", "upgrade", "framed", "content_type"),
    [
        ((1, 50), True, True, wire.MULTIPLEXED_STREAM),
        ((1, 50), True, False, wire.RAW_STREAM),
        ((1, 41), True, True, wire.RAW_STREAM),
        ((1, 50), False, True, wire.RAW_STREAM),
    ],
)
def test_the_type_of_a_stream_depends_on_version_upgrade_and_framing(
    version: tuple[int, ...], upgrade: bool, framed: bool, content_type: str
) -> None:
    head = wire.ResponseHeads(version).stream_head(upgrade=upgrade, framed=framed)
    status, headers = parse_head(head)
    assert status == (101 if upgrade else 200)
    assert headers["content-type"] == content_type
    assert headers.get("upgrade") == ("tcp" if upgrade else None)
    assert "transfer-encoding" not in headers and "content-length" not in headers


def test_a_wait_announces_one_chunked_json_body() -> None:
    _, headers = parse_head(wire.ResponseHeads((1, 50)).wait_head())
    assert headers["transfer-encoding"] == "chunked"
    assert headers["connection"] == "close"
    assert headers["content-type"] == "application/json"


def test_a_chunk_has_its_length_in_hex() -> None:
    assert wire.chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"
