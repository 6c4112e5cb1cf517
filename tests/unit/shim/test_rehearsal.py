"""The rehearsal leaves nothing open, and the hole filler comes to an end."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

from shim.jsonlog import message_endings
from shim.loop import catch_children
from shim.rehearsal import PATIENCE, ROUNDS, fill_holes, rehearse


def test_a_rehearsal_leaves_nothing(tmp_path: Path) -> None:
    def left() -> tuple[object, ...]:
        children = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text()
        return os.listdir("/proc/self/fd"), os.getcwd(), children, os.listdir(tmp_path)

    handler = signal.getsignal(signal.SIGCHLD)
    catch_children()
    try:
        before = left()
        began = time.monotonic()
        rehearse(message_endings(), str(tmp_path))
        assert time.monotonic() - began < ROUNDS * PATIENCE / 2
    finally:
        signal.signal(signal.SIGCHLD, handler)
    assert left() == before


def test_filling_holes_takes_blocks_of_every_small_size_and_little_memory() -> None:
    kept = fill_holes()
    assert len(kept) > 25
    assert sum(len(blocks) for blocks in kept) < 200_000
