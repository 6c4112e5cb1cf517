"""Joining and leaving, on networks whose plugins do what the test says."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from restd.config import Config
from restd.errors import Forbidden, NotFound, SystemFailure
from restd.events import Events
from restd.model.network import EndpointRequest, NetworkRequest, PortMapping
from restd.network.networks import Networks
from tests.unit.restd.network.cni.scripted import Scripted

ONE, TWO = "1" * 64, "2" * 64
NETNS = "/run/netns/none-such"
RESULT = {
    "cniVersion": "1.0.0",
    "interfaces": [
        {"name": "veth-none", "mac": "02:00:00:00:00:01"},
        {"name": "eth0", "mac": "02:00:00:00:00:02", "sandbox": NETNS},
    ],
    "ips": [{"address": "10.5.0.2/24", "gateway": "10.5.0.1", "interface": 1}, {"address": "fd05::2/64"}],
}


class Room:
    """An engine's networks with one network of driver cni, `web`, whose plugin is scripted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scripted = Scripted(folder, "plugin")
        self.scripted.answers("plugin", "ADD", RESULT)
        self.events = Events()
        for name in ("data", "run", "conf"):
            (folder / name).mkdir()
        self.config = Config(
            graph=str(folder / "data"),
            state=str(folder / "run"),
            bridge="none",
            iptables=False,
            ip6tables=False,
            cni_bin_dir=(str(self.scripted.folder),),
            cni_conf_dir=str(folder / "conf"),
        )
        self.conflist({"type": "plugin", "capabilities": {"portMappings": True, "mac": True}})

    def conflist(self, *plugins: dict[str, Any]) -> None:
        content = {"cniVersion": "1.0.0", "name": "web", "plugins": plugins}
        (self.folder / "conf" / "web.conflist").write_text(json.dumps(content))

    def run(self, scenario: Callable[[Networks], Awaitable[None]]) -> None:
        """One life of the daemon."""

        async def life() -> None:
            networks = Networks(self.config, self.events)
            await networks.open()
            try:
                if not any(network.name == "web" for network in networks.list()):
                    await networks.create(NetworkRequest("web", "cni"))
                await scenario(networks)
            finally:
                await networks.close()

        asyncio.run(life())

    def told(self) -> list[str]:
        return [event.action for event in self.events._ring if event.kind == "network"]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_an_endpoint_says_what_the_plugins_made(room: Room) -> None:
    async def scenario(networks: Networks) -> None:
        request = EndpointRequest("web", name="one", aliases=("a",), dns_names=("one", "a"))
        endpoint = await networks.join(ONE, NETNS, "eth0", request)
        assert endpoint.ipv4_address == "10.5.0.2" and endpoint.ipv4_prefix == 24 and endpoint.gateway == "10.5.0.1"
        assert endpoint.ipv6_address == "fd05::2" and endpoint.ipv6_gateway == ""
        assert endpoint.mac_address == "02:00:00:00:00:02" and endpoint.interface == "eth0"
        assert endpoint.host_interface == "" and endpoint.name == "one" and endpoint.dns_names == ("one", "a")
        assert networks.endpoints(ONE) == [endpoint] == networks.members(endpoint.network_id)
        await networks.leave(ONE, NETNS, endpoint)
        await networks.leave(ONE, NETNS, endpoint)
        assert networks.endpoints(ONE) == []

    room.run(scenario)
    assert room.scripted.verbs() == ["plugin ADD", "plugin DEL"]
    assert room.scripted.calls()[1][2]["prevResult"] == RESULT
    assert room.told() == ["create", "connect", "disconnect"]


def test_wishes_go_by_capability_or_else_by_argument(room: Room) -> None:
    async def scenario(networks: Networks) -> None:
        request = EndpointRequest("web", ipv4_address="10.5.0.2", mac_address="02:00:00:00:00:02")
        await networks.join(ONE, NETNS, "eth0", request, [PortMapping(80, "tcp", "", 8080)])

    room.run(scenario)
    assert room.scripted.calls()[0][2]["runtimeConfig"] == {
        "mac": "02:00:00:00:00:02",
        "portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}],
    }
    assert room.scripted.environment()["CNI_ARGS"] == "IgnoreUnknown=1;IP=10.5.0.2"


def test_an_address_that_was_not_given_is_not_pretended(room: Room) -> None:
    async def scenario(networks: Networks) -> None:
        with pytest.raises(SystemFailure, match=r"gave 10\.5\.0\.2, fd05::2 instead of 10\.5\.0\.9"):
            await networks.join(ONE, NETNS, "eth0", EndpointRequest("web", ipv4_address="10.5.0.9"))
        assert networks.endpoints(ONE) == []

    room.run(scenario)
    assert room.scripted.verbs() == ["plugin ADD", "plugin DEL"]


def test_a_plugin_that_fails_leaves_nothing(room: Room) -> None:
    room.scripted.fails("plugin", "ADD", {"code": 7, "msg": "not today"})

    async def scenario(networks: Networks) -> None:
        with pytest.raises(SystemFailure, match="not today"):
            await networks.join(ONE, NETNS, "eth0", EndpointRequest("web"))
        assert networks.endpoints(ONE) == []
        await networks.remove("web")

    room.run(scenario)
    assert room.scripted.verbs() == ["plugin ADD", "plugin DEL"] and "connect" not in room.told()


