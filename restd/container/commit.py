"""Commit: a container's changes as a new image."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from restd.container.announce import Announcer
from restd.container.pause import pause, unpause
from restd.container.records import Records
from restd.container.registry import Entry
from restd.errors import Conflict, EngineError
from restd.image.changes import apply_changes
from restd.image.commit import CommitRequest
from restd.image.references import Reference
from restd.image.store import ImageStore
from restd.model.container import Config, Container, Status
from restd.model.docker_json import to_docker
from restd.model.image import Image
from restd.runtime.dispatch import Runtimes

_OF_THE_IMAGE = (
    "User", "ExposedPorts", "Env", "Cmd", "Healthcheck", "ArgsEscaped", "Volumes", "WorkingDir", "Entrypoint",
    "OnBuild", "Labels", "StopSignal", "Shell",
)  # fmt: skip
"""What of a container's configuration an image has a place for."""


@dataclass(frozen=True, slots=True)
class Commit:
    """What a client asks of a commit. `config` are the fields of Config that it gave; `changes` Dockerfile lines."""

    reference: Reference | None = None
    comment: str = ""
    author: str = ""
    changes: Sequence[str] = ()
    config: Mapping[str, Any] | None = None
    paused: bool = True


async def commit(
    entry: Entry, asked: Commit, images: ImageStore, runtimes: Runtimes, records: Records, announcer: Announcer
) -> Image:
    """The new image. A running container is frozen meanwhile, unless that isn't wanted."""
    container = entry.container
    if container.state.status in (Status.REMOVING, Status.DEAD):
        raise Conflict(f"You cannot commit container {container.id} which is being removed or dead")
    config = apply_changes(image_config(container, asked.config), asked.changes)
    parent = images.get(container.image)
    async with _still(entry, asked.paused, runtimes, records, announcer):
        image = await images.commit(
            CommitRequest(
                parent=parent,
                upper=images.overlay.upper(container.id),
                config=config,
                created_by=" ".join(container.config.cmd or ()),
                comment=asked.comment,
                author=asked.author,
                references=[asked.reference] if asked.reference is not None else [],
            )
        )
    shown = asked.reference.familiar if asked.reference is not None else ""
    announcer(container, "commit", comment=asked.comment, imageID=image.id, imageRef=shown)
    return image


def image_config(container: Container, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """The image's `config`: the container's own, with what the client gave over it (Docker's rules of merging)."""
    own = to_docker(container.config)
    config = {key: own[key] for key in _OF_THE_IMAGE if own.get(key)}
    for key, value in (given or {}).items():
        if not value or key not in _OF_THE_IMAGE:
            continue
        if key in ("Labels", "ExposedPorts", "Volumes"):
            config[key] = {**config.get(key, {}), **value}
        elif key == "Env":
            names = {entry.partition("=")[0] for entry in value}
            kept = [entry for entry in config.get("Env", []) if entry.partition("=")[0] not in names]
            config["Env"] = [*value, *kept]
        else:
            config[key] = value
    return config


def given_config(config: Config | None) -> dict[str, Any] | None:
    """A request's Config as `image_config` takes it."""
    return to_docker(config) if config is not None else None


@contextlib.asynccontextmanager
async def _still(
    entry: Entry, wanted: bool, runtimes: Runtimes, records: Records, announcer: Announcer
) -> AsyncIterator[None]:
    """Frozen for the time of the context, if it runs and that is wanted."""
    frozen = False
    if wanted and entry.container.state.status is Status.RUNNING:
        with contextlib.suppress(EngineError):  # it may end at this moment
            await pause(entry, runtimes, records, announcer)
            frozen = True
    try:
        yield
    finally:
        if frozen:
            with contextlib.suppress(EngineError):
                await unpause(entry, runtimes, records, announcer)
