from __future__ import annotations

import asyncio
import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from backports import zstd

from restd.errors import EngineError, InvalidParameter, NotFound, SystemFailure
from restd.events import Events
from restd.image.references import parse_reference
from restd.image.registry import endpoints
from restd.image.registry.credentials import ANONYMOUS, Credentials
from restd.image.registry.settings import RegistrySettings
from restd.image.store import ImageStore
from restd.model.image import Image
from tests.unit.restd.image.building import configuration, small_layer, with_store
from tests.unit.restd.image.registry.scripted import INDEX, ScriptedRegistry

pytestmark = pytest.mark.root
QUICK = RegistrySettings(attempts=2)


async def pull(
    store: ImageStore,
    registry: ScriptedRegistry,
    name: str = "a/b:1",
    platform: str = "",
    credentials: Credentials = ANONYMOUS,
    *,
    all_tags: bool = False,
) -> tuple[Image, list[dict[str, Any]]]:
    lines: list[dict[str, Any]] = []
    reference = parse_reference(f"{registry.address}/{name}")
    image = await store.pull(reference, all_tags, platform, credentials, lines.append)
    return image, lines


def texts(lines: list[dict[str, Any]]) -> list[str]:
    return [line["status"] for line in lines if "progress" not in line]


def run(tmp_path: Path, body: Any, settings: RegistrySettings = QUICK) -> None:
    async def inside(store: ImageStore, events: Events) -> None:
        async with ScriptedRegistry() as registry:
            await body(store, registry)

    with_store(str(tmp_path), inside, registries=settings)
    leftovers = [*os.scandir(tmp_path / "tmp")]
    assert not leftovers


def image_of(registry: ScriptedRegistry, *layers: bytes, tag: str = "1", pack: Any = gzip.compress) -> str:
    config = configuration(layers, {"Cmd": ["sh"]})
    return registry.add_image("a/b", tag, config, [pack(layer) for layer in layers], "+gzip")


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress, bytes])
def test_an_image_comes_with_its_layers_and_names(tmp_path: Path, pack: Any) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        digest = image_of(registry, small_layer("one"), small_layer("two"), pack=pack)
        image, lines = await pull(store, registry)
        assert image.repo_tags == (f"{registry.address}/a/b:1",)
        assert image.repo_digests == (f"{registry.address}/a/b@{digest}",)
        assert Path(store.graph_driver(image).data["UpperDir"], "etc/motd").read_text() == "two"
        assert lines[0] == {"status": "Pulling from a/b", "id": "1"}
        said = texts(lines)
        assert said[-2:] == [
            f"Digest: {digest}",
            f"Status: Downloaded newer image for {registry.address}/a/b:1",
        ]
        for text in ("Pulling fs layer", "Verifying Checksum", "Download complete", "Pull complete"):
            assert said.count(text) == 2
        again, lines = await pull(store, registry)
        assert again.id == image.id
        assert texts(lines).count("Already exists") == 2
        assert texts(lines)[-1].startswith("Status: Image is up to date for")

    run(tmp_path, body)


