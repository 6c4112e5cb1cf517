from __future__ import annotations

import pytest

from restd.container import exited


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A runtime that fails here fails for good: nobody gains by waiting for it."""
    monkeypatch.setattr(exited, "GIVE_BACK_SECONDS", 0.2)
