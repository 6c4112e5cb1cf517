from dataclasses import replace

import pytest

from restd.container.links import Link, check, check_running, host_lines, parse, with_variables
from restd.container.registry import Entry, Registry
from restd.errors import InvalidParameter
from restd.model.container import Config, Container, Endpoint, HostConfig, State, Status
from restd.model.network import Endpoint as Place
from restd.model.sandbox import Sandbox
from tests.unit.restd.container.sample import container

DB = container(
    id="d" * 64,
    name="db",
    config=Config(hostname="dddddddddddd", exposed_ports={"5432/tcp": {}, "53/udp": {}}, env=("PW=x", "PATH=/bin")),
    endpoints={"bridge": Endpoint(), "blue": Endpoint()},
    state=State(Status.RUNNING, pid=1),
    sandbox=Sandbox(
        endpoints=(
            Place("1", "d" * 64, "n", "bridge", ipv4_address="172.17.0.2"),
            Place("2", "d" * 64, "m", "blue", ipv4_address="10.4.0.2", ipv6_address="fd00::2"),
        )
    ),
)
WEB = container(
    name="web",
    host_config=HostConfig(network_mode="bridge", links=("db:store",)),
    endpoints={"bridge": Endpoint(), "blue": Endpoint(links=("/db:/web/sql",))},
)


def registry(*containers: Container) -> Registry:
    made = Registry()
    for one in containers:
        made.reserve_name(one.name, one.id)
        made.add(Entry(one))
    return made


@pytest.mark.parametrize(
    ("text", "link"),
    [("db", Link("db", "db")), ("db:x", Link("db", "x")), ("/db:/web/x", Link("db", "x"))],
)
def test_forms_of_a_link(text: str, link: Link) -> None:
    assert parse(text) == link


@pytest.mark.parametrize("text", ["", ":", "db:", ":x", "a:b:c", "a:b c"])
def test_what_is_no_link_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match="bad format for links"):
        parse(text)


def test_a_link_needs_a_container_with_a_network_of_its_own() -> None:
    check(("db",), registry(DB))
    with pytest.raises(InvalidParameter, match="could not get container for gone: No such container: gone"):
        check(("gone:x",), registry(DB))
    with pytest.raises(InvalidParameter, match="host type networking can't be used with links"):
        check(("db",), registry(replace(DB, host_config=HostConfig(network_mode="host"))))


def test_a_linked_container_is_a_line_on_each_network_where_both_are() -> None:
    assert host_lines(WEB, "bridge", registry(DB, WEB)) == ["172.17.0.2\tstore dddddddddddd db"]
    assert host_lines(WEB, "blue", registry(DB, WEB)) == [
        "10.4.0.2\tsql dddddddddddd db", "fd00::2\tsql dddddddddddd db",
    ]  # fmt: skip
    assert host_lines(WEB, "blue", registry(replace(DB, sandbox=Sandbox()), WEB)) == []
    assert host_lines(WEB, "blue", registry(WEB)) == []


def test_variables_tell_of_the_other_on_the_default_bridge() -> None:
    variables = list(with_variables(WEB, registry(DB, WEB)).config.env)
    assert variables == [
        "STORE_PORT=udp://172.17.0.2:53",
        "STORE_PORT_53_UDP=udp://172.17.0.2:53",
        "STORE_PORT_53_UDP_ADDR=172.17.0.2",
        "STORE_PORT_53_UDP_PORT=53",
        "STORE_PORT_53_UDP_PROTO=udp",
        "STORE_PORT_5432_TCP=tcp://172.17.0.2:5432",
        "STORE_PORT_5432_TCP_ADDR=172.17.0.2",
        "STORE_PORT_5432_TCP_PORT=5432",
        "STORE_PORT_5432_TCP_PROTO=tcp",
        "STORE_NAME=/web/store",
        "STORE_ENV_PW=x",
    ]
    elsewhere = replace(WEB, endpoints={"blue": Endpoint()})
    assert with_variables(elsewhere, registry(DB, WEB)) is elsewhere


def test_on_the_default_bridge_the_other_must_run() -> None:
    with pytest.raises(InvalidParameter, match="Cannot link to a non running container: /db AS /web/store"):
        check_running(WEB, registry(replace(DB, state=State()), WEB))
