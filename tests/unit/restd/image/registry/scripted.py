"""A registry in this process that also does what real ones do on bad days. The real one is in tests/integration."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"

Fault = Callable[[web.Request], Awaitable[web.StreamResponse | None]] | Callable[[web.Request], Awaitable[None]]


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class ScriptedRegistry:
    """Blobs and manifests in dictionaries; `faults` answer instead, each as long as it returns something."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.seen: list[tuple[str, str]] = []
        self.ranges: list[str] = []
        self.faults: list[Fault] = []
        self.users: dict[str, str] = {}
        self.token_realm = False
        self.tokens: set[str] = set()
        self.scopes: list[str] = []
        self._runner: web.AppRunner | None = None
        self.address = ""

    async def __aenter__(self) -> ScriptedRegistry:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.address = f"127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def add_blob(self, data: bytes) -> dict[str, Any]:
        self.blobs[digest_of(data)] = data
        return {"digest": digest_of(data), "size": len(data)}

    def add_manifest(self, repository: str, tag: str, value: dict[str, Any], kind: str = OCI) -> str:
        data = json.dumps(value).encode()
        for name in (tag, digest_of(data)):
            self.manifests[repository, name] = (kind, data)
        return digest_of(data)

    def add_image(self, repository: str, tag: str, config: bytes, layers: list[bytes], packed: str = "") -> str:
        described = [
            {"mediaType": f"application/vnd.oci.image.layer.v1.tar{packed}", **self.add_blob(layer)} for layer in layers
        ]
        value = {
            "schemaVersion": 2,
            "mediaType": OCI,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **self.add_blob(config)},
            "layers": described,
        }
        return self.add_manifest(repository, tag, value)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.method, request.path))
        for fault in self.faults:
            if (answer := await fault(request)) is not None:
                return answer
        if (refusal := self._refusal(request)) is not None:
            return refusal
        parts = request.path.strip("/").split("/")
        if parts == ["v2"]:
            return web.json_response({})
        if parts[-2:] == ["tags", "list"]:
            repository = "/".join(parts[1:-2])
            tags = sorted(tag for name, tag in self.manifests if name == repository and ":" not in tag)
            return web.json_response({"name": repository, "tags": tags})
        if parts[-2] == "manifests":
            return await self._manifest(request, "/".join(parts[1:-2]), parts[-1])
        if "blobs" in parts:
            return await self._blob(request, parts)
        return _error(404, "NAME_UNKNOWN")

    def _refusal(self, request: web.Request) -> web.StreamResponse | None:
        if not self.users:
            return None
        if request.path == "/token":
            self.scopes += parse_qs(request.query_string).get("scope", [])
            if not self._basic(request):
                return _error(401, "UNAUTHORIZED")
            token = f"token-{len(self.tokens)}"
            self.tokens.add(token)
            return web.json_response({"token": token})
        if self.token_realm:
            if request.headers.get("Authorization", "").removeprefix("Bearer ") in self.tokens:
                return None
            asked = f'Bearer realm="http://{self.address}/token",service="scripted",scope="ignored"'
        else:
            if self._basic(request):
                return None
            asked = 'Basic realm="scripted"'
        answer = _error(401, "UNAUTHORIZED")
        answer.headers["WWW-Authenticate"] = asked
        return answer

    def _basic(self, request: web.Request) -> bool:
        given = request.headers.get("Authorization", "").removeprefix("Basic ")
        return given in {base64.b64encode(f"{name}:{word}".encode()).decode() for name, word in self.users.items()}

    async def _manifest(self, request: web.Request, repository: str, name: str) -> web.StreamResponse:
        if request.method == "PUT":
            data = await request.read()
            for key in (name, digest_of(data)):
                self.manifests[repository, key] = (request.content_type, data)
            return web.Response(status=201)
        found = self.manifests.get((repository, name))
        if found is None:
            return _error(404, "MANIFEST_UNKNOWN")
        return web.Response(body=found[1], content_type=found[0])

    async def _blob(self, request: web.Request, parts: list[str]) -> web.StreamResponse:
        if parts[-1] == "uploads" and request.method == "POST":
            mounted = request.query.get("mount", "")
            if mounted and request.query.get("from") and mounted in self.blobs:
                return web.Response(status=201)
            return web.Response(status=202, headers={"Location": f"/{'/'.join(parts)}/one?state=x"})
        if request.method == "PUT":
            data = await request.read()
            if digest_of(data) != request.query["digest"]:
                return _error(400, "DIGEST_INVALID")
            self.blobs[digest_of(data)] = data
            return web.Response(status=201)
        blob = self.blobs.get(parts[-1])
        if blob is None:
            return _error(404, "BLOB_UNKNOWN")
        asked = request.headers.get("Range", "")
        if asked:
            self.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            return web.Response(status=206, body=blob[start:])
        return web.Response(body=blob)


def _error(status: int, code: str) -> web.Response:
    return web.json_response({"errors": [{"code": code, "message": code.lower().replace("_", " ")}]}, status=status)
