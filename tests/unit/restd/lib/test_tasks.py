import asyncio
import logging

import pytest

from restd.lib.tasks import TaskGroup


def test_a_task_runs_and_is_forgotten_when_done() -> None:
    async def scenario() -> None:
        group = TaskGroup("owner")
        done = asyncio.Event()

        async def work() -> None:
            done.set()

        task = group.start(work(), "work")
        assert task.get_name() == "owner:work"
        assert await group.drain(5)
        assert done.is_set()
        assert len(group) == 0

    asyncio.run(scenario())


def test_a_failure_is_logged_with_the_name(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        group = TaskGroup("owner")

        async def fail() -> None:
            raise ValueError("broken")

        group.start(fail(), "fail")
        await group.drain(5)
        await asyncio.sleep(0)

    with caplog.at_level(logging.ERROR):
        asyncio.run(scenario())
    assert "owner:fail" in caplog.text


def test_close_cancels_and_refuses() -> None:
    async def scenario() -> None:
        group = TaskGroup("owner")
        task = group.start(asyncio.sleep(3600), "sleep")
        assert not await group.drain(0)
        await group.close()
        assert task.cancelled()
        with pytest.raises(RuntimeError, match="closed"):
            group.start(asyncio.sleep(0), "late")

    asyncio.run(scenario())
