from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from restd.errors import EngineError, InvalidParameter, NotFound, SystemFailure
from restd.events import Events
from restd.image.registry.credentials import ANONYMOUS, Credentials
from restd.image.registry.settings import RegistrySettings
from restd.image.store import ImageStore
from tests.unit.restd.image.building import pieces, small_image, with_store
from tests.unit.restd.image.registry.scripted import ScriptedRegistry

pytestmark = pytest.mark.root


def run(tmp_path: Path, body: Any) -> None:
    async def inside(store: ImageStore, events: Events) -> None:
        async with ScriptedRegistry() as registry:
            await store.load(pieces(small_image()))
            await store.tag("small", f"{registry.address}/a/b", "1")
            await body(store, registry)

    with_store(str(tmp_path), inside, registries=RegistrySettings(attempts=2))


async def push(
    store: ImageStore, registry: ScriptedRegistry, tag: str = "1", credentials: Credentials = ANONYMOUS
) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    await store.push(store.to_push(f"{registry.address}/a/b", tag), credentials, lines.append)
    return lines


def test_what_was_pushed_is_what_is_in_the_store(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        lines = await push(store, registry)
        image = store.resolve("small")
        _, manifest = registry.manifests["a/b", "1"]
        assert ("a/b", image.manifest_digest) in registry.manifests
        assert set(registry.blobs) == {image.id, image.layers[0].digest}
        said = [line.get("status") for line in lines if "progress" not in line]
        assert said[:3] == [f"The push refers to repository [{registry.address}/a/b]", "Preparing", "Pushed"]
        assert said[-2] == f"1: digest: {image.manifest_digest} size: {len(manifest)}"
        assert lines[-1]["aux"] == {"Tag": "1", "Digest": image.manifest_digest, "Size": len(manifest)}
        assert f"{registry.address}/a/b@{image.manifest_digest}" in image.repo_digests
        again = await push(store, registry)
        assert "Layer already exists" in [line.get("status") for line in again]

    run(tmp_path, body)


def test_all_tags_without_a_tag(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        await store.tag("small", f"{registry.address}/a/b", "2")
        await push(store, registry, "")
        assert {name for _, name in registry.manifests if ":" not in name} == {"1", "2"}
        assert sum(method == "POST" for method, _ in registry.seen) == 2

    run(tmp_path, body)


def test_a_layer_of_another_repository_is_mounted(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        await push(store, registry)
        await store.tag("small", f"{registry.address}/c/d", "1")

        async def apart(request: web.Request) -> web.StreamResponse | None:
            return web.Response(status=404) if request.method == "HEAD" else None

        registry.faults.append(apart)
        lines: list[dict[str, Any]] = []
        await store.push(store.to_push(f"{registry.address}/c/d", "1"), ANONYMOUS, lines.append)
        assert "Mounted from a/b" in [line.get("status") for line in lines]

    run(tmp_path, body)


@pytest.mark.parametrize("token", [True, False], ids=["token", "basic"])
def test_a_push_shows_credentials(tmp_path: Path, token: bool) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        registry.users, registry.token_realm = {"me": "hush"}, token
        with pytest.raises(EngineError):
            await push(store, registry)
        await push(store, registry, credentials=Credentials("me", "hush"))
        assert ("a/b", "1") in registry.manifests
        if token:
            assert registry.scopes[-1] == "repository:a/b:pull,push"

    run(tmp_path, body)


def test_an_upload_that_fails_is_tried_again(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        refused: list[str] = []

        async def once(request: web.Request) -> web.StreamResponse | None:
            if request.method == "PUT" and request.path not in refused:
                refused.append(request.path)
                await request.read()
                return web.Response(status=503)
            return None

        registry.faults.append(once)
        await push(store, registry)
        assert len(refused) == 2
        assert ("a/b", "1") in registry.manifests

    run(tmp_path, body)


def test_a_refusal_is_an_error_and_no_manifest_is_left(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        async def full(request: web.Request) -> web.StreamResponse | None:
            return web.Response(status=413, text="too much") if request.method == "PUT" else None

        registry.faults.append(full)
        with pytest.raises(SystemFailure, match="unexpected status 413: too much"):
            await push(store, registry)
        assert not registry.manifests

    run(tmp_path, body)


def test_a_missing_blob_is_named(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        layer = store.resolve("small").layers[0].digest
        os.unlink(tmp_path / "blobs" / "sha256" / layer[7:])
        with pytest.raises(SystemFailure, match=f"blob {layer} is missing"):
            await push(store, registry)

    run(tmp_path, body)


def test_what_is_not_there_or_no_tag_cannot_be_pushed(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        for name, tag in (("nothing", ""), ("small", "2")):
            with pytest.raises(NotFound, match="An image does not exist locally with the tag: "):
                store.to_push(name, tag)
        with pytest.raises(InvalidParameter, match="invalid tag format"):
            store.to_push("small", "no tag")
        with pytest.raises(InvalidParameter, match="cannot push a digest reference"):
            store.to_push("small@sha256:" + "a" * 64, "")

    run(tmp_path, body)
