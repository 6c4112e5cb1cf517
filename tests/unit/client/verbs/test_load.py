from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.client.fake_engine import FakeEngine, chunked


def test_an_archive_is_sent_and_the_names_are_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = os.urandom(3_000_000)
    (tmp_path / "a.tar").write_bytes(data)
    with FakeEngine({"POST /images/load": chunked(b'{"stream":"Loaded image: box:latest\\n"}\n')}) as fake:
        assert fake.run("load", "-i", f"{tmp_path}/a.tar") == 0
        assert fake.requests[0].body == data
        assert fake.requests[0].query == "quiet=1"
    assert capfd.readouterr().out == "Loaded image: box:latest\n"


def test_an_error_in_the_stream_fails(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.tar").write_bytes(b"x")
    with FakeEngine({"POST /images/load": chunked(b'{"error":"bad","errorDetail":{"message":"bad tar"}}\n')}) as fake:
        assert fake.run("load", "-i", f"{tmp_path}/a.tar") == 1
    assert capfd.readouterr().err == "Error response from daemon: bad tar\n"


def test_a_file_that_is_not_there_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({}) as fake:
        assert fake.run("load", "-i", "/no/such.tar") == 1
    assert capfd.readouterr().err == "isula-rest: open /no/such.tar: no such file or directory\n"
