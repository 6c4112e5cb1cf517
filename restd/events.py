"""What happened, for those who listen: `/events`, and inside the engine.

Shape and names follow the Docker Engine's events (`Type`, `Action`, `Actor{ID,Attributes}`). The last `RING`
events are kept for `since`, over restarts too (`restd.journal`). A listener that does not keep up loses the oldest it
has not read, never memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from restd.lib.times import now_ns

RING = 1000
BACKLOG = 4096


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `kind` is Docker's `Type`: container, image, network, volume, daemon. `time` in nanoseconds."""

    kind: str
    action: str
    actor: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    time: int = 0


class Subscription:
    """One listener. An async iterator; also a context manager that ends the subscription."""

    def __init__(self, past: list[Event], forget: Callable[[Subscription], None]) -> None:
        self._queue: deque[Event] = deque(past, maxlen=BACKLOG)
        self._wake = asyncio.Event()
        self._forget = forget
        self._ended = False
        if past:
            self._wake.set()

    def push(self, event: Event) -> None:
        """Queue one event; the oldest falls out when `BACKLOG` are waiting."""
        self._queue.append(event)
        self._wake.set()

    def end(self) -> None:
        """No more events: the iteration stops after what is queued."""
        self._ended = True
        self._wake.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._forget(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._queue:
            if self._ended:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._queue.popleft()


class Events:
    """The ring and its listeners. One an engine; used from the event loop's thread only."""

    def __init__(self) -> None:
        self._ring: deque[Event] = deque(maxlen=RING)
        self._listeners: set[Subscription] = set()
        self._last = 0
        self._keep: Callable[[Event], None] | None = None

    def resume(self, past: Iterable[Event], keep: Callable[[Event], None]) -> None:
        """Go on after the events of an earlier run, before anything is published; `keep` gets each new one."""
        self._ring.extend(past)
        if self._ring:
            self._last = self._ring[-1].time
        self._keep = keep

    def publish(self, kind: str, action: str, actor: str, attributes: Mapping[str, str] | None = None) -> Event:
        """Record an event now and hand it to every listener. Times are strictly increasing."""
        self._last = max(now_ns(), self._last + 1)
        event = Event(kind, action, actor, dict(attributes or {}), self._last)
        self._ring.append(event)
        if self._keep is not None:
            self._keep(event)
        for listener in self._listeners:
            listener.push(event)
        return event

    def subscribe(self, since: int | None = None) -> Subscription:
        """Listen from now on; with `since` (nanoseconds, inclusive) what the ring still has comes first, no gap."""
        past = [event for event in self._ring if event.time >= since] if since is not None else []
        subscription = Subscription(past, self._listeners.discard)
        self._listeners.add(subscription)
        return subscription

    @property
    def listeners(self) -> int:
        """How many listen now (`NEventsListener` of `/info`)."""
        return len(self._listeners)

    def close(self) -> None:
        """End every subscription: the engine stops."""
        for listener in list(self._listeners):
            listener.end()
