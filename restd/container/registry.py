"""All containers in memory: by id and by name, each with its lock, its shim and its clients that wait for a shim.

The registry finds and reserves; the verbs change. A verb takes `entry.lock` while it moves a container from one state
to another, replaces `entry.container` by a new frozen object, and saves it. Readers take no lock: they see the last
complete object.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

from restd.errors import Conflict, InvalidParameter, NotFound
from restd.lib.ids import is_id
from restd.model.container import Container, Exec
from restd.runtime.nursery import ShimLink
from shim.protocol import Attach, ExitRecord, Wait


@dataclass(slots=True, eq=False)
class Held:
    """A client's connection that waits for a shim to be born; the descriptor is ours to close.

    The response head has been sent. `request` says what the shim shall do with it. `since` is when it was held (ns).
    `key`: the keeper has a copy under it; 0 if none has.
    """

    descriptor: int
    request: Attach | Wait
    since: int = 0
    key: int = 0


@dataclass(slots=True)
class ExecEntry:
    """One exec: the frozen record and, while it runs, the link to its shim. `end`: how it ended."""

    record: Exec
    link: ShimLink | None = None
    end: ExitRecord | None = None
    probe: bool = False
    """The engine runs it to look after the container's health: its record is not kept for long."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    started: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True, eq=False)
class Entry:
    """One container in memory. `lock` guards moves of its state."""

    container: Container
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    link: ShimLink | None = None
    held: list[Held] = field(default_factory=list)
    execs: dict[str, ExecEntry] = field(default_factory=dict)
    exited: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while the container does not run; a start clears it."""
    removed: asyncio.Event = field(default_factory=asyncio.Event)
    beginning: asyncio.Event | None = None
    """There while the runtime lets the process run, set at the end: clients may hear the process before it is noted."""
    cleaning: asyncio.Task[None] | None = None
    """Gives back what the last run took: mounts, cgroups, the runtime's state."""
    unmounting: asyncio.Task[None] | None = None
    """The part of it that the removal has to wait for."""
    saving: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the state is written in a thread: the newest is written last."""
    revival: asyncio.Task[None] | None = None
    """Waits for the start that the restart policy wants."""
    restarting: int = 0
    """Restarts between their stop and their start: the end of an AutoRemove container isn't its removal then."""


class Registry:
    """Lookup as Docker does it: full id, exact name, unique id prefix; names carry no slash inside the engine."""

    def __init__(self) -> None:
        self._by_id: dict[str, Entry] = {}
        self._names: dict[str, str] = {}
        self._execs: dict[str, Entry] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._by_id.values()))

    def find(self, reference: str) -> Entry:
        """The container that `reference` names. NotFound `No such container: X`; InvalidParameter if ambiguous."""
        if not reference:
            raise InvalidParameter("no container name or ID supplied")
        if (entry := self._by_id.get(reference)) is not None:
            return entry
        if (owner := self._names.get(reference.removeprefix("/"))) is not None and owner in self._by_id:
            return self._by_id[owner]
        matches = [key for key in self._by_id if key.startswith(reference)] if not is_id(reference) else []
        if len(matches) == 1:
            return self._by_id[matches[0]]
        if matches:
            raise InvalidParameter(f"multiple IDs found with provided prefix: {reference}")
        raise NotFound(f"No such container: {reference}")

    def get(self, container_id: str) -> Entry | None:
        """The container with this full id, if there is one."""
        return self._by_id.get(container_id)

    def find_exec(self, exec_id: str) -> tuple[Entry, ExecEntry]:
        """An exec and its container. NotFound `No such exec instance: X`."""
        entry = self._execs.get(exec_id)
        if entry is None or exec_id not in entry.execs:
            raise NotFound(f"No such exec instance: {exec_id}")
        return entry, entry.execs[exec_id]

    def reserve_name(self, name: str, container_id: str) -> None:
        """Give `name` to `container_id`, before it exists. Conflict, in Docker's words, if it is taken."""
        owner = self._names.setdefault(name, container_id)
        if owner != container_id:
            raise Conflict(
                f'Conflict. The container name "/{name}" is already in use by container "{owner}". '
                "You have to remove (or rename) that container to be able to reuse that name."
            )

    def release_name(self, name: str, container_id: str) -> None:
        """Take a name back, if `container_id` has it."""
        if self._names.get(name) == container_id:
            del self._names[name]

    def name_taken(self, name: str) -> bool:
        """Whether a container has, or is about to have, this name."""
        return name in self._names

    def add(self, entry: Entry) -> None:
        """Make a container findable; its name has been reserved."""
        self._by_id[entry.container.id] = entry

    def discard(self, entry: Entry) -> None:
        """Forget a container, its name and its execs."""
        container = entry.container
        self._by_id.pop(container.id, None)
        self.release_name(container.name, container.id)
        for exec_id in entry.execs:
            self._execs.pop(exec_id, None)

    def add_exec(self, entry: Entry, exec_entry: ExecEntry) -> None:
        """Make an exec findable."""
        entry.execs[exec_entry.record.id] = exec_entry
        self._execs[exec_entry.record.id] = entry

    def discard_exec(self, entry: Entry, exec_id: str) -> None:
        """Forget an exec."""
        entry.execs.pop(exec_id, None)
        self._execs.pop(exec_id, None)
