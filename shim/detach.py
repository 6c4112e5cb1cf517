"""The magic keys that end an attach: a small machine over the bytes that a terminal sends. Pure."""

from __future__ import annotations

from collections.abc import Sequence


class DetachKeys:
    """Looks for `keys` (byte values) in the input.

    A partial match is held back and released with the byte that breaks it, as Docker does: `ctrl-p` alone seems
    swallowed until another key is typed. With no keys everything passes.
    """

    def __init__(self, keys: Sequence[int]) -> None:
        if any(not 0 <= key <= 255 for key in keys):
            raise ValueError("detach keys are byte values")
        self._keys = bytes(keys)
        self._matched = 0

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """The bytes to pass on, and whether the keys are complete; what comes behind them is dropped."""
        keys = self._keys
        if not keys or (not self._matched and keys[0] not in data):
            return data, False
        passed = bytearray()
        for byte in data:
            passed += self._step(byte)
            if self._matched == len(keys):
                self._matched = 0
                return bytes(passed), True
        return bytes(passed), False

    def _step(self, byte: int) -> bytes:
        """Take one byte; return what is now known not to belong to the keys."""
        keys = self._keys
        held = keys[: self._matched] + bytes((byte,))
        for drop in range(len(held) + 1):
            if keys.startswith(held[drop:]):
                self._matched = len(held) - drop
                return held[:drop]
        raise AssertionError("the empty string starts every string")
