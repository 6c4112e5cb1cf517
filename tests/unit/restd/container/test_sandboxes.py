import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from restd.container.registry import Entry
from restd.container.rename import rename
from restd.container.sandboxes import FILE
from restd.errors import Conflict, NotFound, SystemFailure
from restd.model.container import Config, Container, Endpoint, HostConfig, IPAMConfig, PortBinding, Status
from restd.model.sandbox import Sandbox
from restd.runtime.base import RuntimeFailure
from tests.unit.restd.container.room import Room
from tests.unit.restd.container.sample import ID

PUBLISHING = HostConfig(
    network_mode="blue", ipc_mode="private", runtime="runc", port_bindings={"80/tcp": (PortBinding("", ""),)}
)


def run(tmp_path: Path, work: Callable[[Room], Awaitable[None]]) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        try:
            await work(room)
        finally:
            await room.close()

    asyncio.run(attempt())


def on(room: Room, *names: str, host_config: HostConfig = PUBLISHING, **asked: Any) -> Entry:
    endpoints = {name: replace(Endpoint(network_id=room.networks.get(name).id), **asked) for name in names}
    return room.add(host_config=host_config, endpoints=endpoints)


def owned(room: Room) -> tuple[Any, ...]:
    """What the room holds for containers: places, rules, namespaces, tables of names."""
    return room.networks.places, room.networks.firewall.rules, room.spaces.made, room.names.tables


def test_a_run_has_networks_ports_and_names_and_gives_them_back(tmp_path: Path) -> None:
    async def work(room: Room) -> None:
        entry = on(room, "blue", "red")
        await room.starter.start(entry)
        sandbox = entry.container.sandbox
        assert (sandbox.key, len(sandbox.id)) == (f"/netns/{ID}", 64)
        assert [place.network_name for place in sandbox.endpoints] == ["blue", "red"]
        assert [place.interface for place in sandbox.endpoints] == ["eth0", "eth1"]
        assert room.spaces.routes == ["blue"], "one default route, of the several that the plugins have set"
        assert sandbox.ports[0].container_port == 80 and f"ports:{ID}" in room.networks.firewall.rules
        spec = dict(room.runtime.calls[0][1][0])
        assert {"type": "network", "path": f"/netns/{ID}"} in spec["linux"]["namespaces"]
        assert "10.4.0.2\t" in Path(entry.container.directory, "hosts").read_text()
        assert room.runtime.link is not None
        room.runtime.link.end()
        await entry.exited.wait()
        assert entry.container.sandbox == Sandbox()
        await room.settle()
        assert owned(room) == ([], {}, [], {})

    run(tmp_path, work)


@pytest.mark.parametrize("verb", ["create", "start"])
def test_a_start_that_fails_gives_everything_back(tmp_path: Path, verb: str) -> None:
    async def work(room: Room) -> None:
        entry = on(room, "blue")
        room.runtime.fail[verb] = RuntimeFailure("no")
        with pytest.raises(SystemFailure, match="no"):
            await room.starter.start(entry)
        assert owned(room) == ([], {}, [], {}) and entry.container.sandbox == Sandbox()
        room.runtime.fail.clear()
        await room.starter.start(entry)
        assert entry.container.state.status is Status.RUNNING

    run(tmp_path, work)


def test_a_network_that_fails_fails_the_start_in_dockers_words(tmp_path: Path) -> None:
    async def work(room: Room) -> None:
        entry = on(room, "blue", "red")
        room.networks.fail["red"] = SystemFailure("plugin says no")
        with pytest.raises(SystemFailure, match="failed to set up container networking: plugin says no"):
            await room.starter.start(entry)
        assert owned(room) == ([], {}, [], {}) and "start" not in room.runtime.verbs()
        assert entry.container.state.exit_code == 128 and entry.container.state.status is Status.CREATED
        del room.networks.all["red"]
        with pytest.raises(NotFound, match="failed to set up container networking: network red not found"):
            await room.starter.start(entry)

    run(tmp_path, work)


@pytest.mark.parametrize("mode", ["none", "host"])
def test_without_a_network_of_its_own_a_container_is_only_noted(tmp_path: Path, mode: str) -> None:
    async def work(room: Room) -> None:
        entry = on(room, mode, host_config=replace(PUBLISHING, network_mode=mode))
        await room.starter.start(entry)
        assert [place.network_name for place in room.networks.places] == [mode]
        assert entry.container.sandbox.id and not entry.container.sandbox.key and not entry.container.sandbox.ports
        assert room.spaces.made == []
        assert room.sandboxes.restore(entry.container).sandbox == entry.container.sandbox

    run(tmp_path, work)


def test_a_container_without_networks_has_nothing(tmp_path: Path) -> None:
    async def work(room: Room) -> None:
        entry = on(room, "blue")
        entry.container = replace(entry.container, config=Config(cmd=("sleep",), network_disabled=True))
        await room.starter.start(entry)
        assert owned(room) == ([], {}, [], {})

    run(tmp_path, work)


