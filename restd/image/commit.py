"""A new image on top of another: what was written over it, and a changed configuration (`docker commit`, a build step).

Blobs of the layers below are taken as they are; the new one is a plain tar, so its digest is its diff id.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from restd.errors import InvalidParameter, SystemFailure
from restd.image.archive import OCI_LAYER, Found, Platform, host_platform, render_manifest
from restd.image.blobs import BlobStore
from restd.image.configuration import MOST_LAYERS, diff_ids
from restd.image.references import Reference
from restd.image.spool import Member
from restd.lib.times import now_ns, to_rfc3339
from restd.model.image import Image


@dataclass(frozen=True, slots=True)
class CommitRequest:
    """What to make of what. `parent` None: on nothing. `upper`: the directory written to, None if no layer is added.

    `config` is the image's `config` as JSON. `created_by`, `comment`, `author` go into the history.
    """

    parent: Image | None
    upper: str | None
    config: Mapping[str, Any]
    created_by: str = ""
    comment: str = ""
    author: str = ""
    references: Sequence[Reference] = ()
    platform: Platform | None = None


def committed(request: CommitRequest, new: Member | None, blobs: BlobStore, directory: str) -> Found:
    """The new image, its small parts written into `directory`; `new` is the packed layer. Blocks."""
    parent = request.parent
    layers = [_below(blobs, layer.digest, layer.blob_size, layer.media_type, directory) for layer in _layers(parent)]
    if new is not None:
        layers.append((new, OCI_LAYER))
    if len(layers) > MOST_LAYERS:
        raise InvalidParameter("max depth exceeded")
    raw = _configuration(request, new)
    data = json.dumps(raw, separators=(",", ":")).encode()
    path = os.path.join(directory, "config")
    with open(path, "xb") as file:
        file.write(data)
    config = Member(path, "sha256:" + hashlib.sha256(data).hexdigest(), len(data))
    names = [reference.familiar for reference in request.references]
    return Found(
        config, raw, render_manifest(config, layers), None, tuple(layers), names, parent=parent.id if parent else ""
    )


def _layers(parent: Image | None) -> Sequence[Any]:
    return parent.layers if parent is not None else ()


def _below(blobs: BlobStore, digest: str, size: int, media_type: str, directory: str) -> tuple[Member, str]:
    """A layer of the parent, by a second name that keeps it whatever is removed meanwhile."""
    path = os.path.join(directory, digest.removeprefix("sha256:"))
    if not os.path.exists(path) and not blobs.link(digest, size, path):
        raise SystemFailure(f"blob {digest} is missing from the store: pull or load its image again")
    return Member(path, digest, size), media_type


def _configuration(request: CommitRequest, new: Member | None) -> dict[str, Any]:
    """The whole configuration: the parent's where it says something about the platform, and one more step."""
    created = to_rfc3339(now_ns())
    parent = request.parent
    raw: dict[str, Any] = {}
    if parent is not None:
        raw = {key: parent.raw[key] for key in ("architecture", "os", "variant", "os.version") if key in parent.raw}
        history, diffs = list(parent.raw.get("history") or ()), diff_ids(parent.raw)
    else:
        platform = request.platform or host_platform()
        raw = {"architecture": platform.architecture, "os": platform.os}
        if platform.variant:
            raw["variant"] = platform.variant
        history, diffs = [], []
    said = {
        "created_by": request.created_by,
        "author": request.author,
        "comment": request.comment,
        "empty_layer": new is None,
    }
    step: dict[str, Any] = {"created": created, **{key: value for key, value in said.items() if value}}
    if new is not None:
        diffs = [*diffs, new.digest]
    author = request.author or (parent.author if parent is not None else "")
    if author:
        raw["author"] = author
    return {
        **raw,
        "config": dict(request.config),
        "created": created,
        "history": [*history, step],
        "rootfs": {"type": "layers", "diff_ids": diffs},
    }
