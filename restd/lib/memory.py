"""Giving memory back to the system, at the moments when there is much to give."""

from __future__ import annotations

import ctypes
import gc

_M_ARENA_MAX = -8


def one_arena() -> None:
    """Let all threads allocate from one heap (mallopt(3)): a heap for each costs more than waiting for a lock, here."""
    ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def settle() -> None:
    """Collect, take what lives now as permanent, and return free pages (malloc_trim(3)); a few milliseconds.

    From now on the collector works by itself, also if it was switched off while everything was made.
    """
    gc.collect()
    gc.freeze()
    gc.enable()
    ctypes.CDLL(None).malloc_trim(0)
