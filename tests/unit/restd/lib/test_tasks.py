import asyncio
import logging

import pytest

from restd.lib.tasks import TaskGroup, together


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


def test_together_gives_results_in_order() -> None:
    async def one(value: int, turns: int) -> int:
        for _ in range(turns):
            await asyncio.sleep(0)
        return value

    async def inside() -> None:
        assert await together([one(1, 3), one(2, 1)]) == [1, 2]
        assert await together([]) == []

    asyncio.run(inside())


def test_the_first_failure_ends_the_others_and_leaves_no_mark() -> None:
    ended = []

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("first")

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    async def inside() -> None:
        with pytest.raises(ValueError, match="first"):
            await together([wait(), fail(), wait()])
        assert ended == [True, True]
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()

    asyncio.run(inside())
