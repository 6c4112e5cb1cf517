"""Makes tars, layers and image archives for the tests of the image room."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from restd.events import Events
from restd.image.store import ImageStore

T = TypeVar("T")
CREATED = "2024-05-06T07:08:09.000000001Z"


def entry(name: str, kind: bytes = tarfile.REGTYPE, **fields: Any) -> tarfile.TarInfo:
    """A tar member; `fields` are those of TarInfo."""
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.mtime = kind, 0o755 if kind == tarfile.DIRTYPE else 0o644, 1_700_000_000
    for key, value in fields.items():
        setattr(info, key, value)
    return info


def tar(*members: tarfile.TarInfo | tuple[tarfile.TarInfo | str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar of members, each with its data or without."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for member in members:
            info, data = member if isinstance(member, tuple) else (member, b"")
            info = entry(info) if isinstance(info, str) else info
            if data:
                info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def plain(layer: bytes) -> bytes:
    return gzip.decompress(layer) if layer[:2] == b"\x1f\x8b" else layer


def configuration(layers: Sequence[bytes], config: Mapping[str, Any] | None = None, **more: Any) -> bytes:
    """An image configuration for plain or gzipped layers."""
    value = {
        "architecture": "amd64",
        "os": "linux",
        "created": CREATED,
        "config": dict(config or {}),
        "rootfs": {"type": "layers", "diff_ids": [digest(plain(layer)) for layer in layers]},
        "history": [{"created": CREATED, "created_by": f"step {number}"} for number in range(len(layers))],
        **more,
    }
    return json.dumps(value).encode()


def docker_archive(
    *images: tuple[bytes, Sequence[bytes], Sequence[str]],
    extra: Iterable[tuple[tarfile.TarInfo | str, bytes]] = (),
) -> bytes:
    """The old form: `HEX.json`, `HEX/layer.tar`, `manifest.json`; each image is (configuration, layers, names)."""
    files: dict[str, bytes] = {}
    manifest = []
    for config, layers, names in images:
        config_name = digest(config)[7:] + ".json"
        paths = [digest(layer)[7:] + "/layer.tar" for layer in layers]
        files |= dict(zip(paths, layers, strict=True)) | {config_name: config}
        manifest.append({"Config": config_name, "RepoTags": list(names), "Layers": paths})
    members: list[tuple[tarfile.TarInfo | str, bytes]] = [*files.items(), *extra]
    return tar(*members, ("manifest.json", json.dumps(manifest).encode()))


def descriptor(data: bytes, kind: str, **more: Any) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest(data), "size": len(data), **more}


def manifest(config: bytes, layers: Sequence[bytes]) -> bytes:
    kind = "application/vnd.oci.image.layer.v1.tar"
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [descriptor(layer, kind + ("" if plain(layer) is layer else "+gzip")) for layer in layers],
        }
    ).encode()


def layout(descriptors: Sequence[Mapping[str, Any]], blobs: Iterable[bytes], **more: bytes) -> bytes:
    """An OCI layout whose `index.json` has the descriptors; `more` are further files by name."""
    index = json.dumps({"schemaVersion": 2, "manifests": list(descriptors)}).encode()
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": index}
    files |= {f"blobs/sha256/{digest(blob)[7:]}": blob for blob in blobs} | more
    return tar(*files.items())


def small_layer(text: str = "hello") -> bytes:
    return tar(entry("etc", tarfile.DIRTYPE), ("etc/motd", text.encode()))


def small_image(name: str = "small:latest", text: str = "hello") -> bytes:
    layer = small_layer(text)
    return docker_archive((configuration([layer]), [layer], [name]))


async def pieces(data: bytes, size: int = 50_000) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def gathered(stream: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in stream])


def with_store(root: str, body: Callable[[ImageStore, Events], Coroutine[Any, Any, T]], **options: Any) -> T:
    """Run `body` with a store on `root`, opened before and closed after."""

    async def run() -> T:
        events = Events()
        store = ImageStore(root, events, **options)
        await store.open()
        try:
            return await body(store, events)
        finally:
            for container in store.overlay.containers():
                await store.overlay.remove(container)
            await store.close()

    return asyncio.run(run())


def contents(root: str) -> set[str]:
    """Everything that counts in a store's directory: blobs, layers, links, metadata, work under way."""
    found = set()
    for place in ("blobs/sha256", "overlay", "overlay/l", "overlay-containers", "images", "tmp"):
        with contextlib.suppress(FileNotFoundError):
            found |= {f"{place}/{name}" for name in os.listdir(os.path.join(root, place))}
    return found - {"overlay/l", "overlay/empty"}
