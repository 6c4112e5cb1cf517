import asyncio
import os
import signal
from typing import Any

import pytest

from restd import serving
from restd.serving import _end_with, run


def orders(**changes: Any) -> dict[str, Any]:
    return {"arguments": ["--config-file", "/etc/x.json"], "file": b"{}", "kept": {}, "sockets": []} | changes


def test_a_configuration_that_cannot_be_used_is_said_and_nothing_is_begun(caplog: pytest.LogCaptureFixture) -> None:
    assert not run(orders(file=b'{"grahp": "/x"}'))
    assert "grahp" in caplog.text


def test_a_reload_is_refused_before_the_state_is_taken_over(caplog: pytest.LogCaptureFixture) -> None:
    assert not run(orders(file=b'{"default-runtime": "no-such-program"}', reload=True))
    assert "no-such-program" in caplog.text


def test_the_end_of_the_master_is_noticed_at_once() -> None:
    async def scenario() -> None:
        stop = asyncio.Event()
        child = os.fork()
        if child == 0:
            signal.pause()
            os._exit(0)
        _end_with(child, stop)  # which is not our parent: the pid may be another's by now
        assert stop.is_set()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        stop.clear()
        _end_with(os.getppid(), stop)
        await asyncio.sleep(0)
        assert not stop.is_set()

    asyncio.run(scenario())


def test_only_the_master_that_ours_has_come_from_is_told_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: told.append((pid, number)))
    serving._tell(os.getpid(), 0)
    serving._tell(os.getpid(), 1 << 22)
    assert told == []
    serving._tell(os.getpid(), os.getppid())
    assert told == [(os.getppid(), signal.SIGUSR1)]
