"""What a client asks of a build, and what the build needs from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from restd.errors import EngineError
from restd.image.archive import Platform
from restd.image.references import Reference
from restd.image.registry.credentials import Credentials
from restd.model.image import Image

Say = Callable[[Mapping[str, Any]], None]
"""Hears each line of the build's stream."""


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """`POST /build`. `arguments` None values are those that a client names without a value."""

    dockerfile: str = "Dockerfile"
    tags: Sequence[Reference] = ()
    target: str = ""
    arguments: Mapping[str, str | None] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    cache: bool = True
    pull: bool = False
    keep: bool = False
    keep_failed: bool = False
    quiet: bool = False
    platform: Platform | None = None
    credentials: Mapping[str, Credentials] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepCommand:
    """One RUN: `words` on top of `image`, with `environment` beside the image's own; `scripts` are name -> text.

    A script is a file under /dev/pipes, read-only. `shown` is how an error calls the command.
    """

    image: Image | None
    words: Sequence[str]
    environment: Sequence[str]
    shown: str
    scripts: Mapping[str, str] = field(default_factory=dict)


class Steps(Protocol):
    """Runs what a Dockerfile's RUN asks for: the container room's part of a build."""

    async def run(self, command: StepCommand, say: Say, *, keep_failed: bool) -> str:
        """Run it to its end, output to `say`; the id of the container, which is there until `remove`. StepFailed."""

    async def remove(self, container_id: str) -> None:
        """Let go of it."""


class StepFailed(EngineError):
    """A command ended with another code than 0."""

    def __init__(self, shown: str, code: int) -> None:
        super().__init__(f"The command '{shown}' returned a non-zero code: {code}")
        self.code = code
