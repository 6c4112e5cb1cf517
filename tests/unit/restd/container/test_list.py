import json
from dataclasses import replace
from typing import Any

import pytest

from restd.container.list import Counts, ListQuery, count, listed, parse_ports
from restd.container.registry import Entry, Registry
from restd.errors import InvalidParameter, NotFound
from restd.filters import Filters
from restd.lib.ids import new_id
from restd.model.container import Config, Container, Endpoint, HostConfig, State, Status
from restd.model.health import Health, HealthStatus
from restd.model.network import PortMapping
from restd.model.sandbox import Sandbox
from restd.oci.mount_points import parse_bind
from tests.unit.restd.container.sample import container

BRIDGE = HostConfig(network_mode="bridge")


def make(number: int, name: str, status: Status = Status.RUNNING, **changes: Any) -> Container:
    config = Config(image="busybox", labels={"n": str(number), "all": "x"}, exposed_ports={f"{80 + number}/tcp": {}})
    state = State(status, exit_code=number, started_at=1 if status is not Status.CREATED else 0)
    made = container(id=f"{number:x}" * 64, name=name, created=number, config=config, state=state)
    if state.running:
        mapping = PortMapping(80 + number, "tcp", "0.0.0.0", 8080 + number)
        made = replace(made, host_config=BRIDGE, sandbox=Sandbox("s", "k", (mapping,)))
    return replace(made, endpoints={"none": Endpoint()}, **changes)


def room() -> Registry:
    registry = Registry()
    for entry in (
        make(1, "web-1"),
        make(2, "web-2", Status.EXITED, image="sha256:other"),
        make(3, "db", Status.PAUSED, host_config=BRIDGE, mounts=(parse_bind("/src:/data"), parse_bind("vol:/v"))),
        make(4, "new", Status.CREATED),
    ):
        registry.reserve_name(entry.name, entry.id)
        registry.add(Entry(entry))
    return registry


def names(query: ListQuery) -> list[str]:
    return [item.name for item in listed(room(), query, lambda value: frozenset({value}))]


def filtered(**filters: list[str]) -> list[str]:
    return names(ListQuery(all=True, filters=Filters.parse(json.dumps(filters))))


def test_only_running_ones_are_listed_newest_first() -> None:
    assert names(ListQuery()) == ["db", "web-1"]


def test_all_lists_all() -> None:
    assert names(ListQuery(all=True)) == ["new", "db", "web-2", "web-1"]


def test_a_limit_counts_stopped_ones_too() -> None:
    assert names(ListQuery(limit=2)) == ["new", "db"]
    assert names(ListQuery(limit=-1)) == ["db", "web-1"]


def test_since_and_before_cut_by_age() -> None:
    assert names(ListQuery(since="web-1")) == ["new", "db", "web-2"]
    assert names(ListQuery(before="web-2")) == ["web-1"]
    assert filtered(since=["web-1"], before=["new"]) == ["db", "web-2"]
    with pytest.raises(NotFound):
        names(ListQuery(since="unknown"))


def test_a_status_filter_needs_no_all() -> None:
    query = ListQuery(filters=Filters.parse('{"status":{"exited":true,"created":true}}'))
    assert names(query) == ["new", "web-2"]
    with pytest.raises(InvalidParameter, match="invalid filter 'status=odd'"):
        filtered(status=["odd"])


@pytest.mark.parametrize(
    ("filters", "result"),
    [
        ({"name": ["web"]}, ["web-2", "web-1"]),
        ({"name": ["^/web-1$"]}, ["web-1"]),
        ({"name": ["web", "db"]}, ["db", "web-2", "web-1"]),
        ({"name": ["("]}, []),
        ({"name": ["^(web|db)-?[0-9]*$"]}, ["db", "web-2", "web-1"]),
        ({"name": ["(w+)+x$"]}, []),
        ({"id": ["22"]}, ["web-2"]),
        ({"label": ["n"]}, ["new", "db", "web-2", "web-1"]),
        ({"label": ["n=2"]}, ["web-2"]),
        ({"label": ["n=2", "all=x"]}, ["web-2"]),
        ({"label": ["n=2", "n=1"]}, []),
        ({"exited": ["2"]}, ["web-2"]),
        ({"exited": ["4"]}, []),
        ({"ancestor": ["sha256:other"]}, ["web-2"]),
        ({"ancestor": ["unknown"]}, []),
        ({"volume": ["/data"]}, ["db"]),
        ({"volume": ["/src"]}, ["db"]),
        ({"volume": ["vol"]}, ["db"]),
        ({"network": ["none"]}, ["new", "db", "web-2", "web-1"]),
        ({"network": ["bridge"]}, []),
        ({"expose": ["81"]}, ["web-1"]),
        ({"expose": ["82-83/tcp"]}, ["db"]),
        ({"publish": ["81"]}, []),
        ({"publish": ["8081"]}, ["web-1"]),
        ({"publish": ["8080-8089/tcp"]}, ["db", "web-1"]),
        ({"publish": ["8081/udp"]}, []),
        ({"health": ["none"]}, ["new", "db", "web-2", "web-1"]),
        ({"health": ["healthy"]}, []),
        ({"is-task": ["true"]}, []),
        ({"name": ["web"], "label": ["n=1"]}, ["web-1"]),
    ],
)
def test_filters_choose(filters: dict[str, list[str]], result: list[str]) -> None:
    assert filtered(**filters) == result


@pytest.mark.parametrize("filters", [{"odd": ["x"]}, {"exited": ["x"]}, {"health": ["odd"]}, {"expose": ["x"]}])
def test_what_is_no_filter_is_refused(filters: dict[str, list[str]]) -> None:
    with pytest.raises(InvalidParameter):
        filtered(**filters)


@pytest.mark.parametrize("value", ["", "0x50", "90-80", "70000", "80/icmp", "1-2-3"])
def test_ports_that_are_none_are_refused(value: str) -> None:
    with pytest.raises(InvalidParameter):
        parse_ports(value)


def test_counts_are_by_sort() -> None:
    assert count(room()) == Counts(running=1, paused=1, stopped=2)


def test_health_is_a_filter() -> None:
    registry = room()
    for status in HealthStatus:
        state = State(Status.RUNNING, health=Health(status))
        made = replace(make(9, str(status)), id=new_id(), state=state)
        registry.reserve_name(made.name, made.id)
        registry.add(Entry(made))

    def having(*words: str) -> set[str]:
        query = ListQuery(filters=Filters.parse(json.dumps({"health": words})))
        return {item.name for item in listed(registry, query, lambda _: frozenset())}

    assert having("healthy") == {"healthy"}
    assert having("starting", "unhealthy") == {"starting", "unhealthy"}
    assert having("none") == {"db", "web-1"}
    with pytest.raises(InvalidParameter, match="unrecognised filter value for health: well"):
        having("well")
