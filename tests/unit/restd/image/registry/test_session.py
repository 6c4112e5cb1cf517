from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from restd.image.registry.credentials import ANONYMOUS, Credentials
from restd.image.registry.endpoints import Endpoint
from restd.image.registry.failures import NoAnswer, RegistryError
from restd.image.registry.session import Registry, pause, scope_of
from tests.unit.restd.image.registry.scripted import ScriptedRegistry


def run(
    body: Callable[[ScriptedRegistry, Endpoint], Awaitable[Any]],
) -> None:
    async def inside() -> None:
        async with ScriptedRegistry() as scripted:
            await body(scripted, Endpoint(f"http://{scripted.address}", verify=False))

    asyncio.run(inside())


def test_credentials_stay_with_the_registry_when_it_leads_elsewhere() -> None:
    async def body(scripted: ScriptedRegistry, endpoint: Endpoint) -> None:
        async with ScriptedRegistry() as other:
            other.blobs["x"] = b"data"
            scripted.users = {"me": "hush"}
            heard: list[str | None] = []

            async def hear(request: web.Request) -> None:
                heard.append(request.headers.get("Authorization"))

            async def lead(request: web.Request) -> web.StreamResponse | None:
                if "blobs" not in request.path:
                    return None
                return web.Response(status=307, headers={"Location": f"http://{other.address}{request.path}"})

            other.faults.append(hear)
            scripted.faults.append(lead)
            registry = await Registry.connect(endpoint, Credentials("me", "hush"), "/nowhere")
            data, _ = await registry.metadata("/v2/a/blobs/x", scope=scope_of("a"), most=10)
            assert data == b"data"
            await registry.metadata(f"http://{other.address}/v2/a/blobs/x", scope=scope_of("a"), most=10)
            assert heard == [None, None]
            await registry.release()

    run(body)


@pytest.mark.parametrize("realm", ["", "ftp://x/token", "/token", "file:///etc/passwd"])
def test_a_realm_must_be_an_address(realm: str) -> None:
    async def body(scripted: ScriptedRegistry, endpoint: Endpoint) -> None:
        async def ask(request: web.Request) -> web.StreamResponse:
            return web.Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="{realm}"'})

        scripted.faults.append(ask)
        registry = await Registry.connect(endpoint, ANONYMOUS, "/nowhere")
        with pytest.raises(RegistryError, match="names no usable realm"):
            await registry.metadata("/v2/x/manifests/y", scope=scope_of("x"), most=10)
        await registry.release()

    run(body)


@pytest.mark.parametrize("answer", ["[]", "{}", '{"token": 5}', '{"token": "a\\nb"}', "<html>", '{"token": ""}'])
def test_an_answer_without_a_token_is_said(answer: str) -> None:
    async def body(scripted: ScriptedRegistry, endpoint: Endpoint) -> None:
        async def ask(request: web.Request) -> web.StreamResponse:
            if request.path == "/token":
                return web.Response(text=answer)
            realm = f'Bearer realm="http://{scripted.address}/token"'
            return web.Response(status=401, headers={"WWW-Authenticate": realm})

        scripted.faults.append(ask)
        registry = await Registry.connect(endpoint, ANONYMOUS, "/nowhere")
        with pytest.raises(RegistryError, match="answered without a token"):
            await registry.metadata("/v2/x/manifests/y", scope=scope_of("x"), most=10)
        await registry.release()

    run(body)


def test_documents_are_bounded() -> None:
    async def body(scripted: ScriptedRegistry, endpoint: Endpoint) -> None:
        scripted.blobs["x"] = b"y" * 1000
        registry = await Registry.connect(endpoint, ANONYMOUS, "/nowhere")
        with pytest.raises(RegistryError, match="answers with more than 999 bytes"):
            await registry.metadata("/v2/a/blobs/x", scope="", most=999)
        await registry.release()

    run(body)


def test_what_is_no_registry_is_said() -> None:
    async def body(scripted: ScriptedRegistry, endpoint: Endpoint) -> None:
        async def teapot(_: web.Request) -> web.StreamResponse:
            return web.Response(status=418)

        scripted.faults.append(teapot)
        with pytest.raises(RegistryError, match="unexpected status 418: this is no registry"):
            await Registry.connect(endpoint, ANONYMOUS, "/nowhere")

    run(body)


def test_an_identity_token_is_exchanged() -> None:
    async def body(scripted: ScriptedRegistry, endpoint: Endpoint) -> None:
        forms: list[dict[str, Any]] = []

        async def ask(request: web.Request) -> web.StreamResponse | None:
            if request.path == "/token":
                forms.append(dict(await request.post()))
                return web.json_response({"access_token": "granted"})
            if request.headers.get("Authorization") == "Bearer granted":
                return None
            realm = f'Bearer realm="http://{scripted.address}/token",service="s"'
            return web.Response(status=401, headers={"WWW-Authenticate": realm})

        scripted.faults.append(ask)
        scripted.blobs["x"] = b"data"
        registry = await Registry.connect(endpoint, Credentials("me", identity_token="secret"), "/nowhere")
        await registry.metadata("/v2/a/blobs/x", scope=scope_of("a"), most=10)
        assert forms == [
            {
                "grant_type": "refresh_token",
                "refresh_token": "secret",
                "client_id": "isula-rest",
                "service": "s",
                "scope": "repository:a:pull",
            }
        ]
        await registry.release()

    run(body)


def test_a_registry_token_is_shown_as_it_is() -> None:
    async def body(scripted: ScriptedRegistry, endpoint: Endpoint) -> None:
        scripted.users, scripted.token_realm, scripted.tokens = {"x": "y"}, True, {"mine"}
        scripted.blobs["x"] = b"data"
        registry = await Registry.connect(endpoint, Credentials(registry_token="mine"), "/nowhere")
        await registry.metadata("/v2/a/blobs/x", scope=scope_of("a"), most=10)
        await registry.release()

    run(body)


def test_a_connection_that_is_cut_is_no_answer() -> None:
    async def body(scripted: ScriptedRegistry, endpoint: Endpoint) -> None:
        async def cut(request: web.Request) -> web.StreamResponse:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        scripted.faults.append(cut)
        with pytest.raises(NoAnswer):
            await Registry.connect(endpoint, ANONYMOUS, "/nowhere")

    run(body)


def test_pauses_grow_and_are_bounded() -> None:
    assert [pause(attempt, 0) for attempt in (1, 2, 3, 9)] == [1, 2, 4, 30]
    assert pause(1, 7) == 7
    assert pause(1, 9999) == 30
    assert scope_of("a/b") == "repository:a/b:pull"


def test_an_upload_that_is_refused_early_is_an_error_with_its_words() -> None:
    async def body(scripted: ScriptedRegistry, endpoint: Endpoint) -> None:
        refused = asyncio.Event()

        async def refuse(request: web.Request) -> web.StreamResponse | None:
            return web.Response(status=413, text="too much") if request.method == "PUT" else None

        async def endless() -> AsyncGenerator[bytes]:
            yield b"x"
            await refused.wait()

        scripted.faults.append(refuse)
        registry = await Registry.connect(endpoint, ANONYMOUS, "/nowhere")
        headers = {"Content-Length": "5"}
        with pytest.raises(RegistryError, match="unexpected status 413: too much"):
            async with registry.request("PUT", "/v2/up", scope="", headers=headers, data=endless()):
                pass
        await registry.release()

    run(body)
