"""The log on disk: rotation, write errors; a full disk: tests/shim/test_log.py."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shim.jsonlog import Clock, Encoder, message_endings
from shim.logfile import LogFile
from shim.protocol import LogSpec

ENDINGS = message_endings()


def make(path: Path, size: int = -1, files: int = 1, trouble: list[str] | None = None) -> LogFile:
    spec = LogSpec(path=str(path), max_size=size, max_files=files)
    told = trouble if trouble is not None else []
    return LogFile(spec, Encoder(Clock(), ENDINGS), lambda: None, told.append)


def texts(path: Path) -> list[str]:
    return [json.loads(line)["log"] for line in path.read_text().splitlines()]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.integers(1, 4), st.integers(150, 1000))
@settings(max_examples=25)
def test_what_is_kept_is_the_end_in_order_and_no_file_is_too_large(counts: list[int], files: int, size: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="shimlog-") as folder:
        path = Path(folder) / "log"
        log = make(path, size, files)
        number = 0
        for count in counts:
            log.append(1, b"".join(b"%d\n" % index for index in range(number, number + count)))
            number += count
        log.close()
        found = sorted(Path(folder).iterdir(), reverse=True)
        assert len(found) <= files
        assert all(file.stat().st_size <= size for file in found)
        names = [path.with_name(f"log.{index}") for index in range(files - 1, 0, -1)] + [path]
        kept = [int(text) for name in names if name.exists() for text in texts(name)]
        assert kept == list(range(kept[0], number))


def test_a_half_message_of_a_crash_is_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text('{"log":"torn')
    log = make(path)
    log.append(1, b"whole\n")
    log.close()
    assert json.loads(path.read_text().splitlines()[1])["log"] == "whole\n"


def test_messages_that_cannot_be_written_are_counted_and_noted_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, trouble = tmp_path / "log", list[str]()
    log = make(path, trouble=trouble)
    log.append(1, b"one\n")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        log.append(1, b"two\nthree\n")
        log.append(1, b"four\n")
    log.append(1, b"five\n")
    log.close()
    assert texts(path) == ["one\n", "3 log messages were lost: the log could not be written\n", "five\n"]
    assert trouble == [f"{path}: No space left on device"]