def test_the_next_daemon_knows_ports_places_and_names(tmp_path: Path) -> None:
    async def work(room: Room) -> None:
        entry = on(room, "blue")
        await room.starter.start(entry)
        before = entry.container.sandbox
        await room.close()
        room.networks.firewall.rules.clear()
        room.build()
        room.spaces.made = [ID, "f" * 64]
        stray = replace(room.networks.places[0], id="stray", container_id="f" * 64)
        room.networks.places.append(stray)
        restored = room.sandboxes.restore(entry.container)
        assert restored.sandbox == before
        room.registry.add(Entry(restored))
        await room.sandboxes.restored([restored])
        assert f"ports:{ID}" in room.networks.firewall.rules
        await room.settle()
        assert room.spaces.made == [ID], "what belongs to nobody goes"
        assert [place.container_id for place in room.networks.places] == [ID]
        assert [names for _, names, _ in room.names.tables["blue"]] == [before.endpoints[0].dns_names]

    run(tmp_path, work)


def test_a_record_that_can_not_be_read_costs_the_ports_alone(tmp_path: Path) -> None:
    async def work(room: Room) -> None:
        entry = on(room, "blue")
        await room.starter.start(entry)
        Path(entry.container.run_directory, FILE).write_text("[]")
        restored = room.sandboxes.restore(entry.container)
        assert restored.sandbox.ports == () and len(restored.sandbox.endpoints) == 1

    run(tmp_path, work)


def test_a_new_name_is_found_at_once(tmp_path: Path) -> None:
    async def work(room: Room) -> None:
        entry = on(room, "blue", aliases=("web",))
        await room.starter.start(entry)
        await rename(entry, "other", room.registry, room.records, room.announcer, room.sandboxes)
        ((_, names, _),) = room.names.tables["blue"]
        assert names[:2] == ("other", "web") and "box" not in names
        assert room.networks.places[0].name == "other"

    run(tmp_path, work)


def test_an_address_of_a_container_that_has_just_ended_is_waited_for(tmp_path: Path) -> None:
    async def work(room: Room) -> None:
        asked = IPAMConfig(ipv4_address="10.4.0.9")
        entry = on(room, "blue", ipam_config=asked)
        await room.starter.start(entry)
        ended: Container = replace(entry.container, id="e" * 64)
        hold = asyncio.Event()
        leave = room.networks.leave

        async def slowly(*arguments: Any) -> None:
            await hold.wait()
            await leave(*arguments)

        room.networks.leave = slowly
        room.sandboxes.release(ended)
        other = replace(entry.container, id="d" * 64, sandbox=Sandbox())
        preparing = asyncio.create_task(room.sandboxes.prepare(other))
        done, _ = await asyncio.wait([preparing], timeout=0.02)
        assert not done
        hold.set()
        await asyncio.wait_for(preparing, 5)

    run(tmp_path, work)


def test_ports_move_to_the_network_that_is_left(tmp_path: Path) -> None:
    async def work(room: Room) -> None:
        entry = on(room, "blue", "red")
        await room.starter.start(entry)
        port = entry.container.sandbox.ports[0].host_port
        blue = entry.container.sandbox.endpoint("blue")
        assert blue is not None
        await room.sandboxes.disconnect(entry, blue)
        (rule,) = room.networks.firewall.rules[f"ports:{ID}"]
        assert f"--dport {port} -j DNAT --to-destination 10.5.0.2:80" in rule.text
        assert room.spaces.routes == ["blue", "red"]
        red = entry.container.sandbox.endpoint("red")
        assert red is not None
        await room.sandboxes.disconnect(entry, red)
        assert room.networks.firewall.rules == {}
        assert not entry.container.sandbox.ports
        await room.sandboxes.connect(entry, room.networks.get("blue"))
        assert f"ports:{ID}" in room.networks.firewall.rules

    run(tmp_path, work)


def test_a_connect_that_the_containers_end_overtakes_leaves_nothing(tmp_path: Path) -> None:
    async def work(room: Room) -> None:
        entry = on(room, "blue")
        await room.starter.start(entry)
        join, link = room.networks.join, room.runtime.link
        assert link is not None

        async def slowly(*arguments: Any) -> Any:
            place = await join(*arguments)
            link.end()
            await entry.exited.wait()
            return place

        room.networks.join = slowly
        entry.container = replace(entry.container, endpoints={**entry.container.endpoints, "red": Endpoint()})
        with pytest.raises(Conflict, match="is not running"):
            await room.sandboxes.connect(entry, room.networks.get("red"))
        await room.settle()
        assert owned(room) == ([], {}, [], {})
        assert not entry.container.sandbox.id

    run(tmp_path, work)
