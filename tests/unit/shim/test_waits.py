"""Held waits: their body, and when they are answered."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from shim.loop import Loop
from shim.protocol import ExitRecord, Wait
from shim.waits import Waits, body, folder_watch


def fail(error: Exception) -> None:
    raise error


def test_the_body_is_one_chunk_with_the_code() -> None:
    assert body(ExitRecord(42, 0)) == b'12\r\n{"StatusCode":42}\n\r\n0\r\n\r\n'


def test_an_unknown_exit_is_never_a_zero() -> None:
    answer = json.loads(body(ExitRecord(None, 0, unknown="shim killed")).split(b"\r\n")[1])
    assert answer == {"StatusCode": 255, "Error": {"Message": "shim killed"}}


def test_a_client_that_leaves_is_forgotten() -> None:
    loop = Loop(fail)
    waits = Waits(loop, lambda: False, loop.stop)
    ours, theirs = socket.socketpair()
    waits.add(theirs.detach(), Wait())
    assert len(waits) == 1
    ours.close()
    loop.run()
    assert len(waits) == 0
    loop.close()


def test_a_wait_that_comes_after_the_exit_is_answered_at_once() -> None:
    loop = Loop(fail)
    waits = Waits(loop, lambda: False, lambda: None)
    waits.answer(ExitRecord(1, 0))
    ours, theirs = socket.socketpair()
    with ours:
        waits.add(theirs.detach(), Wait(head="H"))
        assert ours.recv(999).startswith(b"H")
    loop.close()


def test_a_folder_that_is_gone_already_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state"
    path.mkdir()
    monkeypatch.chdir(path)
    path.rmdir()
    assert folder_watch(str(path))()


def test_a_folder_made_anew_is_not_the_one_that_was_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state"
    path.mkdir()
    monkeypatch.chdir(path)
    gone = folder_watch(str(path))
    assert not gone()
    path.rename(tmp_path / "old")
    assert gone()
    os.mkdir(path)
    assert gone()
