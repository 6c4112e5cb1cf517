"""The engine's progress streams (load, import, pull): one JSON value a line."""

from __future__ import annotations

from client.errors import EngineError
from client.output import write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


class Progress:
    """Shows a progress stream.

    On a terminal the line of each layer is rewritten in place; elsewhere each new status is a plain line and the
    many small steps of a transfer are left out. `quiet` shows final words only, `silent`
    nothing but errors.
    """

    def __init__(self, descriptor: int, terminal: bool, quiet: bool = False, silent: bool = False) -> None:
        self._descriptor = descriptor
        self._terminal = terminal
        self._quiet = quiet
        self._silent = silent
        self._rows: dict[str, int] = {}  # a layer's line, counted from the first that is still rewritten
        self._said: dict[str, str] = {}

    def follow(self, messages: Iterable[Any]) -> None:
        """Show messages until the stream's end; raises EngineError if the engine reports one."""
        for message in messages:
            if not isinstance(message, dict):
                continue
            if "error" in message or "errorDetail" in message:
                detail = message.get("errorDetail") or {}
                raise EngineError(500, str(detail.get("message") or message.get("error")))
            if not self._silent:
                self._show(message)

    def _show(self, message: dict[str, Any]) -> None:
        text = str(message.get("stream") or "")
        if text:
            self._rows.clear()
            self._write(text if text.endswith("\n") else text + "\n")
            return
        status, layer = str(message.get("status") or ""), str(message.get("id") or "")
        detail = message.get("progressDetail") or {}
        if not status or (self._quiet and layer):
            return
        line = f"{layer}: {status}" if layer else status
        if not layer:
            self._rows.clear()
            self._write(line + "\n")
        elif self._terminal:
            self._rewrite(layer, line + _bar(detail))
        elif self._said.get(layer) != status:
            self._said[layer] = status
            self._write(line + "\n")

    def _rewrite(self, layer: str, line: str) -> None:
        """Put a layer's line where it stood, or below all others."""
        if layer not in self._rows:
            self._rows[layer] = len(self._rows)
            self._write(line + "\n")
            return
        up = len(self._rows) - self._rows[layer]
        self._write(f"\x1b[{up}A\x1b[2K\r{line}\n" + (f"\x1b[{up - 1}B" if up > 1 else ""))

    def _write(self, text: str) -> None:
        write_all(self._descriptor, [text.encode("utf-8", "surrogateescape")])


def _bar(detail: dict[str, Any]) -> str:
    """` [====>    ]  12MB/30MB`, nothing without numbers."""
    from client.format import size

    current, total = detail.get("current"), detail.get("total")
    if not isinstance(current, (int, float)) or not current:
        return ""
    if not isinstance(total, (int, float)) or total <= 0:
        return f" {size(current, 4)}"
    done = int(min(1.0, current / total) * 30)
    bar = ("=" * done + ">")[:30].ljust(30)
    return f" [{bar}] {size(current, 4)}/{size(total, 4)}"
