"""The rehearsal leaves nothing open, and the hole filler comes to an end."""

from __future__ import annotations

import os

from shim.jsonlog import message_endings
from shim.rehearsal import fill_holes, rehearse


def test_a_rehearsal_leaves_no_descriptor_open() -> None:
    before = os.listdir("/proc/self/fd")
    rehearse(message_endings())
    assert os.listdir("/proc/self/fd") == before


def test_filling_holes_takes_blocks_of_every_small_size_and_little_memory() -> None:
    kept = fill_holes()
    assert len(kept) > 25
    assert sum(len(blocks) for blocks in kept) < 200_000
