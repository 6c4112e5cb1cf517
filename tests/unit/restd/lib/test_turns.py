import asyncio

from restd.lib.turns import Turns


def test_so_many_at_once_in_the_order_of_asking() -> None:
    async def attempt() -> None:
        turns, running, order = Turns(2, 60.0), 0, []

        async def work(number: int) -> None:
            nonlocal running
            async with turns.turn():
                running += 1
                order.append(number)
                assert running <= 2
                await asyncio.sleep(0)
                running -= 1

        await asyncio.gather(*(work(number) for number in range(20)))
        assert order == list(range(20)) and running == 0

    asyncio.run(attempt())


def test_a_slow_one_holds_nobody_up_and_frees_its_place_once() -> None:
    async def attempt() -> None:
        turns = Turns(1, 0.01)
        go = asyncio.Event()

        async def slow() -> None:
            async with turns.turn():
                await go.wait()

        first = asyncio.ensure_future(slow())
        await asyncio.sleep(0)
        async with asyncio.timeout(5), turns.turn():
            go.set()
            await first
            waiting = asyncio.ensure_future(slow())
            await asyncio.sleep(0)
            assert not waiting.done(), "the place of the slow one was given back twice"
        await waiting

    asyncio.run(attempt())


def test_who_gives_up_waiting_takes_no_place() -> None:
    async def attempt() -> None:
        turns = Turns(1, 60.0)

        async def never() -> None:
            async with turns.turn():
                raise AssertionError

        async with turns.turn():
            waiting = asyncio.ensure_future(never())
            await asyncio.sleep(0)
            waiting.cancel()
        async with asyncio.timeout(5), turns.turn():
            pass

    asyncio.run(attempt())
