"""Published ports: who reaches them, from where, and what a clash is told."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from typing import Any

import docker
import pytest

from tests.calls import Refused
from tests.docker_cli import DockerCli
from tests.engine import Engine, run
from tests.sockets import ask, remote_host, serving
from tests.waiting import wait_until

pytestmark = [pytest.mark.root]

SLEEP = ("sleep", "1000")


def publish(engine: Engine, ports: dict[str, Any], name: str | None = None, **host: Any) -> tuple[str, dict[str, Any]]:
    """A running container with `PortBindings`; its id and its NetworkSettings."""
    host = {"NetworkMode": "bridge", "PortBindings": ports, **host}
    container = engine.running(SLEEP, name, host, ExposedPorts={port: {} for port in ports})
    return container, engine.inspect(container)["NetworkSettings"]


def on(port: str | int = "", address: str = "") -> list[dict[str, str]]:
    return [{"HostIp": address, "HostPort": str(port)}]


def host_port(settings: dict[str, Any], port: str) -> int:
    return int(settings["Ports"][port][0]["HostPort"])


@pytest.mark.peer
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_published_port_is_reachable_from_everywhere(engine: Engine, protocol: str) -> None:
    _, settings = publish(engine, {f"80/{protocol}": on()})
    other = engine.inspect(engine.running(SLEEP, host={"NetworkMode": "bridge"}))["NetworkSettings"]
    port = host_port(settings, f"80/{protocol}")
    with serving(settings["SandboxKey"], protocol, "0.0.0.0", 80, "web"), remote_host(engine) as remote:
        for namespace, address in (
            (engine.name, "127.0.0.1"),
            (engine.name, settings["Gateway"]),
            (other["SandboxKey"], settings["Gateway"]),
            (settings["SandboxKey"], settings["Gateway"]),
            (remote, "192.0.2.1"),
        ):
            assert ask(namespace, protocol, address, port).startswith("web "), (namespace, address)


@pytest.mark.peer
def test_the_container_sees_who_asks(engine: Engine) -> None:
    _, settings = publish(engine, {"80/tcp": on()})
    with serving(settings["SandboxKey"], "tcp", "0.0.0.0", 80), remote_host(engine) as remote:
        assert ask(remote, "tcp", "192.0.2.1", host_port(settings, "80/tcp")) == "here 192.0.2.2"


def test_a_port_on_the_loopback_is_for_the_host_alone(engine: Engine) -> None:
    _, settings = publish(engine, {"80/tcp": on("", "127.0.0.1")})
    port = host_port(settings, "80/tcp")
    with serving(settings["SandboxKey"], "tcp", "0.0.0.0", 80), remote_host(engine) as remote:
        assert ask(engine.name, "tcp", "127.0.0.1", port).startswith("here")
        assert ask(remote, "tcp", "192.0.2.1", port) == "refused"
        (drop,) = [rule for rule in rules(engine, f"--dport {port}") if rule.endswith("-j DROP")]
        assert "-d 127.0.0.1/32 ! -i lo" in drop, "a neighbour may send to that address all the same"


def rules(engine: Engine, word: str, program: str = "iptables-save") -> list[str]:
    """The rules of the engine's host that have a word in them."""
    done = subprocess.run(
        ["nsenter", f"--net=/run/netns/{engine.name}", program], capture_output=True, text=True, check=True
    )
    return [line for line in done.stdout.splitlines() if line.startswith("-A") and word in line]


@pytest.mark.peer
def test_ports_are_shown_by_the_time_start_answers(engine: Engine, cli: DockerCli) -> None:
    ports = {"80/tcp": on(28080), "53/udp": on("", "127.0.0.1"), "90/tcp": on()}
    container = engine.create(
        SLEEP,
        "web",
        {"NetworkMode": "bridge", "PortBindings": ports},
        ExposedPorts={"80/tcp": {}, "53/udp": {}, "90/tcp": {}, "100/tcp": {}},
    )
    assert engine.inspect(container)["NetworkSettings"]["Ports"] == {}
    engine.start(container)
    shown = engine.inspect(container)["NetworkSettings"]["Ports"]
    assert shown["100/tcp"] is None
    assert {"HostIp": "0.0.0.0", "HostPort": "28080"} in shown["80/tcp"]
    assert shown["53/udp"][0]["HostIp"] == "127.0.0.1" and int(shown["53/udp"][0]["HostPort"]) > 1023
    (row,) = engine.get("/containers/json")
    assert {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 28080, "Type": "tcp"} in row["Ports"]
    assert {"PrivatePort": 100, "Type": "tcp"} in row["Ports"]
    assert "80/tcp -> 0.0.0.0:28080" in cli.ok("port", "web").splitlines()
    assert cli.ok("port", "web", "80").splitlines()[0] == "0.0.0.0:28080"
    assert "0.0.0.0:28080->80/tcp" in cli.ok("ps", "--format", "{{.Ports}}")
    assert cli.ok("ps", "-q", "--filter", "publish=28080") and not cli.ok("ps", "-q", "--filter", "publish=80")
    assert cli.ok("ps", "-q", "--filter", "expose=100") and not cli.ok("ps", "-q", "--filter", "expose=28080")
    engine.post(f"/containers/{container}/stop", t=0)
    assert engine.inspect(container)["NetworkSettings"]["Ports"] == {}
    assert engine.get("/containers/json", all=1)[0]["Ports"] == []


