from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from restd.errors import InvalidParameter, NotFound, Unauthorized
from restd.events import Events
from restd.image.references import parse_reference
from restd.image.registry.credentials import ANONYMOUS, Credentials
from restd.image.store import ImageStore
from tests.unit.restd.image.building import configuration, small_layer, with_store
from tests.unit.restd.image.registry.scripted import INDEX, ScriptedRegistry


def run(tmp_path: Path, body: Any) -> None:
    async def inside(store: ImageStore, events: Events) -> None:
        async with ScriptedRegistry() as registry:
            await body(store, registry)

    with_store(str(tmp_path), inside)


def test_an_image_is_described_without_pulling_it(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        digest = registry.add_image("a/b", "latest", configuration([small_layer()]), [small_layer()])
        found = await store.describe(parse_reference(f"{registry.address}/a/b"), ANONYMOUS)
        assert found.digest == digest
        assert found.platforms == [{"architecture": "amd64", "os": "linux"}]
        entry = {"digest": digest, "size": 3, "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}}
        whole = registry.add_manifest("a/b", "many", {"schemaVersion": 2, "manifests": [entry]}, INDEX)
        found = await store.describe(parse_reference(f"{registry.address}/a/b:many"), ANONYMOUS)
        assert (found.digest, found.media_type, found.platforms) == (whole, INDEX, [entry["platform"]])
        with pytest.raises(NotFound):
            await store.describe(parse_reference(f"{registry.address}/a/c"), ANONYMOUS)

    run(tmp_path, body)


@pytest.mark.parametrize("token", [True, False], ids=["token", "basic"])
def test_a_login_is_checked(tmp_path: Path, token: bool) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        registry.users, registry.token_realm = {"me": "hush"}, token
        await store.log_in(f"http://{registry.address}/v2/", Credentials("me", "hush"))
        with pytest.raises(Unauthorized):
            await store.log_in(registry.address, Credentials("me", "wrong"))
        with pytest.raises(InvalidParameter, match="invalid registry address"):
            await store.log_in("nonsense", ANONYMOUS)

    run(tmp_path, body)


def test_an_index_is_searched_and_else_the_catalogue(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        async def answers(request: web.Request) -> web.StreamResponse | None:
            if request.path == "/v1/search" and indexed:
                assert dict(request.query) == {"q": "box", "n": "25"}
                row = {"name": "busybox", "description": "x", "star_count": 7, "is_official": True}
                return web.json_response({"results": [row]})
            if request.path == "/v2/_catalog":
                return web.json_response({"repositories": ["a/box", "other"]})
            return None

        registry.faults.append(answers)
        indexed = True
        found = await store.search(f"{registry.address}/box", 25, ANONYMOUS)
        assert [(row["name"], row["star_count"], row["is_official"]) for row in found] == [("busybox", 7, True)]
        indexed = False
        found = await store.search(f"{registry.address}/box", 25, ANONYMOUS)
        assert [row["name"] for row in found] == [f"{registry.address}/a/box"]

    run(tmp_path, body)
