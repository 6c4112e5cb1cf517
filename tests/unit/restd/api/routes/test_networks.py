from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from restd.api.routes.networks import NetworkRoutes
from restd.errors import NotFound
from restd.filters import Filters
from restd.model.container import Endpoint as Place
from restd.model.network import Endpoint, Network, NetworkRequest
from restd.network.networks import Created
from tests.unit.restd.api.door import run, serving
from tests.unit.restd.api.routes.rooms import Rooms, engine

WEB = Network("a" * 64, "web", 1, "bridge")
MEMBER = Endpoint("e" * 64, "c" * 64, "a" * 64, "web", name="db")


class Networks:
    """Notes what the door asks of it."""

    def __init__(self, calls: list[tuple[Any, ...]]) -> None:
        self.calls = calls

    def get(self, ref: str) -> Network:
        if ref != "web":
            raise NotFound(f"network {ref} not found")
        return WEB

    def list(self, filters: Filters) -> list[Network]:
        self.calls.append(("list", filters))
        return [WEB]

    def members(self, network_id: str) -> Sequence[Endpoint]:
        return [MEMBER]

    async def create(self, request: NetworkRequest) -> Created:
        self.calls.append(("create", request))
        return Created("b" * 64, "careful")

    async def remove(self, ref: str) -> None:
        self.calls.append(("remove", ref))

    async def prune(self, filters: Filters, until: int | None) -> Sequence[str]:
        self.calls.append(("prune", filters, until))
        return ["old"]


def ask(method: str, path: str, body: Any = None) -> tuple[int, Any, list[tuple[Any, ...]]]:
    """Status and body of the reply, and what the rooms were asked."""
    rooms, replies = Rooms(), []

    async def scenario() -> None:
        async with serving(*NetworkRoutes(engine(rooms, Networks(rooms.calls))).routes()) as door:
            client = door.client()
            data = b"" if body is None else json.dumps(body).encode()
            fields = f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
            await client.send(f"{method} {path} HTTP/1.1\r\nHost: d\r\n{fields}\r\n".encode() + data)
            replies.append(await client.reply())

    run(scenario)
    return replies[0][0], json.loads(replies[0][2] or b"null"), rooms.calls


def test_a_list_shows_containers_only_to_old_clients() -> None:
    status, found, calls = ask("GET", '/networks?filters={"name":["w"]}')
    assert status == 200 and found[0]["Name"] == "web" and found[0]["Containers"] == {}
    assert calls[0][1].values("name") == ("w",)
    assert ask("GET", "/v1.27/networks")[1][0]["Containers"]["c" * 64]["Name"] == "db"


def test_inspect_shows_them_always() -> None:
    status, found, _ = ask("GET", "/networks/web?verbose=1&scope=local")
    assert status == 200 and found["Containers"]["c" * 64]["EndpointID"] == "e" * 64


@pytest.mark.parametrize(
    ("path", "status"), [("/networks/web?scope=swarm", 404), ("/networks/x", 404), ("/networks/web?verbose=maybe", 400)]
)
def test_what_is_not_there_is_not_found(path: str, status: int) -> None:
    assert ask("GET", path)[0] == status


def test_a_network_is_made() -> None:
    status, answer, calls = ask("POST", "/networks/create", {"Name": "web", "Driver": "bridge"})
    assert (status, answer) == (201, {"Id": "b" * 64, "Warning": "careful"})
    assert calls == [("create", NetworkRequest("web", "bridge"))]


def test_a_network_is_removed() -> None:
    assert ask("DELETE", "/networks/web") == (204, None, [("vacated", "a" * 64), ("remove", "web")])


def test_networks_are_pruned() -> None:
    status, answer, calls = ask("POST", '/networks/prune?filters={"until":["1700000000"],"label":["x"]}')
    assert (status, answer) == (200, {"NetworksDeleted": ["old"]})
    assert calls[1][2] == 1_700_000_000 * 10**9
    assert ask("POST", '/networks/prune?filters={"until":["1","2"]}')[0] == 400


def test_containers_come_and_go() -> None:
    body = {"Container": "c1", "EndpointConfig": {"Aliases": ["db"]}}
    assert ask("POST", "/networks/web/connect", body) == (
        200,
        None,
        [("connect", "c1", "web", Place(aliases=("db",)))],
    )
    gone = ask("POST", "/networks/web/disconnect", {"Container": "c1", "Force": True})
    assert gone == (200, None, [("disconnect", "c1", "web", True)])
    assert ask("POST", "/networks/web/connect", {})[0] == 400
