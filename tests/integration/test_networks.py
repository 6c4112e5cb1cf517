"""Networks as clients make, list and remove them, and what there is of them on the host."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

import docker
import pytest

from tests.calls import Refused
from tests.docker_cli import DockerCli
from tests.engine import Engine
from tests.waiting import wait_until

pytestmark = [pytest.mark.root]

SLEEP = ("sleep", "1000")
Network = Callable[..., str]


def ip(engine: Engine, *words: str) -> Any:
    """What `ip -j` says in the engine's network namespace."""
    done = subprocess.run(["ip", "-n", engine.name, "-j", *words], capture_output=True, text=True, check=True)
    return json.loads(done.stdout or "[]")


def links(engine: Engine) -> set[str]:
    return {link["ifname"] for link in ip(engine, "link")}


def rules(engine: Engine, program: str = "iptables-save") -> list[str]:
    command = ["nsenter", f"--net=/run/netns/{engine.name}", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if line.startswith("-A")]


def refused(engine: Engine, method: str, path: str, body: Any = None) -> tuple[int, str]:
    reply = engine.ask(method, path, body)
    assert reply.status >= 400, reply
    return reply.status, reply.json()["message"]


@pytest.mark.peer
def test_the_default_network_is_dockers(engine: Engine) -> None:
    bridge = engine.get("/networks/bridge")
    assert bridge["Driver"] == "bridge" and bridge["Scope"] == "local" and not bridge["Internal"]
    (pool,) = bridge["IPAM"]["Config"]
    assert pool["Subnet"] == "172.17.0.0/16" and pool.get("Gateway", "172.17.0.1") == "172.17.0.1"
    assert bridge["Options"]["com.docker.network.bridge.default_bridge"] == "true"
    assert bridge["Options"]["com.docker.network.driver.mtu"] == "1500"
    assert {network["Name"] for network in engine.get("/networks")} == {"bridge", "host", "none"}


@pytest.mark.peer
def test_a_network_is_shown_as_it_was_asked_for(engine: Engine, network: Network) -> None:
    asked = {
        "Driver": "bridge",
        "IPAM": {
            "Driver": "default",
            "Options": {},
            "Config": [{"Subnet": "10.77.0.0/16", "IPRange": "10.77.5.0/24", "Gateway": "10.77.0.9"}],
        },
        "Options": {"com.docker.network.driver.mtu": "1400", "com.docker.network.bridge.name": "br-seven"},
        "Labels": {"com.example": "x"},
        "Internal": True,
        "Attachable": True,
    }
    shown = engine.get(f"/networks/{network(**asked)}")
    assert {key: shown[key] for key in asked} == asked
    (link,) = ip(engine, "link", "show", "br-seven")
    assert link["mtu"] in (1400, 1500)  # dockerd gives it to the containers alone
    assert {"10.77.0.9"} <= {address["local"] for address in ip(engine, "addr", "show", "br-seven")[0]["addr_info"]}
    container = engine.running(SLEEP, host={"NetworkMode": shown["Name"]})
    found = engine.inspect(container)["NetworkSettings"]["Networks"][shown["Name"]]
    assert found["IPAddress"].startswith("10.77.5.") and found["IPPrefixLen"] == 16
    assert b"mtu 1400" in engine.exec(container, ["ip", "link", "show", "eth0"]).stdout


@pytest.mark.peer
def test_chosen_subnets_do_not_overlap(engine: Engine, network: Network) -> None:
    found = [engine.get(f"/networks/{network()}")["IPAM"]["Config"][0] for _ in range(4)]
    assert len({pool["Subnet"] for pool in found}) == 4
    assert all(pool["Gateway"].endswith(".0.1") for pool in found)


