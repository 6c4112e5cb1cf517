import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from restd.container.publishing import Publisher, wished
from restd.errors import SystemFailure
from restd.model.container import Config, Endpoint, HostConfig, PortBinding
from restd.model.network import Endpoint as Place
from restd.model.network import PortMapping
from restd.model.sandbox import Sandbox
from restd.network.ports import Ports, Wish
from tests.unit.restd.container.nets import Networks
from tests.unit.restd.container.sample import ID, container

WEB = container(
    host_config=HostConfig(network_mode="blue", port_bindings={"80/tcp": (PortBinding("", ""),)}),
    endpoints={"blue": Endpoint()},
)


class Rig:
    networks: Any

    def __init__(self) -> None:
        networks: Any = Networks()
        self.networks = networks
        self.ports = Ports()
        self.waited = 0
        self.live = {"s"}
        self.publisher = Publisher(networks, self.ports, self.settled, self.live.__contains__)

    async def settled(self) -> None:
        self.waited += 1
        self.ports.release("ended")

    def place(self, name: str, address: str) -> Place:
        network = self.networks.get(name)
        return Place(name, ID, network.id, name, ipv4_address=address, gateway="" if network.internal else "g")


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.publisher.close()


def test_ports_lead_to_the_place_of_the_way_out_and_are_given_back(rig: Rig) -> None:
    async def attempt() -> None:
        networks = [rig.networks.get("blue"), rig.networks.get("red")]
        ports = await rig.publisher.reserve(WEB, networks)
        ((mapping),) = ports
        assert (mapping.container_port, mapping.host_ip) == (80, "0.0.0.0")
        places = (rig.place("red", "10.5.0.2"), rig.place("blue", "10.4.0.2"))
        running = replace(WEB, sandbox=Sandbox("s", "k", ports, places))
        await rig.publisher.publish(running)
        (rule,) = rig.networks.firewall.rules[f"ports:{ID}"]
        assert f"--dport {mapping.host_port} -j DNAT --to-destination 10.4.0.2:80" in rule.text
        await rig.publisher.withdraw(running)
        assert rig.networks.firewall.rules == {}
        fixed = replace(WEB, host_config=binding(str(mapping.host_port)))
        assert await rig.publisher.reserve(fixed, networks)

    asyncio.run(attempt())


def binding(port: str, address: str = "") -> HostConfig:
    return HostConfig(network_mode="blue", port_bindings={"80/tcp": (PortBinding(address, port),)})


def test_a_port_of_a_container_that_has_just_ended_is_waited_for(rig: Rig) -> None:
    async def attempt() -> None:
        (held,) = rig.ports.reserve("ended", [Wish(1, "tcp")], ipv4=True, ipv6=False)
        wanted = replace(WEB, host_config=binding(str(held.host_port)))
        assert await rig.publisher.reserve(wanted, [rig.networks.get("blue")])
        assert rig.waited == 1

    asyncio.run(attempt())


def test_a_clash_is_told_as_docker_does(rig: Rig) -> None:
    async def attempt() -> None:
        (held,) = rig.ports.reserve("other", [Wish(1, "tcp")], ipv4=True, ipv6=False)
        wanted = replace(WEB, host_config=binding(str(held.host_port)))
        with pytest.raises(SystemFailure) as caught:
            await rig.publisher.reserve(wanted, [rig.networks.get("blue")])
        words = str(caught.value)
        assert "driver failed programming external connectivity on endpoint box (" in words
        assert words.endswith(f"Bind for 0.0.0.0:{held.host_port} failed: port is already allocated")

    asyncio.run(attempt())


def test_a_network_that_publishes_nothing_takes_no_ports(rig: Rig) -> None:
    closed = replace(rig.networks.get("blue"), internal=True)
    assert asyncio.run(rig.publisher.reserve(WEB, [closed])) == ()
    assert asyncio.run(rig.publisher.reserve(WEB, [])) == ()


def test_a_network_may_have_a_host_address_of_its_own_for_ports(rig: Rig) -> None:
    option = {"com.docker.network.bridge.host_binding_ipv4": "127.0.0.1"}
    network = replace(rig.networks.get("blue"), options=option)
    (mapping,) = asyncio.run(rig.publisher.reserve(WEB, [network]))
    assert mapping.host_ip == "127.0.0.1"


def test_ports_of_a_running_container_are_held_again(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    (held,) = rig.ports.reserve("other", [Wish(1, "tcp")], ipv4=True, ipv6=False)
    mapping = PortMapping(80, "tcp", "0.0.0.0", held.host_port)
    rig.publisher.hold(replace(WEB, sandbox=Sandbox("s", "k", (mapping,))))
    assert "address already in use" in caplog.text


def test_what_is_wished_for() -> None:
    made = replace(
        WEB, config=Config(exposed_ports={"90/tcp": {}}), host_config=replace(WEB.host_config, publish_all_ports=True)
    )
    assert wished(made) == [Wish(80, "tcp"), Wish(90, "tcp")]


def test_nothing_is_published_for_a_container_that_has_ended_or_ends_meanwhile(rig: Rig) -> None:
    async def attempt() -> None:
        ports = await rig.publisher.reserve(WEB, [rig.networks.get("blue")])
        running = replace(WEB, sandbox=Sandbox("s", "k", ports, (rig.place("blue", "10.4.0.2"),)))
        put = rig.networks.firewall.set

        async def ends_meanwhile(*arguments: Any) -> None:
            await put(*arguments)
            rig.live.clear()

        rig.networks.firewall.set = ends_meanwhile
        await rig.publisher.publish(running)
        assert rig.networks.firewall.rules == {}
        rig.networks.firewall.set = None
        await rig.publisher.publish(running)

    asyncio.run(attempt())
