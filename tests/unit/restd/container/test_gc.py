import asyncio

from restd.container.gc import Collector
from restd.lib.tasks import TaskGroup
from restd.runtime.base import RuntimeFailure


def test_what_goes_at_once_leaves_no_task() -> None:
    async def attempt() -> None:
        tasks = TaskGroup("test")

        async def job() -> None:
            pass

        assert await Collector(tasks).attempt("x", job)
        assert len(tasks) == 0

    asyncio.run(attempt())


def test_what_will_not_go_is_tried_again_until_it_does() -> None:
    async def attempt() -> None:
        tasks = TaskGroup("test")
        collector = Collector(tasks, first_pause=0.001)
        tries = 0

        async def job() -> None:
            nonlocal tries
            tries += 1
            if tries < 4:
                raise RuntimeFailure("busy")

        assert not await collector.attempt("x", job, "box")
        (left,) = collector.leftovers
        assert (left.what, left.error, left.attempts, left.owner) == ("x", "busy", 1, "box")
        assert left.since <= left.next_at
        assert await tasks.drain(5)
        assert (tries, collector.leftovers) == (4, ())

    asyncio.run(attempt())


def test_a_second_attempt_on_the_same_thing_adds_no_second_task() -> None:
    async def attempt() -> None:
        tasks = TaskGroup("test")
        collector = Collector(tasks, first_pause=60)

        async def job() -> None:
            raise OSError("busy")

        await collector.attempt("x", job)
        await collector.attempt("x", job)
        assert len(tasks) == 1
        await tasks.close()

    asyncio.run(attempt())


def test_what_a_container_left_is_told_with_growing_attempts() -> None:
    async def attempt() -> None:
        tasks = TaskGroup("test")
        collector = Collector(tasks, first_pause=0.001)
        assert collector.of("box") == ()

        async def job() -> None:
            raise RuntimeFailure("busy")

        await collector.attempt("x", job, "box")
        await collector.attempt("y", job, "other")
        while collector.of("box")[0].attempts < 3:
            await asyncio.sleep(0.001)
        assert [left.what for left in collector.of("box")] == ["x"] and collector.of("nobody") == ()
        await tasks.close()
        assert collector.leftovers == ()

    asyncio.run(attempt())
