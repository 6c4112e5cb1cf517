import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from restd.config import Config
from restd.errors import Conflict, Forbidden, InvalidParameter, NotFound
from restd.events import Events
from restd.filters import Filters
from restd.model.network import ConfigReference, EndpointRequest, Ipam, NetworkRequest, Pool
from restd.network.networks import Networks
from tests.unit.restd.network.cni.scripted import Scripted


class Room:
    """Networks whose plugins are scripted; macvlan networks with a parent need nothing of the host."""

    def __init__(self, folder: Path) -> None:
        scripted = Scripted(folder, "macvlan", "host-local")
        for name in ("data", "run"):
            (folder / name).mkdir()
        self.events = Events()
        self.config = Config(
            graph=str(folder / "data"),
            state=str(folder / "run"),
            bridge="none",
            iptables=False,
            ip6tables=False,
            cni_bin_dir=(str(scripted.folder),),
        )

    def run(self, scenario: Callable[[Networks], Awaitable[None]]) -> None:
        async def life() -> None:
            networks = Networks(self.config, self.events)
            await networks.open()
            await scenario(networks)
            await networks.close()

        asyncio.run(life())


def lan(name: str, subnet: str = "", **labels: str) -> NetworkRequest:
    ipam = Ipam(config=(Pool(subnet),)) if subnet else None
    return NetworkRequest(name, "macvlan", options={"parent": "lo"}, ipam=ipam, labels=labels)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_the_hosts_networks_are_always_there_and_stay_the_same(room: Room) -> None:
    seen = []

    async def scenario(networks: Networks) -> None:
        seen.append([(network.name, network.id, network.driver) for network in networks.list()])
        for name in ("host", "none"):
            with pytest.raises(Forbidden, match=f"{name} is a pre-defined network and cannot be removed"):
                await networks.remove(name)

    room.run(scenario)
    room.run(scenario)
    assert seen[0] == seen[1] and [(name, driver) for name, _, driver in seen[0]] == [
        ("host", "host"),
        ("none", "null"),
    ]


def test_a_network_outlives_the_daemon(room: Room) -> None:
    async def before(networks: Networks) -> None:
        created = await networks.create(lan("web", a="1"))
        assert networks.get("web").id == created.id and created.warning == ""

    async def after(networks: Networks) -> None:
        network = networks.get("web")
        assert network.labels == {"a": "1"} and network.interface == "lo"
        assert network.pools[0].subnet and network.pools[0].gateway
        await networks.remove("web")

    async def at_last(networks: Networks) -> None:
        with pytest.raises(NotFound, match="network web not found"):
            networks.get("web")
        assert os.listdir(os.path.join(room.config.graph, "networks")) and len(networks.list()) == 2

    room.run(before)
    room.run(after)
    room.run(at_last)
    assert [event.action for event in room.events._ring] == ["create", "destroy"]


def test_names_and_subnets_are_given_once(room: Room) -> None:
    async def scenario(networks: Networks) -> None:
        await networks.create(lan("web", "10.1.0.0/16"))
        with pytest.raises(Conflict, match="network with name web already exists"):
            await networks.create(lan("web"))
        with pytest.raises(Forbidden, match="Pool overlaps with other one on this address space"):
            await networks.create(lan("other", "10.1.2.0/24"))

    room.run(scenario)


def test_of_many_at_once_each_gets_its_own_and_one_name_goes_to_one(room: Room) -> None:
    async def scenario(networks: Networks) -> None:
        made = await asyncio.gather(*(networks.create(lan(f"n{number}")) for number in range(10)))
        subnets = {networks.get(created.id).pools[0].subnet for created in made}
        assert len(subnets) == 10
        same = await asyncio.gather(*(networks.create(lan("same")) for _ in range(5)), return_exceptions=True)
        assert sum(isinstance(result, Conflict) for result in same) == 4

    room.run(scenario)


def test_a_creation_that_fails_leaves_nothing(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(networks: Networks) -> None:
        def broken(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(networks._store, "save", broken)
        with pytest.raises(OSError, match="No space"):
            await networks.create(lan("web", "10.1.0.0/16"))
        monkeypatch.undo()
        await networks.create(lan("web", "10.1.0.0/16"))

    room.run(scenario)


def test_lists_and_prunes_go_by_filters(room: Room) -> None:
    async def scenario(networks: Networks) -> None:
        await networks.create(lan("one", keep="1"))
        await networks.create(lan("two"))
        names = [network.name for network in networks.list(Filters.parse('{"driver":["macvlan"]}'))]
        assert names == ["one", "two"]
        assert await networks.prune(Filters.parse('{"label!":["keep"]}')) == ["two"]
        assert await networks.prune(Filters(), until=1) == []
        assert await networks.prune(Filters()) == ["one"]
        assert len(networks.list()) == 2

    room.run(scenario)


def test_a_configuration_is_used_by_others_and_kept_while_it_is(room: Room) -> None:
    async def scenario(networks: Networks) -> None:
        template = NetworkRequest(
            "base", config_only=True, ipam=Ipam(config=(Pool("10.1.0.0/16"),)), options={"parent": "lo"}
        )
        await networks.create(template)
        with pytest.raises(NotFound, match="configuration network 'nope' not found"):
            await networks.create(NetworkRequest("web", "macvlan", config_from=ConfigReference("nope")))
        await networks.create(NetworkRequest("web", "macvlan", config_from=ConfigReference("base")))
        assert networks.get("web").pools[0].subnet == "10.1.0.0/16" and networks.get("web").interface == "lo"
        with pytest.raises(Forbidden, match="'base' is in use by web"):
            await networks.remove("base")
        await networks.remove("web")
        await networks.remove("base")

    room.run(scenario)


def test_places_are_checked_before_they_are_taken(room: Room) -> None:
    async def scenario(networks: Networks) -> None:
        await networks.create(lan("web", "10.1.0.0/16"))
        assert networks.check(EndpointRequest("web", ipv4_address="10.1.0.9")).name == "web"
        with pytest.raises(InvalidParameter, match="no configured subnet"):
            networks.check(EndpointRequest("web", ipv4_address="10.2.0.9"))
        with pytest.raises(NotFound, match="network nope not found"):
            networks.check(EndpointRequest("nope"))

    room.run(scenario)


def test_without_a_default_bridge_there_is_no_gateway_to_the_host(room: Room) -> None:
    async def scenario(networks: Networks) -> None:
        assert networks.host_gateway() == ""

    room.run(scenario)
