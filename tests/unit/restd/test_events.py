import asyncio

from restd.events import BACKLOG, RING, Event, Events


def collect(events: Events, since: int | None = None) -> list[Event]:
    async def gather() -> list[Event]:
        with events.subscribe(since) as subscription:
            events.close()
            return [event async for event in subscription]

    return asyncio.run(gather())


def test_a_listener_gets_what_happens_after_it_came() -> None:
    async def scenario() -> list[str]:
        events = Events()
        events.publish("container", "create", "early")
        with events.subscribe() as subscription:
            assert events.listeners == 1
            events.publish("container", "start", "c1", {"name": "x"})
            first = await anext(subscription)
            assert first.attributes == {"name": "x"}
        assert events.listeners == 0
        return [first.action]

    assert asyncio.run(scenario()) == ["start"]


def test_since_replays_the_ring_inclusive_and_in_order() -> None:
    events = Events()
    made = [events.publish("image", "tag", str(number)) for number in range(5)]
    assert collect(events, since=made[2].time) == made[2:]


def test_times_increase_strictly_and_the_ring_is_bounded() -> None:
    events = Events()
    made = [events.publish("image", "tag", str(number)) for number in range(RING + 10)]
    times = [event.time for event in made]
    assert times == sorted(set(times))
    assert collect(events, since=0) == made[10:]


def test_a_listener_that_does_not_read_costs_bounded_memory() -> None:
    async def scenario() -> int:
        events = Events()
        subscription = events.subscribe()
        for number in range(BACKLOG + 100):
            events.publish("image", "tag", str(number))
        subscription.end()
        return len([event async for event in subscription])

    assert asyncio.run(scenario()) == BACKLOG