def test_the_same_layer_twice_in_one_image_is_fetched_once(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        layer = small_layer("same")
        image_of(registry, layer, layer)
        image, _ = await pull(store, registry)
        assert len(image.layers) == 2
        assert sum("blobs" in path for _, path in registry.seen) == 2  # the configuration and the layer

    run(tmp_path, body)


def test_two_pulls_of_a_layer_share_its_download(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        image_of(registry, small_layer("same"), tag="1")
        image_of(registry, small_layer("same"), small_layer("more"), tag="2")
        waiting = asyncio.Event()

        async def slow(request: web.Request) -> None:
            if "blobs" in request.path:
                waiting.set()
                await asyncio.sleep(0.2)

        registry.faults.append(slow)
        (one, _), (two, _) = await asyncio.gather(pull(store, registry, "a/b:1"), pull(store, registry, "a/b:2"))
        assert one.layers[0] == two.layers[0]
        fetched = [path for _, path in registry.seen if path.endswith(one.layers[0].digest)]
        assert len(fetched) == 1

    run(tmp_path, body)


def test_one_puller_leaves_and_the_other_gets_its_image(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        image_of(registry, small_layer("same"))
        _, data = registry.manifests["a/b", "1"]
        layer = json.loads(data)["layers"][0]["digest"]
        begun, go = asyncio.Event(), asyncio.Event()

        async def held(request: web.Request) -> None:
            if request.path.endswith(layer):
                begun.set()
                await go.wait()

        registry.faults.append(held)
        first = asyncio.ensure_future(pull(store, registry))
        await begun.wait()
        second = asyncio.ensure_future(pull(store, registry))
        download = store._registries._downloads._running[layer]
        while len(download.targets) < 2:
            await asyncio.sleep(0.001)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        go.set()
        image, _ = await second
        assert image.layers

    run(tmp_path, body)


def test_a_broken_download_is_taken_up_where_it_broke(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        noise = os.urandom(300_000)
        image_of(registry, small_layer() + noise[:0], small_layer(noise.hex()), pack=bytes)
        large = max(registry.blobs.values(), key=len)
        broken: list[int] = []

        async def break_off(request: web.Request) -> web.StreamResponse | None:
            if len(broken) < 2 and request.path.endswith(max(registry.blobs, key=lambda key: len(registry.blobs[key]))):
                begin = int(request.headers.get("Range", "bytes=0-")[6:-1])
                response = web.StreamResponse(status=206 if begin else 200)
                response.content_length = len(large) - begin
                await response.prepare(request)
                await response.write(large[begin : begin + 100_000])
                broken.append(begin)
                assert request.transport is not None
                request.transport.close()
                return response
            return None

        registry.faults.append(break_off)
        _, lines = await pull(store, registry)
        assert broken == [0, 100_000]
        assert registry.ranges == ["bytes=200000-"]
        assert any(text.startswith("Retrying in") for text in texts(lines))

    run(tmp_path, body)


def test_a_server_without_ranges_is_read_from_the_start_again(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        image_of(registry, small_layer(os.urandom(200_000).hex()), pack=bytes)
        name = max(registry.blobs, key=lambda key: len(registry.blobs[key]))
        count = 0

        async def no_ranges(request: web.Request) -> web.StreamResponse | None:
            nonlocal count
            if not request.path.endswith(name):
                return None
            count += 1
            response = web.StreamResponse()
            response.content_length = len(registry.blobs[name])
            await response.prepare(request)
            await response.write(registry.blobs[name][: 100_000 if count == 1 else None])
            if count == 1:
                assert request.transport is not None
                request.transport.close()
            return response

        registry.faults.append(no_ranges)
        image, _ = await pull(store, registry)
        assert count == 2
        assert image.layers

    run(tmp_path, body)


def test_the_platform_is_chosen_from_an_index(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        entries = []
        for architecture in ("amd64", "s390x"):
            layer = small_layer(architecture)
            config = configuration([layer], architecture=architecture)
            digest = registry.add_image("a/b", architecture, config, [layer])
            size = len(registry.manifests["a/b", digest][1])
            entries.append({"digest": digest, "size": size, "platform": {"os": "linux", "architecture": architecture}})
        whole = registry.add_manifest("a/b", "1", {"schemaVersion": 2, "manifests": entries}, INDEX)
        image, lines = await pull(store, registry, platform="linux/s390x")
        assert image.architecture == "s390x"
        assert f"Digest: {whole}" in texts(lines)
        with pytest.raises(NotFound, match="no matching manifest for linux/riscv64"):
            await pull(store, registry, platform="linux/riscv64")
        with pytest.raises(NotFound, match="does not match the specified platform"):
            await pull(store, registry, "a/b:amd64", platform="linux/s390x")

    run(tmp_path, body)


def test_all_tags_of_a_repository(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        for tag in ("x", "y", "z"):
            image_of(registry, small_layer(tag), tag=tag)
        await pull(store, registry, "a/b", all_tags=True)
        names = {name for image in store.list() for name in image.repo_tags}
        assert names == {f"{registry.address}/a/b:{tag}" for tag in "xyz"}

    run(tmp_path, body)


def test_by_digest_it_has_no_tag(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        digest = image_of(registry, small_layer())
        image, _ = await pull(store, registry, f"a/b@{digest}")
        assert image.repo_tags == ()
        assert image.repo_digests == (f"{registry.address}/a/b@{digest}",)
        kind, data = registry.manifests["a/b", digest]
        registry.manifests["a/b", digest] = (kind, data + b" ")
        with pytest.raises(InvalidParameter, match="manifest verification failed for digest"):
            await pull(store, registry, f"a/b@{digest}")

    run(tmp_path, body)


@pytest.mark.parametrize("token", [True, False], ids=["token", "basic"])
def test_credentials_are_shown_as_the_registry_wants_them(tmp_path: Path, token: bool) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        image_of(registry, small_layer())
        registry.users, registry.token_realm = {"me": "hush"}, token
        with pytest.raises(EngineError):
            await pull(store, registry)
        with pytest.raises(EngineError):
            await pull(store, registry, credentials=Credentials("me", "wrong"))
        image, _ = await pull(store, registry, credentials=Credentials("me", "hush"))
        assert image.layers
        if token:
            assert registry.scopes[-1] == "repository:a/b:pull"

    run(tmp_path, body)


def test_an_expired_token_is_fetched_anew(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        image_of(registry, small_layer())
        registry.users, registry.token_realm = {"me": "hush"}, True

        async def forget(request: web.Request) -> None:
            if "blobs" in request.path and len(registry.tokens) == 1:
                registry.tokens = {"another"}

        registry.faults.append(forget)
        image, _ = await pull(store, registry, credentials=Credentials("me", "hush"))
        assert image.layers

    run(tmp_path, body)


def corrupt(kind: str, registry: ScriptedRegistry) -> None:
    large = max(registry.blobs, key=lambda key: len(registry.blobs[key]))
    data = registry.blobs[large]
    registry.blobs[large] = {"digest": data[:-1] + b"x", "short": data[:-1], "long": data + b"x"}[kind]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("digest", "filesystem layer verification failed for digest"),
        ("short", "broke off after|unexpected size"),
        ("long", "unexpected size"),
    ],
)
def test_what_is_not_what_was_announced_is_refused_and_leaves_nothing(tmp_path: Path, kind: str, words: str) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        image_of(registry, small_layer("x" * 5000), pack=bytes)
        corrupt(kind, registry)
        with pytest.raises(EngineError, match=words):
            await pull(store, registry)
        assert not store.list()
        assert not os.listdir(tmp_path / "blobs" / "sha256")

    run(tmp_path, body)


def test_a_configuration_that_is_another_is_refused(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        image_of(registry, small_layer())
        config = next(key for key, data in registry.blobs.items() if data.startswith(b"{"))
        registry.blobs[config] += b" "
        with pytest.raises(EngineError, match="image config verification failed for digest"):
            await pull(store, registry)
        assert not store.list()

    run(tmp_path, body)


def test_a_layer_that_is_not_the_configurations_is_refused(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        registry.add_image("a/b", "1", configuration([small_layer("this")]), [small_layer("that")])
        with pytest.raises(InvalidParameter, match="its diffID is"):
            await pull(store, registry)
        assert not store.list()

    run(tmp_path, body)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_registry_is_asked_again(tmp_path: Path, status: int) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        image_of(registry, small_layer())
        refused: set[str] = set()

        async def once(request: web.Request) -> web.StreamResponse | None:
            if request.path != "/v2/" and request.path not in refused:
                refused.add(request.path)
                return web.Response(status=status, text="<html>busy</html>", content_type="text/html")
            return None

        registry.faults.append(once)
        image, _ = await pull(store, registry)
        assert image.layers
        assert len(refused) == 3

    run(tmp_path, body)


def test_a_registry_that_goes_on_failing_is_an_error_with_its_words(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        image_of(registry, small_layer())

        async def never(request: web.Request) -> web.StreamResponse | None:
            return web.Response(status=500, text="out of cheese") if "blobs" in request.path else None

        registry.faults.append(never)
        with pytest.raises(SystemFailure, match="unexpected status 500: out of cheese"):
            await pull(store, registry)

    run(tmp_path, body)


def test_missing_things_are_not_found_before_anything_is_said(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        lines: list[dict[str, Any]] = []
        reference = parse_reference(f"{registry.address}/no/such:1")
        with pytest.raises(NotFound, match=r"manifest for .*/no/such:1 not found: manifest unknown: manifest unknown$"):
            await store.pull(reference, False, "", ANONYMOUS, lines.append)
        assert lines == []

    run(tmp_path, body)


def test_nobody_there_is_said_with_the_address(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        with pytest.raises(SystemFailure, match=r'Get "http://127.0.0.1:1/v2/": dial tcp .*connection refused'):
            await store.pull(parse_reference("127.0.0.1:1/x:1"), False, "", ANONYMOUS, lambda _: None)

    run(tmp_path, body)


@pytest.mark.parametrize("has", [True, False], ids=["mirror-has-it", "mirror-has-not"])
def test_a_mirror_is_asked_first_and_without_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has: bool
) -> None:
    async def outer() -> None:
        async with ScriptedRegistry() as mirror, ScriptedRegistry() as hub:
            monkeypatch.setattr(endpoints, "HUB", f"http://{hub.address}")
            layer = small_layer()
            for registry in (mirror, hub) if has else (hub,):
                registry.add_image("library/thing", "1", configuration([layer]), [layer])
            hub.users = {"me": "hush"}
            shown: list[str] = []

            async def note(request: web.Request) -> None:
                shown.append(request.headers.get("Authorization", ""))

            mirror.faults.append(note)
            settings = RegistrySettings(mirrors=(f"http://{mirror.address}",))
            store = ImageStore(str(tmp_path), Events(), registries=settings)
            await store.open()
            try:
                credentials = Credentials("me", "hush")
                image = await store.pull(parse_reference("thing:1"), False, "", credentials, lambda _: None)
                assert image.repo_tags == ("thing:1",)
            finally:
                await store.close()
            assert set(shown) == {""}
            assert bool(hub.seen) is not has

    asyncio.run(outer())


def test_a_foreign_layer_is_fetched_from_where_it_is(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        layer = small_layer("foreign")
        config = configuration([layer])
        entry = {**registry.add_blob(layer), "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar"}
        name = entry["digest"]
        entry["urls"] = [f"http://{registry.address}/elsewhere"]
        registry.add_manifest("a/b", "1", {"schemaVersion": 2, "config": registry.add_blob(config), "layers": [entry]})
        del registry.blobs[name]

        async def elsewhere(request: web.Request) -> web.StreamResponse | None:
            return web.Response(body=layer) if request.path == "/elsewhere" else None

        registry.faults.append(elsewhere)
        image, _ = await pull(store, registry)
        assert image.layers[0].digest == name

    run(tmp_path, body)


def test_a_pull_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        image_of(registry, small_layer(), small_layer("two"))
        begun = asyncio.Event()

        async def hang(request: web.Request) -> None:
            if "blobs" in request.path and len([1 for _, path in registry.seen if "blobs" in path]) > 1:
                begun.set()
                await asyncio.sleep(60)

        registry.faults.append(hang)
        task = asyncio.ensure_future(pull(store, registry))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not store.list()
        assert not os.listdir(tmp_path / "blobs" / "sha256")

    run(tmp_path, body)


def test_indexes_without_end_are_refused(tmp_path: Path) -> None:
    async def body(store: ImageStore, registry: ScriptedRegistry) -> None:
        digest = registry.add_manifest("a/b", "x", {"schemaVersion": 2, "manifests": []}, INDEX)
        for number in range(8):
            entry = {"digest": digest, "size": 1, "platform": {"os": "linux", "architecture": "amd64"}}
            value = {"schemaVersion": 2, "manifests": [entry], "n": number}
            digest = registry.add_manifest("a/b", "1", json.loads(json.dumps(value)), INDEX)
        with pytest.raises(InvalidParameter, match="indexes do not end"):
            await pull(store, registry)

    run(tmp_path, body)
