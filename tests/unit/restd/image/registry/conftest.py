from __future__ import annotations

import pytest

from restd.image.registry import downloads, push, session


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits before another attempt; how long they would is tested by itself."""
    for module in (downloads, push, session):
        monkeypatch.setattr(module, "pause", lambda attempt, asked: 0.0)
