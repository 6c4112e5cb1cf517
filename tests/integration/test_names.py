"""Names: who finds whom on user-defined networks, and what is in a container's hosts and resolv.conf."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine import Engine, run
from tests.waiting import wait_until

pytestmark = [pytest.mark.root]

SLEEP = ("sleep", "1000")
Network = Callable[..., str]


def place(engine: Engine, container: str, network: str) -> dict[str, Any]:
    """Where a container is on a network."""
    found: dict[str, Any] = engine.inspect(container)["NetworkSettings"]["Networks"][network]
    return found


def address(engine: Engine, container: str, network: str) -> str:
    return str(place(engine, container, network)["IPAddress"])


def lookup(engine: Engine, container: str, name: str) -> list[str]:
    """The addresses that a container finds for a name, in their order."""
    out = engine.exec(container, ["nslookup", name]).stdout.decode()
    answers = out.partition("\n\n")[2] or out.partition("Name:")[2]
    return sorted(set(re.findall(r"Address(?: \d+)?: (\S+)", answers)))


def text(engine: Engine, container: str, path: str) -> str:
    return engine.exec(container, ["cat", path]).stdout.decode()


def test_a_container_is_found_by_its_name_aliases_and_short_id(engine: Engine, network: Network) -> None:
    lan = network()
    aliases = {"EndpointsConfig": {lan: {"Aliases": ["web", "www"]}}}
    one = engine.running(SLEEP, "one", {"NetworkMode": lan}, NetworkingConfig=aliases, Hostname="own")
    two = engine.running(SLEEP, "two", {"NetworkMode": lan})
    for name in ("one", "web", "www", "own", one[:12], "ONE"):
        assert lookup(engine, two, name) == [address(engine, one, lan)], name
    assert lookup(engine, one, "two") == [address(engine, two, lan)]
    assert lookup(engine, one, "three") == []
    assert place(engine, one, lan)["DNSNames"] == ["one", "web", "www", one[:12], "own"]


def test_containers_with_one_alias_are_all_found_by_it(engine: Engine, network: Network) -> None:
    lan = network()
    config = {"EndpointsConfig": {lan: {"Aliases": ["web"]}}}
    both = [engine.running(SLEEP, host={"NetworkMode": lan}, NetworkingConfig=config) for _ in range(2)]
    asking = engine.running(SLEEP, host={"NetworkMode": lan})
    assert lookup(engine, asking, "web") == sorted(address(engine, one, lan) for one in both)
    engine.remove(both[0])
    wait_until(lambda: lookup(engine, asking, "web") == [address(engine, both[1], lan)])


def test_names_are_those_of_the_networks_that_one_is_on(engine: Engine, network: Network) -> None:
    blue, red = network("blue"), network("red")
    engine.running(SLEEP, "in-blue", {"NetworkMode": blue})
    engine.running(SLEEP, "in-red", {"NetworkMode": red})
    both = engine.running(
        SLEEP, "both", {"NetworkMode": blue}, NetworkingConfig={"EndpointsConfig": {blue: {}, red: {}}}
    )
    assert lookup(engine, both, "in-blue") and lookup(engine, both, "in-red")
    assert lookup(engine, "in-blue", "in-red") == []
    assert lookup(engine, "in-blue", "both") == [address(engine, both, blue)]
    assert lookup(engine, "in-red", "both") == [address(engine, both, red)]


def test_names_follow_connects_disconnects_and_renames(engine: Engine, network: Network) -> None:
    lan = network()
    asking = engine.running(SLEEP, host={"NetworkMode": lan})
    other = engine.running(SLEEP, "other", {"NetworkMode": "bridge"})
    assert lookup(engine, asking, "other") == []
    engine.post(f"/networks/{lan}/connect", {"Container": other, "EndpointConfig": {"Aliases": ["alias"]}})
    found = [address(engine, other, lan)]
    wait_until(lambda: lookup(engine, asking, "other") == found)
    assert lookup(engine, asking, "alias") == found
    assert lookup(engine, other, asking[:12]) == [address(engine, asking, lan)], "its own resolver has changed too"
    engine.post(f"/containers/{other}/rename", name="another")
    wait_until(lambda: lookup(engine, asking, "another") == found and lookup(engine, asking, "other") == [])
    engine.post(f"/networks/{lan}/disconnect", {"Container": other})
    wait_until(lambda: lookup(engine, asking, "another") == [])


def test_names_go_on_while_the_daemon_is_dead(fresh_engine: Engine) -> None:
    engine = fresh_engine
    engine.post("/networks/create", {"Name": "lan"})
    engine.running(SLEEP, "server", {"NetworkMode": "lan"})
    asking = engine.running(SLEEP, "asking", {"NetworkMode": "lan"})
    found = address(engine, "server", "lan")
    pid = engine.state(asking)["Pid"]
    inside = ["nsenter", "-t", str(pid), "-n", "-m", "nslookup", "server"]
    run(*inside)
    engine.kill_daemon()
    run(*inside)
    engine.start_daemon()
    run(*inside)
    assert lookup(engine, "asking", "server") == [found]
    late = engine.running(SLEEP, "late", {"NetworkMode": "lan"})
    assert lookup(engine, "asking", "late") == [address(engine, late, "lan")]
    engine.remove_all()
    engine.delete("/networks/lan")


def test_names_are_resolved_again_when_the_name_server_was_killed(engine: Engine, network: Network) -> None:
    lan = network()
    asking = engine.running(SLEEP, host={"NetworkMode": lan})
    with open(f"{engine.state_dir}/dns/aardvark.pid") as file:
        run("kill", "-KILL", file.read().strip())
    late = engine.running(SLEEP, "late", {"NetworkMode": lan})
    wait_until(lambda: lookup(engine, asking, "late") == [address(engine, late, lan)])


def test_resolution_under_churn(engine: Engine, network: Network) -> None:
    """Answers may be late when the tables change, but they are never wrong."""
    lan = network()
    asking = engine.running(SLEEP, "asking", {"NetworkMode": lan})
    server = engine.running(SLEEP, "server", {"NetworkMode": lan})
    found = address(engine, server, lan)
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            engine.remove(engine.running(SLEEP, host={"NetworkMode": lan}))

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        script = "for i in $(seq 40); do nslookup server; done"
        out = engine.exec(asking, ["sh", "-c", script]).stdout.decode()
    finally:
        stop.set()
        thread.join()
    assert out.count(found) >= 38 and "NXDOMAIN" not in out


@pytest.mark.peer
def test_hosts_as_docker_writes_it(engine: Engine) -> None:
    host = {"NetworkMode": "bridge", "ExtraHosts": ["db:10.9.9.9", "up:host-gateway"]}
    container = engine.running(SLEEP, host=host, Hostname="web", Domainname="example.org")
    settings = engine.inspect(container)["NetworkSettings"]
    lines = [line.split() for line in text(engine, container, "/etc/hosts").splitlines()]
    assert ["127.0.0.1", "localhost"] in lines
    assert ["10.9.9.9", "db"] in lines and [settings["Gateway"], "up"] in lines
    assert [settings["IPAddress"], "web.example.org", "web"] in lines
    assert text(engine, container, "/etc/hostname") == "web.example.org\n" or engine.kind == "dockerd"


def test_the_resolver_is_the_networks_own_where_names_are_resolved(engine: Engine, network: Network) -> None:
    lan = network(IPAM={"Config": [{"Subnet": "10.123.4.0/24", "Gateway": "10.123.4.9"}]})
    host = {"NetworkMode": lan, "Dns": ["192.0.2.53"], "DnsSearch": ["example.org"]}
    lines = text(engine, engine.running(SLEEP, host=host), "/etc/resolv.conf").splitlines()
    assert lines == ["nameserver 10.123.4.9", "search example.org", "options ndots:0"]
    plain = engine.running(SLEEP, host={"NetworkMode": "bridge", "Dns": ["192.0.2.53"]})
    assert text(engine, plain, "/etc/resolv.conf").splitlines()[0] == "nameserver 192.0.2.53"


@pytest.mark.peer
def test_links_on_the_default_bridge(engine: Engine) -> None:
    db = engine.running(SLEEP, "db", {"NetworkMode": "bridge"}, ExposedPorts={"5432/tcp": {}}, Env=["PW=secret"])
    found = engine.inspect(db)["NetworkSettings"]["IPAddress"]
    web = engine.running(SLEEP, "web", {"NetworkMode": "bridge", "Links": ["db:sql"]})
    assert f"{found}\tsql {db[:12]} db\n" in text(engine, web, "/etc/hosts")
    variables = set(engine.exec(web, ["env"]).stdout.decode().splitlines())
    assert {f"SQL_PORT=tcp://{found}:5432", "SQL_NAME=/web/sql", "SQL_ENV_PW=secret"} <= variables


def test_links_on_a_user_defined_network_follow_the_other(engine: Engine, network: Network) -> None:
    lan = network()
    config = {"EndpointsConfig": {lan: {"Links": ["db:sql"]}}}
    web = engine.running(SLEEP, "web", {"NetworkMode": lan}, NetworkingConfig=config)
    assert "sql" not in text(engine, web, "/etc/hosts")
    db = engine.running(SLEEP, "db", {"NetworkMode": lan})
    assert f"{address(engine, db, lan)}\tsql {db[:12]} db\n" in text(engine, web, "/etc/hosts")
    engine.post(f"/containers/{db}/stop", t=0)
    wait_until(lambda: "sql" not in text(engine, web, "/etc/hosts"))
    engine.start(db)
    assert f"{address(engine, db, lan)}\tsql {db[:12]} db\n" in text(engine, web, "/etc/hosts")


@pytest.mark.peer
def test_a_container_in_anothers_network_has_its_names(engine: Engine) -> None:
    donor = engine.running(SLEEP, host={"NetworkMode": "bridge"}, Hostname="donor")
    joined = engine.running(SLEEP, host={"NetworkMode": f"container:{donor}"})
    assert text(engine, joined, "/etc/hosts") == text(engine, donor, "/etc/hosts")
    addresses = ["ip", "-o", "addr", "show", "eth0"]
    assert engine.exec(joined, addresses).stdout == engine.exec(donor, addresses).stdout != b""
    assert engine.inspect(joined)["NetworkSettings"]["Networks"] == {}
