import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from restd.container.connect import connect, disconnect
from restd.container.registry import Entry
from restd.errors import Conflict, Forbidden, InvalidParameter, NotFound, SystemFailure
from restd.model.container import Endpoint, HostConfig, Status
from tests.unit.restd.container.room import Room
from tests.unit.restd.container.sample import ID

BRIDGE = HostConfig(network_mode="bridge", ipc_mode="private", runtime="runc")


def run(tmp_path: Path, work: Callable[[Room], Awaitable[None]]) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        try:
            await work(room)
        finally:
            await room.close()

    asyncio.run(attempt())


def bridged(room: Room, mode: str = "bridge") -> Entry:
    network_id = room.networks.get(mode).id
    return room.add(host_config=replace(BRIDGE, network_mode=mode), endpoints={mode: Endpoint(network_id=network_id)})


async def join(room: Room, entry: Entry, name: str, **asked: Any) -> None:
    await connect(entry, name, Endpoint(**asked), room.networks, room.records, room.sandboxes)


async def part(room: Room, entry: Entry, name: str, force: bool = False) -> None:
    await disconnect(entry, name, room.networks, room.records, room.sandboxes, force=force)


def on_disk(room: Room) -> list[str]:
    loaded = room.records.load(next(room.records.found()))
    assert loaded is not None
    return sorted(loaded.endpoints)


def test_a_stopped_container_changes_on_disk_alone(tmp_path: Path) -> None:
    async def work(room: Room) -> None:
        entry = bridged(room)
        await join(room, entry, "blue", aliases=("web",))
        assert on_disk(room) == ["blue", "bridge"] and room.networks.calls == []
        with pytest.raises(Forbidden, match="endpoint with name box already exists in network blue"):
            await join(room, entry, "blue")
        await part(room, entry, "bridge")
        assert on_disk(room) == ["blue"]
        with pytest.raises(SystemFailure, match="is not connected to the network bridge"):
            await part(room, entry, "bridge")

    run(tmp_path, work)


def test_a_running_container_is_there_at_once(tmp_path: Path) -> None:
    async def work(room: Room) -> None:
        entry = bridged(room)
        await room.starter.start(entry)
        await join(room, entry, "blue", aliases=("web",))
        place = entry.container.sandbox.endpoint("blue")
        assert place is not None and (place.interface, place.dns_names[:2]) == ("eth1", ("box", "web"))
        hosts = Path(entry.container.directory, "hosts")
        assert f"{place.ipv4_address}\t" in hosts.read_text()
        assert room.spaces.routes == ["blue"], "the first name is the way out"
        with pytest.raises(Forbidden, match="already exists in network blue"):
            await join(room, entry, "blue")
        await part(room, entry, "blue")
        assert place.ipv4_address not in hosts.read_text()
        assert room.networks.calls[-1] == ("leave", ID, "blue") and on_disk(room) == ["bridge"]
        with pytest.raises(SystemFailure, match="is not connected to network blue"):
            await part(room, entry, "blue")

    run(tmp_path, work)


def test_a_connect_that_fails_changes_nothing(tmp_path: Path) -> None:
    async def work(room: Room) -> None:
        entry = bridged(room)
        await room.starter.start(entry)
        room.networks.fail["blue"] = SystemFailure("plugin says no")
        with pytest.raises(SystemFailure, match="plugin says no"):
            await join(room, entry, "blue")
        assert on_disk(room) == ["bridge"] and list(entry.container.endpoints) == ["bridge"]

    run(tmp_path, work)


@pytest.mark.parametrize(
    ("mode", "name", "words"),
    [
        ("host", "blue", "host network"),
        ("bridge", "host", "host network"),
        ("none", "blue", "private .none. mode"),
        ("bridge", "none", "private .none. mode"),
    ],
)
def test_networks_that_do_not_go_together(tmp_path: Path, mode: str, name: str, words: str) -> None:
    async def work(room: Room) -> None:
        entry = bridged(room, mode)
        with pytest.raises(InvalidParameter, match=words):
            await join(room, entry, name)

    run(tmp_path, work)


def test_a_shared_network_a_removal_and_a_network_that_is_not_there(tmp_path: Path) -> None:
    async def work(room: Room) -> None:
        entry = bridged(room)
        with pytest.raises(NotFound, match="network gone not found"):
            await join(room, entry, "gone")
        with pytest.raises(NotFound):
            await part(room, entry, "gone")
        entry.container = replace(entry.container, endpoints={**entry.container.endpoints, "gone": Endpoint()})
        await part(room, entry, "gone", force=True)
        assert on_disk(room) == ["bridge"]
        shared = replace(BRIDGE, network_mode="container:" + "f" * 64)
        entry.container = replace(entry.container, host_config=shared, endpoints={})
        with pytest.raises(InvalidParameter, match="sharing network namespace"):
            await join(room, entry, "blue")
        room.set_state(entry, Status.REMOVING)
        with pytest.raises(Conflict, match="is marked for removal"):
            await join(room, entry, "blue")
        room.set_state(entry, Status.CREATED)

    run(tmp_path, work)