def test_a_chosen_subnet_keeps_off_the_hosts_routes(engine: Engine, network: Network) -> None:
    subprocess.run(["ip", "-n", engine.name, "link", "add", "vpn", "type", "veth"], check=True)
    try:
        for command in (["addr", "add", "172.18.9.1/24", "dev", "vpn"], ["link", "set", "vpn", "up"]):
            subprocess.run(["ip", "-n", engine.name, *command], check=True)
        assert engine.get(f"/networks/{network()}")["IPAM"]["Config"][0]["Subnet"] == "172.19.0.0/16"
    finally:
        subprocess.run(["ip", "-n", engine.name, "link", "del", "vpn"], check=True)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"IPAM": {"Config": [{"Subnet": "10.88.1.0/24"}]}}, 403, "Pool overlaps with other one on this address space"),
        ({"IPAM": {"Config": [{"Subnet": "10.88.1.0/44"}]}}, 400, "invalid subnet 10.88.1.0/44"),
        ({"IPAM": {"Config": [{"Subnet": "10.89.0.1/16"}]}}, 400, "it should be 10.89.0.0/16"),
        ({"IPAM": {"Config": [{"Subnet": "10.89.0.0/16", "Gateway": "10.88.0.1"}]}}, 400, "invalid gateway 10.88.0.1"),
        ({"IPAM": {"Driver": "nope"}}, 404, 'plugin "nope" not found'),
        ({"Driver": "nope"}, 404, 'plugin "nope" not found'),
        ({"Driver": "overlay"}, 403, "not a swarm manager"),
        ({"Driver": "cni"}, 404, "there is no CNI network 'odd'"),
        (
            {"Driver": "macvlan", "Options": {"parent": "nope0"}},
            400,
            "parent interface was not found on the host: nope0",
        ),
        ({"Driver": "macvlan", "Options": {"macvlan_mode": "odd"}}, 400, "requested macvlan mode 'odd' is not valid"),
        ({"Options": {"com.docker.network.bridge.name": "br-taken"}}, 403, "networks have same bridge name"),
        ({"Options": {"com.docker.network.driver.mtu": "x"}}, 400, "com.docker.network.driver.mtu"),
        ({"Options": {"com.docker.network.bridge.name": "lo"}}, 500, "lo is there and is no bridge"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(
    engine: Engine, network: Network, body: dict[str, Any], status: int, words: str
) -> None:
    taken = {"com.docker.network.bridge.name": "br-taken"}
    network("taken", IPAM={"Config": [{"Subnet": "10.88.0.0/16"}]}, Options=taken)
    before = links(engine), sorted(rules(engine))
    got, message = refused(engine, "POST", "/networks/create", {"Name": "odd", **body})
    assert got == status and words in message
    assert {item["Name"] for item in engine.get("/networks")} == {"bridge", "host", "none", "taken"}
    assert (links(engine), sorted(rules(engine))) == before


@pytest.mark.peer
def test_a_network_in_use_is_kept(engine: Engine, network: Network) -> None:
    name = network()
    container = engine.running(SLEEP, "one", {"NetworkMode": name})
    status, message = refused(engine, "DELETE", f"/networks/{name}")
    assert status == 403 and "has active endpoints" in message
    members = engine.get(f"/networks/{name}")["Containers"]
    settings = engine.inspect(container)["NetworkSettings"]["Networks"][name]
    assert members[container]["Name"] == "one" and members[container]["EndpointID"] == settings["EndpointID"]
    assert members[container]["IPv4Address"] == f"{settings['IPAddress']}/{settings['IPPrefixLen']}"
    assert members[container]["MacAddress"] == settings["MacAddress"]
    engine.remove(container)
    engine.delete(f"/networks/{name}")
    assert refused(engine, "GET", f"/networks/{name}") == (404, f"network {name} not found")


def test_a_removed_network_leaves_neither_bridge_nor_rules(engine: Engine, network: Network) -> None:
    before = links(engine), sorted(rules(engine)), sorted(rules(engine, "ip6tables-save"))
    name = network(EnableIPv6=True)
    identifier = engine.get(f"/networks/{name}")["Id"]
    bridge = f"br-{identifier[:12]}"
    assert bridge in links(engine)
    assert any(bridge in rule for rule in rules(engine)) and any(
        bridge in rule for rule in rules(engine, "ip6tables-save")
    )
    engine.remove(engine.running(SLEEP, host={"NetworkMode": name}))
    engine.delete(f"/networks/{name}")
    assert (links(engine), sorted(rules(engine)), sorted(rules(engine, "ip6tables-save"))) == before
    assert identifier not in os.listdir(f"{engine.state_dir}/leases")


@pytest.mark.peer
def test_events_tell_what_happens(engine: Engine, network: Network) -> None:
    since = engine.get("/info")["SystemTime"]
    name = network("told")
    identifier = engine.get("/networks/told")["Id"]
    container = engine.running(SLEEP, host={"NetworkMode": name})
    engine.remove(container)
    engine.delete("/networks/told")
    found: list[dict[str, Any]] = []
    for event in engine.events(since=since, filters={"type": ["network"], "network": ["told"]}):
        found.append(event)
        if event["Action"] == "destroy":
            break
    assert [event["Action"] for event in found] == ["create", "connect", "disconnect", "destroy"]
    assert all(event["Actor"]["ID"] == identifier for event in found)
    assert found[0]["Actor"]["Attributes"] == {"name": "told", "type": "bridge"}
    assert found[1]["Actor"]["Attributes"] == {"name": "told", "type": "bridge", "container": container}


@pytest.mark.peer
def test_prune_spares_what_is_used_new_or_marked(engine: Engine, network: Network) -> None:
    network("used")
    network("marked", Labels={"keep": "1"})
    network("free")
    container = engine.running(SLEEP, host={"NetworkMode": "used"})
    assert not engine.post("/networks/prune", filters={"until": ["24h"]}).json()["NetworksDeleted"]
    pruned = engine.post("/networks/prune", filters={"label!": ["keep"]}).json()["NetworksDeleted"]
    assert pruned == ["free"]
    engine.remove(container)
    assert sorted(engine.post("/networks/prune").json()["NetworksDeleted"]) == ["marked", "used"]


@pytest.mark.peer
def test_references_are_names_ids_and_their_beginnings(engine: Engine, network: Network) -> None:
    network("web")
    identifier = engine.get("/networks/web")["Id"]
    assert engine.get(f"/networks/{identifier}")["Name"] == engine.get(f"/networks/{identifier[:12]}")["Name"] == "web"
    names = [item["Name"] for item in engine.get("/networks", filters={"name": ["we"], "driver": {"bridge": True}})]
    assert names == ["web"]
    assert [item["Name"] for item in engine.get("/networks", filters={"id": [identifier[:8]]})] == ["web"]
    assert refused(engine, "POST", "/networks/create")[0] == 400
    assert refused(engine, "POST", "/networks/create", {"Name": "web", "CheckDuplicate": True})[0] == 409


@pytest.mark.peer
def test_dangling_means_without_containers(engine: Engine, network: Network) -> None:
    network("used"), network("free")
    engine.running(SLEEP, host={"NetworkMode": "used"})
    assert [item["Name"] for item in engine.get("/networks", filters={"dangling": ["true"]})] == ["free"]
    named = {item["Name"] for item in engine.get("/networks", filters={"dangling": ["false"]})}
    assert {"used", "bridge", "host", "none"} <= named


def test_ipv6_comes_from_a_pool_of_the_hosts_own_or_as_asked(engine: Engine, network: Network) -> None:
    chosen, given = network(EnableIPv6=True), network(EnableIPv6=True, IPAM={"Config": [{"Subnet": "fd77::/64"}]})
    pool = engine.get(f"/networks/{chosen}")["IPAM"]["Config"][1]
    assert pool["Subnet"].startswith("fd") and pool["Gateway"].endswith("::1")
    container = engine.running(SLEEP, host={"NetworkMode": given})
    found = engine.inspect(container)["NetworkSettings"]["Networks"][given]
    assert found["GlobalIPv6Address"] == "fd77::2" and found["IPv6Gateway"] == "fd77::1" and found["IPAddress"]
    alone = network(EnableIPv4=False, EnableIPv6=True)
    found = engine.inspect(engine.running(SLEEP, host={"NetworkMode": alone}))["NetworkSettings"]["Networks"][alone]
    assert found["GlobalIPv6Address"] and found["IPAddress"] == ""


def test_auxiliary_addresses_are_given_to_nobody(engine: Engine, network: Network) -> None:
    pool = {"Subnet": "10.66.0.0/29", "AuxiliaryAddresses": {"a": "10.66.0.2", "b": "10.66.0.4"}}
    name = network(IPAM={"Config": [pool]})
    addresses = [
        engine.inspect(engine.running(SLEEP, host={"NetworkMode": name}))["NetworkSettings"]["Networks"][name][
            "IPAddress"
        ]
        for _ in range(3)
    ]
    assert addresses == ["10.66.0.3", "10.66.0.5", "10.66.0.6"]
    container = engine.create(SLEEP, host={"NetworkMode": name})
    with pytest.raises(Refused, match=r"no available IPv4 addresses on this network.+s address pools"):
        engine.start(container)


def test_the_docker_command_and_docker_py_manage_networks(
    engine: Engine, cli: DockerCli, client: docker.DockerClient
) -> None:
    cli.ok("network", "create", "--subnet", "10.55.0.0/16", "--label", "a=b", "byhand")
    assert "10.55.0.0/16" in cli.ok("network", "inspect", "byhand")
    assert "byhand" in cli.ok("network", "ls", "--filter", "label=a=b", "--format", "{{.Name}}")
    made = client.networks.create("bypy", driver="bridge", internal=True, labels={"x": "1"}, check_duplicate=True)
    assert made.attrs["Internal"] and client.networks.list(names=["bypy"])[0].id == made.id
    container = engine.running(SLEEP, "c1", {"NetworkMode": "byhand"})
    made.connect("c1", aliases=["alias"], ipv4_address=None)
    made.reload()
    assert [item.id for item in made.containers] == [container]
    made.disconnect("c1")
    cli.ok("rm", "-f", "c1")
    assert set(cli.ok("network", "prune", "-f").split()) >= {"byhand", "bypy"}


def test_networks_are_there_again_after_a_kill_and_after_a_reboot(fresh_engine: Engine) -> None:
    engine = fresh_engine
    engine.post("/networks/create", {"Name": "kept", "EnableIPv6": True, "Labels": {"a": "b"}})
    before = engine.get("/networks")
    engine.kill_daemon()
    engine.start_daemon()
    assert engine.get("/networks") == before
    engine.stop_daemon()
    bridge = "br-" + next(item["Id"] for item in before if item["Name"] == "kept")[:12]
    subprocess.run(["ip", "-n", engine.name, "link", "del", bridge], check=True)
    for program in ("iptables", "ip6tables"):
        for table in ("filter", "nat", "raw"):
            for verb in ("-F", "-X"):
                command = ["nsenter", f"--net=/run/netns/{engine.name}", program, "-t", table, verb]
                subprocess.run(command, check=True)
    engine.start_daemon()
    assert engine.get("/networks") == before
    assert bridge in links(engine) and any(bridge in rule for rule in rules(engine, "ip6tables-save"))
    engine.remove(engine.running(SLEEP, host={"NetworkMode": "kept"}))


def test_a_network_whose_file_is_broken_is_set_aside_and_told(fresh_engine: Engine) -> None:
    engine = fresh_engine
    for name in ("one", "two"):
        engine.post("/networks/create", {"Name": name})
    broken = engine.get("/networks/one")["Id"]
    engine.stop_daemon()
    folder = f"{engine.root_dir}/networks"
    with open(f"{folder}/{broken}.json", "w") as file:
        file.write('{"version":1,')
    engine.start_daemon()
    assert {item["Name"] for item in engine.get("/networks")} == {"bridge", "host", "none", "two"}
    assert [name for name in os.listdir(folder) if name.startswith(f"{broken}.json.corrupt")]
    assert any("a network is lost" in warning for warning in engine.get("/info")["Warnings"])


def test_pools_and_the_default_bridge_can_be_configured(make_engine: Callable[..., Engine]) -> None:
    settings = {
        "bip": "10.44.0.1/24",
        "bridge": "mybridge",
        "mtu": 1300,
        "icc": False,
        "default-address-pools": [{"base": "10.45.0.0/16", "size": 28}],
    }
    engine = make_engine(settings)
    engine.start_daemon()
    bridge = engine.get("/networks/bridge")
    assert bridge["IPAM"]["Config"] == [{"Subnet": "10.44.0.0/24", "Gateway": "10.44.0.1"}]
    assert bridge["Options"]["com.docker.network.bridge.enable_icc"] == "false"
    assert ip(engine, "link", "show", "mybridge")[0]["mtu"] == 1300
    engine.post("/networks/create", {"Name": "small"})
    assert engine.get("/networks/small")["IPAM"]["Config"][0]["Subnet"] == "10.45.0.0/28"


def test_without_plugins_the_daemon_starts_and_names_the_package(
    make_engine: Callable[..., Engine], busybox_archive: str
) -> None:
    engine = make_engine({"cni-bin-dir": "/nowhere"})
    engine.start_daemon()
    engine.load_image(busybox_archive)
    assert "containernetworking-plugins" in engine.log_tail()
    status, message = refused(engine, "POST", "/networks/create", {"Name": "web"})
    assert status == 503 and "containernetworking-plugins" in message
    container = engine.create(SLEEP, host={"NetworkMode": "bridge"})
    status, message = refused(engine, "POST", f"/containers/{container}/start")
    assert status >= 500 and "containernetworking-plugins" in message
    assert engine.run(["true"]).code == 0  # without a network all is well


def test_a_bridge_that_somebody_deleted_is_made_again(engine: Engine, network: Network) -> None:
    name = network()
    bridge = "br-" + engine.get(f"/networks/{name}")["Id"][:12]
    subprocess.run(["ip", "-n", engine.name, "link", "del", bridge], check=True)
    container = engine.running(SLEEP, host={"NetworkMode": name})
    wait_until(lambda: bridge in links(engine), 5, "the bridge is there")
    assert engine.inspect(container)["NetworkSettings"]["Networks"][name]["IPAddress"]
