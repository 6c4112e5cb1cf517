"""Builds an image from a Dockerfile, stage by stage; what a stage does is in `stage.py`.

Output and words are those of Docker's classic builder, which its command line, docker-py and compose read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from restd.errors import InvalidParameter, NotFound
from restd.image.archive import host_platform
from restd.image.build.arguments import Arguments
from restd.image.build.context import Context
from restd.image.build.dockerfile import Instruction, Stage, parse, stages_for
from restd.image.build.request import BuildRequest, Say, Steps
from restd.image.build.stage import StageBuild
from restd.image.references import parse_reference
from restd.image.registry.credentials import ANONYMOUS
from restd.image.store import ImageStore
from restd.model.image import Image


class Builder:
    """One build. `run` it once. What stages share is public here."""

    def __init__(self, request: BuildRequest, context: Context, images: ImageStore, steps: Steps, say: Say) -> None:
        self.request, self.context, self.images, self.steps = request, context, images, steps
        self.say = say if not request.quiet else lambda _: None
        self._loud = say
        self.arguments = Arguments(request.arguments, _platform_arguments(request))
        self._built: dict[str, Image | None] = {}
        self._number = 0
        self._count = 0
        self._cached = request.cache

    async def run(self) -> Image:
        """The image that the last stage makes, with its tags. InvalidParameter, StepFailed, what a step raises."""
        dockerfile = parse(self.context.read(self.request.dockerfile))
        await self.context.settle(self.request.dockerfile)
        stages = list(stages_for(dockerfile, self.request.target))
        if self.request.labels:
            stages[-1] = _labelled(stages[-1], self.request.labels)
        self._count = sum(1 + len(stage.instructions) for stage in stages) + len(dockerfile.arguments)
        for one in dockerfile.arguments:
            self.begin(one)
            self.arguments.declare_global(one)
        image: Image | None = None
        for number, stage in enumerate(stages):
            self._cached = self.request.cache
            image = await StageBuild(self, stage).run()
            self._built[str(number)] = image
            if stage.name:
                self._built[stage.name] = image
        if image is None:
            raise InvalidParameter("No image was generated. Is your Dockerfile empty?")
        if unused := self.arguments.unused():
            self.stream(f"[Warning] One or more build-args {unused} were not consumed\n")
        return await self._finished(image)

    async def _finished(self, image: Image) -> Image:
        self._loud({"aux": {"ID": image.id}})
        if self.request.quiet:
            self._loud({"stream": f"{image.id}\n"})
        self.stream(f"Successfully built {image.id[7:19]}\n")
        for reference in self.request.tags:
            await self.images.tag(image.id, reference.name, reference.tag or "latest")
            self.stream(f"Successfully tagged {reference.with_default_tag().familiar}\n")
        return self.images.resolve(image.id)

    def stream(self, text: str) -> None:
        """Say a line as it is."""
        self.say({"stream": text})

    def begin(self, one: Instruction) -> None:
        """Say which step begins."""
        self._number += 1
        self.stream(f"Step {self._number}/{self._count} : {one.text}\n")

    async def base(self, name: str, one: Instruction, platform: str) -> Image | None:
        """What FROM, or COPY --from, names: a stage before, `scratch` (None), or an image, pulled if need be."""
        if name.lower() in self._built:
            return self._built[name.lower()]
        if name == "scratch":
            if one.name == "FROM":
                return None
            raise one.failure("scratch cannot be copied from")
        if not self.request.pull or one.name != "FROM":
            with contextlib.suppress(NotFound):
                return self.images.resolve(name)
        reference = parse_reference(name).with_default_tag()
        credentials = self.request.credentials.get(reference.domain, ANONYMOUS)
        wanted = platform or (str(self.request.platform) if self.request.platform else "")
        return await self.images.pull(reference, False, wanted, credentials, self.say)

    def made_before(self, parent: Image | None, created_by: str, config: Mapping[str, Any]) -> Image | None:
        """An image of an earlier build that this step would make again."""
        if not self._cached:
            return None
        found = self.images.child_of(parent, created_by, config)
        if found is None:
            self._cached = False  # Docker: once a step is made anew, so are all that follow
        return found

    def miss(self) -> None:
        """What follows can't have been made before."""
        self._cached = False


def _labelled(stage: Stage, labels: Mapping[str, str]) -> Stage:
    """The stage with a LABEL at its end, for the labels that came with the request."""
    quoted = " ".join(f'"{_escaped(key)}"="{_escaped(labels[key])}"' for key in sorted(labels))
    line = stage.instructions[-1].line if stage.instructions else stage.begin.line
    return replace(stage, instructions=(*stage.instructions, Instruction("LABEL", quoted, line)))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")


def _platform_arguments(request: BuildRequest) -> dict[str, str]:
    """TARGETPLATFORM and its like, which BuildKit made usual: they count where an ARG asks for them."""
    host = host_platform()
    target = request.platform or host
    found: dict[str, str] = {}
    for prefix, platform in (("BUILD", host), ("TARGET", target)):
        found |= {
            f"{prefix}PLATFORM": str(platform),
            f"{prefix}OS": platform.os,
            f"{prefix}ARCH": platform.architecture,
            f"{prefix}VARIANT": platform.variant,
        }
    return found