@pytest.mark.peer
def test_a_taken_port_is_told_in_dockers_words_and_the_container_can_be_started_later(engine: Engine) -> None:
    first, settings = publish(engine, {"80/tcp": on()})
    port = host_port(settings, "80/tcp")
    second = engine.create(
        SLEEP, "second", {"NetworkMode": "bridge", "PortBindings": {"80/tcp": on(port)}}, ExposedPorts={"80/tcp": {}}
    )
    with pytest.raises(Refused) as caught:
        engine.start(second)
    assert caught.value.reply.status == 500
    message = caught.value.reply.json()["message"]
    assert "driver failed programming external connectivity on endpoint second" in message
    assert f"Bind for 0.0.0.0:{port} failed: port is already allocated" in message
    assert engine.state(second)["Status"] == "created" and engine.state(second)["ExitCode"] == 128
    engine.remove(first)
    engine.start(second)
    assert host_port(engine.inspect(second)["NetworkSettings"], "80/tcp") == port


@pytest.mark.peer
def test_a_port_of_a_program_of_the_host_is_found(engine: Engine) -> None:
    container = engine.create(
        SLEEP, host={"NetworkMode": "bridge", "PortBindings": {"80/tcp": on(28081)}}, ExposedPorts={"80/tcp": {}}
    )
    with serving(engine.name, "tcp", "0.0.0.0", 28081):
        with pytest.raises(Refused) as caught:
            engine.start(container)
        assert caught.value.reply.status == 500
        assert b"address already in use" in caught.value.reply.body
    engine.start(container)


def test_a_failed_start_leaves_nothing_of_its_network(engine: Engine) -> None:
    host = {"NetworkMode": "bridge", "PortBindings": {"80/tcp": on(28082)}}
    container = engine.create(["/no/such/program"], host=host, ExposedPorts={"80/tcp": {}})
    with pytest.raises(Refused):
        engine.start(container)
    wait_until(lambda: not rules(engine, "28082") and not interfaces(engine, "veth"), 10, "all is given back")
    publish(engine, {"80/tcp": on(28082)})


def interfaces(engine: Engine, prefix: str) -> list[str]:
    """The names of the host's interfaces that begin so."""
    done = subprocess.run(["ip", "-n", engine.name, "-o", "link"], capture_output=True, text=True, check=True)
    names = [line.split(": ")[1].partition("@")[0] for line in done.stdout.splitlines()]
    return [name for name in names if name.startswith(prefix)]


@pytest.mark.peer
def test_publish_all_and_ranges(engine: Engine, client: docker.DockerClient) -> None:
    exposed = engine.running(
        SLEEP,
        host={"NetworkMode": "bridge", "PublishAllPorts": True},
        ExposedPorts={"80/tcp": {}, "53/udp": {}},
    )
    shown = engine.inspect(exposed)["NetworkSettings"]["Ports"]
    assert int(shown["80/tcp"][0]["HostPort"]) > 1023 and int(shown["53/udp"][0]["HostPort"]) > 1023
    taken = set()
    for _ in range(3):
        _, settings = publish(engine, {"80/tcp": on("28090-28092")})
        taken.add(host_port(settings, "80/tcp"))
    assert taken == {28090, 28091, 28092}
    with pytest.raises(Refused) as caught:
        publish(engine, {"80/tcp": on("28090-28092")})
    assert b"all ports are allocated" in caught.value.reply.body
    made = client.containers.run("busybox", ["sleep", "1000"], detach=True, ports={"80/tcp": None})
    made.reload()
    assert int(made.ports["80/tcp"][0]["HostPort"]) > 1023


