"""Networks of a container: as asked at its create, changed while it runs or stands, given back at its end."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.calls import Refused
from tests.engine import Engine
from tests.sockets import ask, serving
from tests.waiting import wait_until

pytestmark = [pytest.mark.root]

SLEEP = ("sleep", "1000")
Network = Callable[..., str]


def settings(engine: Engine, container: str) -> dict[str, Any]:
    found: dict[str, Any] = engine.inspect(container)["NetworkSettings"]
    return found


def interfaces(engine: Engine, container: str) -> list[str]:
    return engine.exec(container, ["ls", "/sys/class/net"]).stdout.decode().split()


def refused(engine: Engine, status: int, words: str, path: str, body: Any) -> None:
    with pytest.raises(Refused) as caught:
        engine.post(path, body)
    assert caught.value.reply.status == status, caught.value
    assert words in caught.value.reply.json()["message"]


@pytest.mark.peer
def test_connect_and_disconnect_while_it_runs(engine: Engine, network: Network) -> None:
    lan = network(IPAM={"Config": [{"Subnet": "10.124.0.0/24"}]})
    container = engine.running(SLEEP, "box", {"NetworkMode": "bridge"})
    asked = {"IPAMConfig": {"IPv4Address": "10.124.0.77"}, "Aliases": ["web"]}
    engine.post(f"/networks/{lan}/connect", {"Container": "box", "EndpointConfig": asked})
    found = settings(engine, container)["Networks"]
    assert sorted(found) == sorted(["bridge", lan])
    assert (found[lan]["IPAddress"], found[lan]["IPPrefixLen"], found[lan]["Gateway"]) == (
        "10.124.0.77",
        24,
        "10.124.0.1",
    )
    assert found[lan]["IPAMConfig"] == {"IPv4Address": "10.124.0.77"} and "web" in found[lan]["Aliases"]
    assert interfaces(engine, container) == ["eth0", "eth1", "lo"]
    members = engine.get(f"/networks/{lan}")["Containers"]
    assert members[container]["IPv4Address"] == "10.124.0.77/24" and members[container]["Name"] == "box"
    refused(
        engine,
        403,
        f"endpoint with name box already exists in network {lan}",
        f"/networks/{lan}/connect",
        {"Container": "box"},
    )
    engine.post(f"/networks/{lan}/disconnect", {"Container": "box"})
    assert list(settings(engine, container)["Networks"]) == ["bridge"]
    assert interfaces(engine, container) == ["eth0", "lo"]
    assert engine.get(f"/networks/{lan}")["Containers"] == {}
    refused(engine, 500, f"is not connected to network {lan}", f"/networks/{lan}/disconnect", {"Container": "box"})


@pytest.mark.peer
def test_a_stopped_container_gets_what_was_connected_at_its_next_start(engine: Engine, network: Network) -> None:
    lan = network()
    container = engine.create(SLEEP, "box", {"NetworkMode": "bridge"})
    engine.post(f"/networks/{lan}/connect", {"Container": container, "EndpointConfig": {}})
    assert settings(engine, container)["Networks"][lan]["IPAddress"] == ""
    engine.start(container)
    assert settings(engine, container)["Networks"][lan]["IPAddress"]
    engine.post(f"/containers/{container}/stop", t=0)
    engine.post(f"/networks/{lan}/disconnect", {"Container": container})
    engine.start(container)
    assert list(settings(engine, container)["Networks"]) == ["bridge"]


def test_several_networks_at_create(engine: Engine, network: Network) -> None:
    blue, red = network("blue"), network("red")
    config: dict[str, Any] = {"EndpointsConfig": {red: {"Aliases": ["r"]}, blue: {"MacAddress": "02:00:00:00:00:aa"}}}
    container = engine.running(SLEEP, host={"NetworkMode": red}, NetworkingConfig=config)
    found = settings(engine, container)["Networks"]
    assert found[blue]["MacAddress"] == "02:00:00:00:00:aa"
    addresses = engine.exec(container, ["ip", "-o", "-4", "addr"]).stdout.decode()
    assert (
        f"eth0    inet {found[red]['IPAddress']}/" in addresses
        and f"eth1    inet {found[blue]['IPAddress']}/" in addresses
    )
    route = engine.exec(container, ["ip", "route", "show", "default"]).stdout.decode()
    assert f"via {found[blue]['Gateway']} dev eth1" in route, "the first name is the way out"


def test_the_way_out_follows_priorities_and_disconnects(engine: Engine, network: Network) -> None:
    blue, red = network("blue"), network("red")
    config: dict[str, Any] = {"EndpointsConfig": {blue: {}, red: {"GwPriority": 9}}}
    container = engine.running(SLEEP, host={"NetworkMode": blue}, NetworkingConfig=config)

    def way() -> str:
        return engine.exec(container, ["ip", "route", "show", "default"]).stdout.decode().split()[2]

    found = settings(engine, container)["Networks"]
    assert way() == found[red]["Gateway"]
    engine.post(f"/networks/{red}/disconnect", {"Container": container})
    assert way() == found[blue]["Gateway"]
    engine.post(f"/networks/{red}/connect", {"Container": container, "EndpointConfig": {"GwPriority": 9}})
    assert way() == found[red]["Gateway"]


def test_published_ports_move_with_the_way_out(engine: Engine, network: Network) -> None:
    blue, red = network("blue"), network("red")
    host = {"NetworkMode": blue, "PortBindings": {"80/tcp": [{"HostPort": "28100"}]}}
    config: dict[str, Any] = {"EndpointsConfig": {blue: {}, red: {}}}
    container = engine.running(SLEEP, host=host, NetworkingConfig=config, ExposedPorts={"80/tcp": {}})
    with serving(settings(engine, container)["SandboxKey"], "tcp", "0.0.0.0", 80):
        assert ask(engine.name, "tcp", "127.0.0.1", 28100).startswith("here")
        engine.post(f"/networks/{blue}/disconnect", {"Container": container})
        assert ask(engine.name, "tcp", "127.0.0.1", 28100).startswith("here")
        engine.post(f"/networks/{red}/disconnect", {"Container": container})
        assert ask(engine.name, "tcp", "127.0.0.1", 28100) == "refused"
        assert settings(engine, container)["Ports"] == {"80/tcp": None}
        engine.post(f"/networks/{blue}/connect", {"Container": container})
        assert ask(engine.name, "tcp", "127.0.0.1", 28100).startswith("here")


@pytest.mark.peer
def test_addresses_that_can_not_be_had(engine: Engine, network: Network) -> None:
    lan = network(IPAM={"Config": [{"Subnet": "10.125.0.0/24"}]})

    def asking(address: str, mode: str = lan) -> dict[str, Any]:
        return {"EndpointsConfig": {mode: {"IPAMConfig": {"IPv4Address": address}}}}

    first = engine.running(SLEEP, host={"NetworkMode": lan}, NetworkingConfig=asking("10.125.0.5"))
    second = engine.create(SLEEP, host={"NetworkMode": lan}, NetworkingConfig=asking("10.125.0.5"))
    with pytest.raises(Refused, match="Address already in use"):
        engine.start(second)
    assert engine.state(second)["Status"] == "created"
    engine.remove(first)
    engine.start(second)
    assert settings(engine, second)["Networks"][lan]["IPAddress"] == "10.125.0.5"


@pytest.mark.parametrize(
    ("address", "mode", "words"),
    [
        ("10.125.0.5", "bridge", "user specified IP address is supported on user defined networks only"),
        ("10.9.9.9", "lan", "10.9.9.9"),
        ("nonsense", "lan", "nonsense"),
    ],
)
def test_addresses_that_make_no_sense(engine: Engine, network: Network, address: str, mode: str, words: str) -> None:
    network("lan", IPAM={"Config": [{"Subnet": "10.125.0.0/24"}]})
    config = {"EndpointsConfig": {mode: {"IPAMConfig": {"IPv4Address": address}}}}
    with pytest.raises(Refused) as caught:
        engine.running(SLEEP, host={"NetworkMode": mode}, NetworkingConfig=config)
    assert 400 <= caught.value.reply.status < 500 and words in caught.value.reply.json()["message"]


@pytest.mark.peer
def test_a_network_that_is_not_there_fails_the_start(engine: Engine) -> None:
    with pytest.raises(Refused) as caught:
        engine.running(SLEEP, host={"NetworkMode": "nowhere"})
    assert caught.value.reply.status == 404 and b"network nowhere not found" in caught.value.reply.body


def test_a_network_is_free_when_the_removal_of_its_last_container_answers(engine: Engine, network: Network) -> None:
    lan = network()
    for _ in range(3):
        container = engine.running(SLEEP, host={"NetworkMode": lan})
        refused_status = engine.ask("DELETE", f"/networks/{lan}")
        assert refused_status.status == 403 and b"has active endpoints" in refused_status.body
        engine.remove(container)
        engine.delete(f"/networks/{lan}")
        network(lan)


def test_what_can_not_be_connected(engine: Engine, network: Network) -> None:
    lan = network()
    on_host = engine.running(SLEEP, "on-host", {"NetworkMode": "host"})
    alone = engine.running(SLEEP, "alone", {"NetworkMode": "none"})
    donor = engine.running(SLEEP, "donor", {"NetworkMode": "bridge"})
    engine.running(SLEEP, "joined", {"NetworkMode": f"container:{donor}"})
    path = f"/networks/{lan}/connect"
    refused(engine, 400, "host network", path, {"Container": on_host})
    refused(engine, 400, "private (none) mode", path, {"Container": alone})
    refused(engine, 400, "sharing network namespace", path, {"Container": "joined"})
    refused(engine, 404, "No such container: nobody", path, {"Container": "nobody"})
    refused(engine, 404, "network nowhere not found", "/networks/nowhere/connect", {"Container": donor})
    refused(engine, 400, "host network", "/networks/host/connect", {"Container": donor})


@pytest.mark.peer
def test_host_and_none(engine: Engine) -> None:
    alone = engine.running(SLEEP, host={"NetworkMode": "none"})
    assert interfaces(engine, alone) == ["lo"]
    found = settings(engine, alone)
    assert list(found["Networks"]) == ["none"] and found["Networks"]["none"]["IPAddress"] == ""
    on_host = engine.running(SLEEP, host={"NetworkMode": "host"})
    assert list(settings(engine, on_host)["Networks"]) == ["host"]
    assert os.stat(f"/proc/{engine.state(on_host)['Pid']}/ns/net").st_ino == os.stat(f"/run/netns/{engine.name}").st_ino


def test_the_namespace_can_be_entered_by_its_key_and_goes_with_the_container(engine: Engine) -> None:
    container = engine.running(SLEEP, host={"NetworkMode": "bridge"})
    key = settings(engine, container)["SandboxKey"]
    assert os.stat(key).st_ino == os.stat(f"/proc/{engine.state(container)['Pid']}/ns/net").st_ino
    engine.remove(container)
    wait_until(lambda: not os.path.exists(key), 10)
