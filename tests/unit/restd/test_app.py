import asyncio
from pathlib import Path

import pytest

from restd import app
from restd.app import Application


def test_the_state_is_held_by_one_engine_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "LOCK_SECONDS", 0.02)

    async def scenario() -> None:
        path = str(tmp_path / "daemon.lock")
        assert await Application._take_lock(path) >= 0
        with pytest.raises(RuntimeError, match="another daemon"):
            await Application._take_lock(path)

    asyncio.run(scenario())