def test_ports_over_ipv6(engine: Engine, network: Callable[..., str]) -> None:
    name = network(EnableIPv6=True, IPAM={"Config": [{"Subnet": "fd00:77::/64"}]})
    container, settings = publish(engine, {"80/tcp": on(28083)}, NetworkMode=name)
    assert settings["Ports"]["80/tcp"] == [
        {"HostIp": "0.0.0.0", "HostPort": "28083"},
        {"HostIp": "::", "HostPort": "28083"},
    ]
    address = settings["Networks"][name]["GlobalIPv6Address"]
    with serving(settings["SandboxKey"], "tcp", "::", 80), remote_host(engine) as remote:
        assert ask(remote, "tcp", "2001:db8::1", 28083) == "here 2001:db8::2"
        assert ask(remote, "tcp", "192.0.2.1", 28083).startswith("here")
        assert ask(engine.name, "tcp", "2001:db8::1", 28083).startswith("here")
        assert ask(engine.name, "tcp", "::1", 28083) == "refused", "the kernel can't lead this one on"
        assert ask(settings["SandboxKey"], "tcp", "2001:db8::1", 28083).startswith("here")
    assert rules(engine, address, "ip6tables-save")
    engine.remove(container)
    wait_until(lambda: not rules(engine, address, "ip6tables-save"), 10)


@pytest.mark.parametrize(
    ("ports", "words"),
    [
        ({"80/tcp": on("x")}, "invalid port specification"),
        ({"80/tcp": on("90-80")}, "invalid port specification"),
        ({"80/tcp": on("80", "nowhere")}, "invalid IP address"),
        ({"0/tcp": on()}, "80/tcp"),
        ({"80/icmp": on()}, "80/tcp"),
    ],
)
def test_what_is_no_port_is_refused(engine: Engine, ports: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=re.escape(words) if words != "80/tcp" else "port") as caught:
        engine.create(SLEEP, host={"NetworkMode": "bridge", "PortBindings": ports})
    assert caught.value.reply.status == 400


def test_traffic_goes_on_while_the_daemon_is_dead_and_its_successor_knows_the_ports(fresh_engine: Engine) -> None:
    engine = fresh_engine
    container, settings = publish(engine, {"80/tcp": on()})
    port = host_port(settings, "80/tcp")
    with serving(settings["SandboxKey"], "tcp", "0.0.0.0", 80):
        before = set(rules(engine, ""))
        engine.kill_daemon()
        assert ask(engine.name, "tcp", "127.0.0.1", port).startswith("here")
        engine.start_daemon()
        assert ask(engine.name, "tcp", "127.0.0.1", port).startswith("here")
        assert set(rules(engine, "")) == before
    after = engine.inspect(container)["NetworkSettings"]
    assert after == settings
    second = engine.create(
        SLEEP, host={"NetworkMode": "bridge", "PortBindings": {"80/tcp": on(port)}}, ExposedPorts={"80/tcp": {}}
    )
    with pytest.raises(Refused) as caught:
        engine.start(second)
    assert b"port is already allocated" in caught.value.reply.body
    engine.remove(container)
    engine.start(second)


def test_a_container_that_ended_while_the_daemon_was_dead_gives_its_port_back(fresh_engine: Engine) -> None:
    engine = fresh_engine
    container, settings = publish(engine, {"80/tcp": on(28084)})
    pid = engine.state(container)["Pid"]
    engine.kill_daemon()
    run("kill", "-KILL", str(pid))
    engine.start_daemon()
    wait_until(lambda: not rules(engine, settings["IPAddress"] + ":80"), 10)
    _, again = publish(engine, {"80/tcp": on(28084)})
    assert again["Ports"]["80/tcp"][0]["HostPort"] == "28084"


def test_a_restart_keeps_what_was_asked_for(engine: Engine) -> None:
    container, _ = publish(engine, {"80/tcp": on(28085)})
    engine.post(f"/containers/{container}/restart", t=0)
    settings = engine.inspect(container)["NetworkSettings"]
    with serving(settings["SandboxKey"], "tcp", "0.0.0.0", 80):
        assert ask(engine.name, "tcp", "127.0.0.1", 28085).startswith("here")
    assert len(rules(engine, "--dport 28085")) == 1


def test_nobody_waits_at_a_port_without_a_server(engine: Engine) -> None:
    publish(engine, {"80/tcp": on(28086)})
    assert ask(engine.name, "tcp", "127.0.0.1", 28086) == "refused"


def test_a_udp_client_that_keeps_its_port_is_led_to_the_container_of_now(engine: Engine) -> None:
    ports = {"53/udp": on(28087)}
    filler = engine.running(SLEEP, host={"NetworkMode": "bridge"})
    with remote_host(engine) as remote:

        def answer() -> str:
            return ask(remote, "udp", "192.0.2.1", 28087, source=40053)

        assert answer() == "refused"
        for name in ("first", "second"):
            container, settings = publish(engine, ports)
            with serving(settings["SandboxKey"], "udp", "0.0.0.0", 53, name):
                assert answer() == f"{name} 192.0.2.2"
            engine.remove(container)
            engine.remove(filler)  # the next one gets another address
            filler = engine.running(SLEEP, host={"NetworkMode": "bridge"})
        wait_until(lambda: answer() == "refused", 10)
