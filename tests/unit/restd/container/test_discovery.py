import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from restd.container.registry import Entry
from restd.errors import SystemFailure
from restd.model.container import Config, Endpoint, HostConfig
from tests.unit.restd.container import sample
from tests.unit.restd.container.room import Room

ONE, TWO = "a1" * 32, "b2" * 32


def run(tmp_path: Path, work: Callable[[Room], Awaitable[None]]) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        try:
            await work(room)
        finally:
            await room.close()

    asyncio.run(attempt())


def on_blue(room: Room, container_id: str, name: str, dns: tuple[str, ...] | None = None, **asked: object) -> Entry:
    made = sample.container(
        id=container_id,
        name=name,
        config=Config(image="busybox", hostname=container_id[:12]),
        host_config=HostConfig(network_mode="blue", ipc_mode="private", runtime="runc", dns=dns),
        endpoints={"blue": replace(Endpoint(), **asked)},  # type: ignore[arg-type]
        directory=room.records.directory("runc", container_id),
        run_directory=room.records.run_directory("runc", container_id),
    )
    room.records.create(made)
    room.registry.reserve_name(name, container_id)
    entry = Entry(made)
    room.registry.add(entry)
    return entry


async def joined(room: Room, entry: Entry) -> None:
    entry.container, plan = await room.sandboxes.prepare(entry.container)
    Path(entry.container.run_directory).mkdir(parents=True, exist_ok=True)
    Path(entry.container.directory, "hosts").touch()
    await room.sandboxes.join(entry, plan)


def hosts(entry: Entry) -> str:
    return Path(entry.container.directory, "hosts").read_text()


def test_names_come_and_go_with_the_containers(tmp_path: Path) -> None:
    async def work(room: Room) -> None:
        one = on_blue(room, ONE, "one", aliases=("web",))
        two = on_blue(room, TWO, "two", dns=("9.9.9.9",))
        await joined(room, one)
        await joined(room, two)
        assert room.names.tables["blue"] == [
            ("10.4.0.2", ("one", "web", ONE[:12]), ()),
            ("10.4.0.3", ("two", TWO[:12]), ("9.9.9.9",)),
        ]
        await room.sandboxes.release(two.container)
        assert len(room.names.tables["blue"]) == 1
        await room.sandboxes.release(one.container)
        assert room.names.tables == {}

    run(tmp_path, work)


def test_a_link_on_a_user_defined_network_follows_the_others_runs(tmp_path: Path) -> None:
    async def work(room: Room) -> None:
        web = on_blue(room, ONE, "web", links=("db:sql",))
        db = on_blue(room, TWO, "db")
        await joined(room, web)
        assert "sql" not in hosts(web)
        await joined(room, db)
        assert hosts(web).splitlines()[-1] == f"10.4.0.3\tsql {TWO[:12]} db"
        await room.sandboxes.release(db.container)
        assert "sql" not in hosts(web)

    run(tmp_path, work)


def test_questions_go_to_the_gateways_of_networks_that_resolve_names(tmp_path: Path) -> None:
    async def work(room: Room) -> None:
        discovery, nets = room.sandboxes.discovery, room.networks
        assert discovery.name_servers([nets.get("bridge")]) == []
        both = [nets.get("red"), nets.get("bridge"), nets.get("blue")]
        assert discovery.name_servers(both) == ["10.5.0.1", "10.4.0.1"]
        room.names.there = False
        assert discovery.name_servers([nets.get("blue")]) == []

    run(tmp_path, work)


def test_host_gateway_needs_an_address_when_it_is_asked_for(tmp_path: Path) -> None:
    async def work(room: Room) -> None:
        plain = sample.container()
        asking = sample.container(host_config=HostConfig(extra_hosts=("up:host-gateway",)))
        assert room.sandboxes.discovery.host_gateway(asking) == "10.1.0.1"
        room.networks.gateway = ""
        assert room.sandboxes.discovery.host_gateway(plain) == ""
        with pytest.raises(SystemFailure, match="unable to derive the IP value for host-gateway"):
            room.sandboxes.discovery.host_gateway(asking)

    run(tmp_path, work)
