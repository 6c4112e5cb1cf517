from dataclasses import replace
from typing import Any

from restd.api.views.sandboxes import container_networks, port_bindings, port_rows, settings_view
from restd.model import network
from restd.model.container import Config, Endpoint, HostConfig, PortBinding, State, Status
from restd.model.network import PortMapping
from restd.model.sandbox import Sandbox
from tests.unit.restd.api.views.test_containers import CONTAINER

BLUE = network.Endpoint(
    id="e" * 64,
    container_id=CONTAINER.id,
    network_id="b" * 64,
    network_name="blue",
    interface="eth0",
    ipv4_address="10.4.0.2",
    ipv4_prefix=24,
    gateway="10.4.0.1",
    mac_address="02:42:0a:04:00:02",
    dns_names=("box", "db", "c" * 12),
)
STOPPED = replace(
    CONTAINER,
    config=replace(CONTAINER.config, hostname="own", exposed_ports={"90/udp": {}, "80/tcp": {}}),
    host_config=HostConfig(network_mode="blue", port_bindings={"443/tcp": (PortBinding("", "8443"),)}),
    endpoints={"blue": Endpoint(aliases=("db",), mac_address="aa:bb:cc:00:00:01", network_id="b" * 64)},
)
RUNNING = replace(
    STOPPED,
    state=State(Status.RUNNING, pid=7),
    sandbox=Sandbox(
        "5" * 64,
        "/run/netns/c",
        (PortMapping(443, "tcp", "0.0.0.0", 8443), PortMapping(443, "tcp", "::", 8443)),
        (BLUE,),
    ),
)


def test_a_stopped_container_has_its_networks_and_no_addresses() -> None:
    view = settings_view(STOPPED, (1, 50))
    assert (view["Ports"], view["SandboxKey"], view["SandboxID"]) == ({}, "", "")
    place = view["Networks"]["blue"]
    assert (place["IPAddress"], place["EndpointID"], place["Aliases"]) == ("", "", ["db"])
    assert (place["MacAddress"], place["NetworkID"]) == ("aa:bb:cc:00:00:01", "b" * 64)


def test_a_running_one_has_all_of_its_place() -> None:
    view = settings_view(RUNNING, (1, 50))
    assert view["SandboxKey"] == "/run/netns/c" and view["IPAddress"] == "", (
        "only the default bridge's are beside Networks"
    )
    place = view["Networks"]["blue"]
    assert (place["IPAddress"], place["IPPrefixLen"], place["Gateway"]) == ("10.4.0.2", 24, "10.4.0.1")
    assert place["DNSNames"] == ["box", "db", "c" * 12] and place["MacAddress"] == "02:42:0a:04:00:02"


def test_addresses_on_the_default_bridge_are_beside_the_networks_too() -> None:
    place = replace(BLUE, network_name="bridge")
    container = replace(RUNNING, sandbox=replace(RUNNING.sandbox, endpoints=(place,)), endpoints={"bridge": Endpoint()})
    view = settings_view(container, (1, 50))
    assert (view["IPAddress"], view["EndpointID"], view["MacAddress"]) == ("10.4.0.2", "e" * 64, "02:42:0a:04:00:02")


def test_clients_of_older_versions_find_the_short_id_among_the_aliases() -> None:
    def aliases(version: tuple[int, int]) -> Any:
        return container_networks(RUNNING, version)["blue"]["Aliases"]

    assert aliases((1, 44)) == ["db", "c" * 12, "own"]
    assert aliases((1, 45)) == ["db"]
    assert container_networks(CONTAINER, (1, 38))["none"]["Aliases"] is None


def test_older_versions_have_fewer_fields() -> None:
    fields = {version: set(container_networks(CONTAINER, version)["none"]) for version in ((1, 43), (1, 44), (1, 48))}
    assert fields[1, 44] - fields[1, 43] == {"DNSNames"}
    assert fields[1, 48] - fields[1, 44] == {"GwPriority"}


def test_ports_published_and_only_exposed() -> None:
    assert port_bindings(RUNNING) == {
        "80/tcp": None,
        "90/udp": None,
        "443/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8443"}, {"HostIp": "::", "HostPort": "8443"}],
    }
    assert list(port_bindings(RUNNING)) == ["80/tcp", "90/udp", "443/tcp"]
    assert port_rows(RUNNING) == [
        {"PrivatePort": 80, "Type": "tcp"},
        {"PrivatePort": 90, "Type": "udp"},
        {"IP": "0.0.0.0", "PrivatePort": 443, "PublicPort": 8443, "Type": "tcp"},
        {"IP": "::", "PrivatePort": 443, "PublicPort": 8443, "Type": "tcp"},
    ]
    assert port_rows(STOPPED) == []


def test_on_the_hosts_network_there_are_no_ports_and_the_namespace_is_the_process_own() -> None:
    container = replace(
        RUNNING,
        host_config=HostConfig(network_mode="host"),
        config=Config(exposed_ports={"80/tcp": {}}),
        sandbox=Sandbox("5" * 64),
        endpoints={"host": Endpoint()},
    )
    view = settings_view(container, (1, 50))
    assert view["Ports"] == {} and view["SandboxKey"] == "/proc/7/ns/net"
