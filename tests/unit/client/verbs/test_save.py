from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.client.fake_engine import FakeEngine, chunked


def test_the_archive_is_written_to_stdout_or_a_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"GET /images/get": chunked(b"tar", b"ball")}) as fake:
        assert fake.run("save", "a", "b:1") == 0
        assert fake.run("save", "-o", f"{tmp_path}/x.tar", "a") == 0
        assert fake.requests[0].query == "names=a&names=b:1"
    assert capfd.readouterr().out == "tarball"
    assert (tmp_path / "x.tar").read_bytes() == b"tarball"
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar"]


def test_an_archive_that_is_cut_off_leaves_no_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"GET /images/get": chunked(b"half", end=False)}) as fake:
        assert fake.run("save", "-o", f"{tmp_path}/x.tar", "a") == 1
    assert "before the engine's reply was complete" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"GET /images/get": chunked(b"x")}) as fake:
        assert fake.run("save", "-o", "/no/such/x.tar", "a") == 1
    assert capfd.readouterr().err == "isula-rest: /no/such/x.tar: no such file or directory\n"


def test_a_device_is_written_as_it_is() -> None:
    with FakeEngine({"GET /images/get": chunked(b"x")}) as fake:
        assert fake.run("save", "-o", "/dev/null", "a") == 0
