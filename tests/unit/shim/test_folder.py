"""The files of a shim's folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from shim import folder, protocol
from shim.protocol import ExitRecord


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_new_life_begins_without_the_record_of_the_last() -> None:
    folder.write_record(ExitRecord(3, 1), sync=False)
    folder.write(protocol.PID_FILE, b"1")
    folder.clear()
    folder.introduce(os.getpid())
    assert sorted(os.listdir()) == [protocol.SHIM_PID_FILE]
    pid, start = folder.read_text(protocol.SHIM_PID_FILE).split()
    assert int(pid) == os.getpid()
    assert int(start) == folder.start_time(os.getpid())


def test_the_exit_record_reads_back() -> None:
    folder.write_record(ExitRecord(137, 5, oom=True), sync=True)
    assert os.listdir() == [protocol.EXIT_RECORD]
    assert protocol.decode(ExitRecord, Path(protocol.EXIT_RECORD).read_bytes()) == ExitRecord(137, 5, oom=True)


def test_notes_are_json_lines_with_the_place_of_the_error() -> None:
    try:
        raise ValueError("odd")
    except ValueError as error:
        folder.note(error)
    entry = json.loads(Path(protocol.SHIM_LOG).read_text())
    assert entry["msg"].startswith("ValueError: odd (test_folder.py:")


def test_a_log_that_has_become_long_begins_anew() -> None:
    for _ in range(700):
        folder.note_refusal("x" * 100)
    assert os.path.getsize(protocol.ATTACH_LOG) < 70_000


def test_notes_in_a_folder_that_is_gone_are_no_error(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    folder.note("nobody reads this")


def test_news_stay_in_the_fifo_for_whoever_comes_later() -> None:
    os.mkfifo(protocol.EXIT_FIFO)
    kept = folder.open_exit_fifo()
    os.write(kept, b"news\n")
    reader = os.open(protocol.EXIT_FIFO, os.O_RDONLY | os.O_NONBLOCK)
    assert os.read(reader, 99) == b"news\n"
    os.close(reader)
    os.close(kept)