def test_a_container_is_on_a_network_once(room: Room) -> None:
    async def scenario(networks: Networks) -> None:
        await networks.join(ONE, NETNS, "eth0", EndpointRequest("web", name="one"))
        with pytest.raises(Forbidden, match="endpoint with name one already exists in network web"):
            await networks.join(ONE, NETNS, "eth1", EndpointRequest("web", name="one"))

    room.run(scenario)


def test_members_are_known_after_a_restart_and_collected_if_they_are_dead(room: Room) -> None:
    async def before(networks: Networks) -> None:
        await networks.join(ONE, NETNS, "eth0", EndpointRequest("web", name="one"))
        await networks.join(TWO, NETNS, "eth0", EndpointRequest("web", name="two"))

    async def after(networks: Networks) -> None:
        assert [len(networks.endpoints(container)) for container in (ONE, TWO)] == [1, 1]
        room.conflist({"type": "other"})  # who came by the old plugins leaves by them
        await networks.collect({TWO})
        assert networks.endpoints(ONE) == [] and len(networks.endpoints(TWO)) == 1
        while room.scripted.verbs()[-1] != "plugin DEL":
            await asyncio.sleep(0.01)

    room.run(before)
    room.run(after)
    assert room.scripted.verbs() == ["plugin ADD", "plugin ADD", "plugin DEL"]
    assert room.scripted.calls()[2][2]["prevResult"] == RESULT


def test_a_join_that_a_crash_cut_off_is_made_good(room: Room) -> None:
    async def before(networks: Networks) -> None:
        endpoint = await networks.join(ONE, NETNS, "eth0", EndpointRequest("web", name="one"))
        path = Path(room.config.state, "networks", endpoint.network_id, f"{ONE}.json")
        path.write_text(path.read_text().replace('"joined":true', '"joined":false'))

    async def after(networks: Networks) -> None:
        assert networks.endpoints(ONE) == []
        await networks.join(ONE, NETNS, "eth0", EndpointRequest("web", name="one"))

    room.run(before)
    room.run(after)
    assert room.scripted.verbs() == ["plugin ADD", "plugin DEL", "plugin ADD"]


def test_a_leave_that_failed_is_tried_again_by_the_next_join(room: Room) -> None:
    async def scenario(networks: Networks) -> None:
        endpoint = await networks.join(ONE, NETNS, "eth0", EndpointRequest("web", name="one"))
        room.scripted.fails("plugin", "DEL", {"code": 5, "msg": "stuck"})
        with pytest.raises(SystemFailure, match="stuck"):
            await networks.leave(ONE, NETNS, endpoint)
        assert networks.endpoints(ONE) == []
        with pytest.raises(SystemFailure, match="stuck"):
            await networks.join(ONE, NETNS, "eth0", EndpointRequest("web", name="one"))
        room.scripted.recovers("plugin", "DEL")
        await networks.join(ONE, NETNS, "eth0", EndpointRequest("web", name="one"))

    room.run(scenario)


def test_a_removal_waits_for_who_is_about_to_leave(room: Room) -> None:
    async def scenario(networks: Networks) -> None:
        endpoint = await networks.join(ONE, NETNS, "eth0", EndpointRequest("web", name="one"))
        with pytest.raises(Forbidden, match=r'network web has active endpoints \(name:"one" id:"[0-9a-f]{12}"\)'):
            await networks.remove("web")
        networks.leaving(ONE)
        assert networks.members(endpoint.network_id) == []
        removal = asyncio.get_running_loop().create_task(networks.remove("web"))
        await asyncio.sleep(0)
        assert not removal.done()
        await networks.leave(ONE, NETNS, endpoint)
        await removal
        with pytest.raises(NotFound):
            networks.get("web")

    room.run(scenario)
    assert room.told() == ["create", "connect", "disconnect", "destroy"]


def test_a_container_that_is_renamed_is_known_by_its_new_name(room: Room) -> None:
    from dataclasses import replace

    async def before(networks: Networks) -> None:
        endpoint = await networks.join(ONE, NETNS, "eth0", EndpointRequest("web", name="one"))
        networks.update(replace(endpoint, name="uno", dns_names=("uno",)))

    async def after(networks: Networks) -> None:
        assert [endpoint.name for endpoint in networks.endpoints(ONE)] == ["uno"]

    room.run(before)
    room.run(after)


def test_on_the_hosts_networks_a_container_is_only_noted(room: Room) -> None:
    async def scenario(networks: Networks) -> None:
        endpoint = await networks.join(ONE, "", "eth0", EndpointRequest("host", name="one"))
        assert endpoint.interface == "" and endpoint.ipv4_address == ""
        assert networks.members(networks.get("host").id) == [endpoint]
        await networks.leave(ONE, "", endpoint)

    room.run(scenario)
    assert room.scripted.verbs() == []
