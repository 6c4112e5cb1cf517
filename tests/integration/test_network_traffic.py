"""Who reaches whom: between networks, out of them, into them, and what hosts with rules of their own make of it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.calls import Refused
from tests.engine import Engine, run
from tests.sockets import ask, remote_host, serving
from tests.waiting import wait_until

pytestmark = [pytest.mark.root]

SLEEP = ("sleep", "1000")
ICC = "com.docker.network.bridge.enable_icc"
REMOTE = "192.0.2.2"
Network = Callable[..., str]


class Place:
    """A running container on one network."""

    def __init__(self, engine: Engine, network: str, **host: Any) -> None:
        self.id = engine.running(SLEEP, host={"NetworkMode": network, **host})
        settings = engine.inspect(self.id)["NetworkSettings"]
        self.namespace: str = settings["SandboxKey"]
        place = settings["Networks"][network]
        self.address: str = place["IPAddress"]
        self.ipv6: str = place["GlobalIPv6Address"]
        self.gateway: str = place["Gateway"]


def on_host(engine: Engine, *command: str) -> str:
    done = subprocess.run(
        ["nsenter", f"--net=/run/netns/{engine.name}", *command], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout


@pytest.mark.peer
def test_containers_of_one_network_reach_each_other_and_those_of_another_do_not(
    engine: Engine, network: Network
) -> None:
    one, two = network(), network()
    a, b, c, d = Place(engine, one), Place(engine, one), Place(engine, two), Place(engine, "bridge")
    with serving(a.namespace, "tcp", "0.0.0.0", 80, "a"), serving(a.namespace, "udp", "0.0.0.0", 80, "a"):
        assert ask(b.namespace, "tcp", a.address, 80) == f"a {b.address}"
        assert ask(b.namespace, "udp", a.address, 80) == f"a {b.address}"
        for stranger in (c, d):
            assert ask(stranger.namespace, "tcp", a.address, 80) == "timeout"
            assert ask(stranger.namespace, "udp", a.address, 80) == "timeout"
        assert ask(engine.name, "tcp", a.address, 80) == f"a {a.gateway}", "the host itself reaches every container"


@pytest.mark.peer
def test_packets_leave_under_the_hosts_address(engine: Engine, network: Network) -> None:
    a = Place(engine, network())
    with remote_host(engine) as remote, serving(remote, "tcp", "0.0.0.0", 80, "out"):
        assert ask(a.namespace, "tcp", REMOTE, 80) == "out 192.0.2.1"


def test_without_masquerading_they_keep_their_own(engine: Engine, network: Network) -> None:
    name = network(Options={"com.docker.network.bridge.enable_ip_masquerade": "false"})
    fixed = network(Options={"com.docker.network.host_ipv4": "192.0.2.77"})
    a, b = Place(engine, name), Place(engine, fixed)
    with remote_host(engine) as remote, serving(remote, "udp", "0.0.0.0", 80, "out"):
        run("ip", "-n", remote, "route", "add", "default", "via", "192.0.2.1")
        assert ask(a.namespace, "udp", REMOTE, 80) == f"out {a.address}"
        run("ip", "-n", engine.name, "addr", "add", "192.0.2.77/24", "dev", "wire")
        assert ask(b.namespace, "udp", REMOTE, 80) == "out 192.0.2.77"


@pytest.mark.peer
def test_an_internal_network_has_no_way_out_or_in(engine: Engine, network: Network) -> None:
    name = network(Internal=True)
    a, b = Place(engine, name), Place(engine, name)
    c = Place(engine, network())
    assert a.gateway == ""
    with (
        remote_host(engine) as remote,
        serving(remote, "tcp", "0.0.0.0", 80),
        serving(a.namespace, "tcp", "0.0.0.0", 80, "a"),
        serving(c.namespace, "tcp", "0.0.0.0", 80),
    ):
        assert ask(b.namespace, "tcp", a.address, 80) == f"a {b.address}"
        assert ask(a.namespace, "tcp", REMOTE, 80) == "network is unreachable"
        run("ip", "-n", remote, "route", "add", "default", "via", "192.0.2.1")
        assert ask(remote, "tcp", a.address, 80) == "timeout"
        # A container may make itself a route: it leads nowhere.
        gateway = engine.get(f"/networks/{name}")["IPAM"]["Config"][0]["Gateway"]
        subprocess.run(["nsenter", f"--net={a.namespace}", "ip", "route", "add", "default", "via", gateway], check=True)
        assert ask(a.namespace, "tcp", REMOTE, 80) == "timeout"
        assert ask(a.namespace, "tcp", c.address, 80) == "timeout"


def test_an_internal_network_does_not_reach_ports_that_others_publish(engine: Engine, network: Network) -> None:
    inside = Place(engine, network(Internal=True))
    web = Place(engine, network(), PortBindings={"80/tcp": [{"HostPort": "28200"}]})
    gateway = inside.address.rsplit(".", 1)[0] + ".1"
    with serving(web.namespace, "tcp", "0.0.0.0", 80):
        assert ask(engine.name, "tcp", "127.0.0.1", 28200).startswith("here")
        assert ask(inside.namespace, "tcp", gateway, 28200) == "timeout"


def test_with_icc_off_containers_reach_each_other_only_where_ports_are_published(
    engine: Engine, network: Network
) -> None:
    name = network(Options={ICC: "false"}, EnableIPv6=True)
    a = Place(engine, name, PortBindings={"80/tcp": [{"HostPort": "28201"}]})
    b = Place(engine, name)
    with serving(a.namespace, "tcp", "::", 80, "a"), remote_host(engine) as remote, serving(remote, "tcp", "::", 80):
        for address in (a.address, a.ipv6):
            assert ask(b.namespace, "tcp", address, 80) in ("timeout", "no route to host")
        assert ask(b.namespace, "tcp", b.gateway, 28201).startswith("a ")
        assert ask(b.namespace, "tcp", REMOTE, 80) == "here ::ffff:192.0.2.1"
        assert ask(engine.name, "tcp", a.address, 80).startswith("a ")


@pytest.mark.peer
def test_what_is_not_published_is_not_reached_from_elsewhere(engine: Engine, network: Network) -> None:
    a = Place(engine, network(), PortBindings={"80/tcp": [{"HostPort": "28202"}]})
    with (
        serving(a.namespace, "tcp", "0.0.0.0", 81),
        serving(a.namespace, "tcp", "0.0.0.0", 80),
        remote_host(engine) as remote,
    ):
        run("ip", "-n", remote, "route", "add", "default", "via", "192.0.2.1")
        assert ask(remote, "tcp", "192.0.2.1", 28202).startswith("here")
        assert ask(remote, "tcp", a.address, 81) == "timeout"


def test_an_unprotected_network_lets_others_in_but_not_other_networks(engine: Engine, network: Network) -> None:
    a = Place(engine, network(Options={"com.docker.network.bridge.gateway_mode_ipv4": "nat-unprotected"}))
    b = Place(engine, network())
    with serving(a.namespace, "tcp", "0.0.0.0", 80), remote_host(engine) as remote:
        run("ip", "-n", remote, "route", "add", "default", "via", "192.0.2.1")
        assert ask(remote, "tcp", a.address, 80) == f"here {REMOTE}"
        assert ask(b.namespace, "tcp", a.address, 80) == "timeout"


def test_ipv6_goes_the_same_ways(engine: Engine, network: Network) -> None:
    name = network(EnableIPv6=True)
    a, b, c = Place(engine, name), Place(engine, name), Place(engine, network(EnableIPv6=True))
    with serving(a.namespace, "tcp", "::", 80, "a"), remote_host(engine) as remote, serving(remote, "tcp", "::", 80):
        assert ask(b.namespace, "tcp", a.ipv6, 80) == f"a {b.ipv6}"
        assert ask(c.namespace, "tcp", a.ipv6, 80) == "timeout"
        assert ask(a.namespace, "tcp", "2001:db8::2", 80) == "here 2001:db8::1"


def test_a_host_that_drops_by_default_is_no_obstacle(engine: Engine, network: Network) -> None:
    for chain in ("FORWARD", "INPUT"):
        on_host(engine, "iptables", "-P", chain, "DROP")
    try:
        name = network()
        a, b = Place(engine, name, PortBindings={"80/tcp": [{"HostPort": "28203"}]}), Place(engine, name)
        with (
            serving(a.namespace, "tcp", "0.0.0.0", 80),
            remote_host(engine) as remote,
            serving(remote, "tcp", "0.0.0.0", 80),
        ):
            assert ask(b.namespace, "tcp", a.address, 80) == f"here {b.address}"
            assert ask(b.namespace, "tcp", REMOTE, 80) == "here 192.0.2.1"
            assert ask(remote, "tcp", "192.0.2.1", 28203) == f"here {REMOTE}"
        short = a.id[:12]
        assert a.address.encode() in engine.exec(b.id, ["nslookup", short, b.gateway]).stdout, (
            "names are asked of the host"
        )
    finally:
        for chain in ("FORWARD", "INPUT"):
            on_host(engine, "iptables", "-P", chain, "ACCEPT")


def test_a_host_that_passed_nothing_on_does_so_for_containers_alone(
    make_engine: Callable[..., Engine], busybox_archive: str
) -> None:
    engine = make_engine()
    on_host(engine, "sysctl", "-qw", "net.ipv4.ip_forward=0")
    engine.start_daemon()
    engine.load_image(busybox_archive)
    assert on_host(engine, "sysctl", "-n", "net.ipv4.ip_forward").strip() == "1"
    assert ":FORWARD DROP" in on_host(engine, "iptables-save", "-t", "filter")
    assert engine.get("/info")["IPv4Forwarding"] is True
    a = Place(engine, "bridge")
    with remote_host(engine) as remote, serving(remote, "tcp", "0.0.0.0", 80, "out"):
        assert ask(a.namespace, "tcp", REMOTE, 80) == "out 192.0.2.1"
    engine.remove(a.id)


@pytest.fixture(params=["iptables", "iptables-legacy"])
def backed(request: pytest.FixtureRequest, make_engine: Callable[..., Engine], busybox_archive: str) -> Engine:
    """An engine that sets its rules with one of the two variants of iptables."""
    engine = make_engine({"firewall-backend": request.param})
    engine.start_daemon()
    engine.load_image(busybox_archive)
    return engine


def test_rules_come_back_when_somebody_has_flushed_them(backed: Engine) -> None:
    engine, program = backed, backed.settings["firewall-backend"]
    engine.post("/networks/create", {"Name": "one"})
    engine.post("/networks/create", {"Name": "two"})
    web = Place(engine, "one", PortBindings={"80/tcp": [{"HostPort": "28204"}]})
    stranger = Place(engine, "two")

    def ours() -> list[str]:
        return sorted(line for line in on_host(engine, f"{program}-save").splitlines() if "isula" in line.lower())

    whole = ours()
    for table, commands in (("nat", ["-F"]), ("filter", ["-F"]), ("filter", ["-F", "-X"]), ("nat", ["-F", "-X"])):
        for command in commands:
            on_host(engine, program, "-t", table, command)
        assert ours() != whole
        wait_until(lambda: ours() == whole, 15, "the rules are back by themselves")
    on_host(engine, program, "-F")
    third = Place(engine, "two")  # a start looks for itself
    assert len(ours()) == len(whole)
    with serving(web.namespace, "tcp", "0.0.0.0", 80), remote_host(engine) as remote:
        assert ask(remote, "tcp", "192.0.2.1", 28204).startswith("here")
        assert ask(stranger.namespace, "tcp", web.address, 80) == "timeout"
    for place in (web, stranger, third):
        engine.remove(place.id)
    for name in ("one", "two"):
        engine.delete(f"/networks/{name}")


def test_rules_of_others_stay_as_they_are(engine: Engine, network: Network) -> None:
    on_host(engine, "iptables", "-N", "MINE")
    on_host(engine, "iptables", "-A", "MINE", "-s", "198.51.100.1/32", "-j", "DROP")
    on_host(engine, "iptables", "-A", "FORWARD", "-j", "MINE")
    try:
        name = network()
        engine.remove(Place(engine, name, PortBindings={"80/tcp": [{"HostPort": "28205"}]}).id)
        engine.delete(f"/networks/{name}")
        rules = on_host(engine, "iptables-save", "-t", "filter")
        assert "-A MINE -s 198.51.100.1/32 -j DROP" in rules and "-A FORWARD -j MINE" in rules
    finally:
        on_host(engine, "iptables", "-F", "MINE")
        on_host(engine, "iptables", "-D", "FORWARD", "-j", "MINE")
        on_host(engine, "iptables", "-X", "MINE")


def test_without_networks_of_its_own_nothing_is_in_the_hosts_rules(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine({"bridge": "none"})
    engine.start_daemon()
    assert {item["Name"] for item in engine.get("/networks")} == {"host", "none"}
    engine.post("/networks/create", {"Name": "one", "EnableIPv6": True})
    assert "ISULA" in on_host(engine, "iptables-save") and "ISULA" in on_host(engine, "ip6tables-save")
    engine.delete("/networks/one")
    assert "ISULA" not in on_host(engine, "iptables-save") and "ISULA" not in on_host(engine, "ip6tables-save")


@pytest.fixture
def wire(engine: Engine) -> Iterator[str]:
    """An interface `lan` of the engine's host, and on the other end of its wire a neighbour; the neighbour's name."""
    neighbour = f"{engine.name}n"
    run("ip", "netns", "add", neighbour)
    try:
        run("ip", "-n", engine.name, "link", "add", "lan", "type", "veth", "peer", "name", "lan", "netns", neighbour)
        for namespace in (engine.name, neighbour):
            run("ip", "-n", namespace, "link", "set", "lan", "up")
        run("ip", "-n", neighbour, "addr", "add", "10.33.0.1/24", "dev", "lan")
        yield neighbour
    finally:
        engine.remove_all()
        # The kernel takes its time with a namespace; both ends of the wire go at once if one is removed.
        subprocess.run(["ip", "-n", neighbour, "link", "del", "lan"], capture_output=True, timeout=30, check=False)
        run("ip", "netns", "del", neighbour)


def kernel_knows(engine: Engine, kind: str) -> bool:
    command = ["ip", "-n", engine.name, "link", "add", "try", "link", "lan", "type", kind]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        return False
    run("ip", "-n", engine.name, "link", "del", "try")
    return True


@pytest.mark.peer
@pytest.mark.parametrize("driver", ["macvlan", "ipvlan"])
def test_containers_on_the_wire_of_the_host(engine: Engine, network: Network, wire: str, driver: str) -> None:
    if not kernel_knows(engine, driver):
        pytest.skip(f"this kernel knows no {driver}")
    pool = {"Subnet": "10.33.0.0/24", "Gateway": "10.33.0.1", "IPRange": "10.33.0.128/25"}
    name = network(Driver=driver, Options={"parent": "lan"}, IPAM={"Config": [pool]})
    a, b = Place(engine, name), Place(engine, name)
    assert a.address.startswith("10.33.0.1") and a.gateway == "10.33.0.1"
    with serving(a.namespace, "tcp", "0.0.0.0", 80), serving(wire, "tcp", "0.0.0.0", 80, "wire"):
        assert ask(b.namespace, "tcp", a.address, 80) == f"here {b.address}"
        assert ask(wire, "tcp", a.address, 80) == "here 10.33.0.1"
        assert ask(a.namespace, "tcp", "10.33.0.1", 80) == f"wire {a.address}"
    engine.remove(a.id)
    engine.remove(b.id)
    engine.delete(f"/networks/{name}")
    assert "lan" in on_host(engine, "ip", "-br", "link"), "the parent is the host's"


def test_a_device_of_the_host_goes_to_a_container_and_comes_back(engine: Engine, network: Network, wire: str) -> None:
    pool = {"Subnet": "10.33.0.0/24", "Gateway": "10.33.0.1"}
    name = network(Driver="host-device", Options={"device": "lan"}, IPAM={"Config": [pool]})
    a = Place(engine, name)
    assert " lan" not in on_host(engine, "ip", "-o", "link")
    with serving(a.namespace, "tcp", "0.0.0.0", 80):
        assert ask(wire, "tcp", a.address, 80) == "here 10.33.0.1"
    second = engine.create(SLEEP, host={"NetworkMode": name})
    with pytest.raises(Refused, match="host-device"):
        engine.start(second)
    engine.remove(a.id)
    wait_until(lambda: " lan" in on_host(engine, "ip", "-o", "link"), 10, "the device is back")


def conflist(engine: Engine, name: str, *plugins: dict[str, Any], version: str = "1.0.0") -> None:
    folder = engine.settings["cni-conf-dir"]
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/{name}.conflist", "w") as file:
        json.dump({"cniVersion": version, "name": name, "plugins": plugins}, file)


@pytest.fixture
def cni_engine(make_engine: Callable[..., Engine], busybox_archive: str) -> Engine:
    """An engine with a folder for conflists of its own."""
    engine = make_engine()
    engine.settings["cni-conf-dir"] = f"{engine.place}/net.d"
    engine.write_settings()
    engine.start_daemon()
    engine.load_image(busybox_archive)
    return engine


BRIDGE = {
    "type": "bridge",
    "bridge": "cni7",
    "isDefaultGateway": True,
    "ipMasq": True,
    "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.22.0.0/16"}]]},
}


@pytest.mark.parametrize("version", ["0.3.1", "0.4.0", "1.0.0"])
def test_any_conflist_makes_a_network(cni_engine: Engine, version: str) -> None:
    engine = cni_engine
    plugin = {**BRIDGE, "ipam": {**BRIDGE["ipam"], "dataDir": f"{engine.place}/leases"}}  # type: ignore[dict-item]
    chain = ({"type": "portmap", "capabilities": {"portMappings": True}}, {"type": "tuning", "mtu": 1350})
    conflist(engine, "mine", plugin, *chain, version=version)
    engine.post("/networks/create", {"Name": "mine", "Driver": "cni"})
    a, b = Place(engine, "mine", PortBindings={"80/tcp": [{"HostPort": "28206"}]}), Place(engine, "mine")
    assert a.address.startswith("10.22.0.") and a.gateway == "10.22.0.1"
    assert b"mtu 1350" in engine.exec(a.id, ["ip", "link", "show", "eth0"]).stdout
    with serving(a.namespace, "tcp", "0.0.0.0", 80), remote_host(engine) as remote:
        assert ask(b.namespace, "tcp", a.address, 80) == f"here {b.address}"
        assert ask(remote, "tcp", "192.0.2.1", 28206) == f"here {REMOTE}"
    engine.remove(a.id)
    engine.remove(b.id)
    engine.delete("/networks/mine")
    leases = [name for name in os.listdir(f"{engine.place}/leases/mine") if name.startswith("10.")]
    assert leases == [] and "28206" not in on_host(engine, "iptables-save")


def test_a_plugins_words_reach_the_client_and_nothing_is_left(cni_engine: Engine) -> None:
    engine = cni_engine
    conflist(engine, "bad", {**BRIDGE, "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.22.0.0/33"}]]}})
    engine.post("/networks/create", {"Name": "bad", "Driver": "cni"})
    container = engine.create(SLEEP, host={"NetworkMode": "bad"})
    with pytest.raises(Refused, match="CNI plugin bridge failed to ADD: .*10.22.0.0/33"):
        engine.start(container)
    assert engine.state(container)["Status"] in ("created", "exited")
    assert engine.get("/networks/bad")["Containers"] == {}
    engine.delete("/networks/bad")
    with pytest.raises(Refused, match="network bad not found"):
        engine.start(container)
    engine.remove(container)
