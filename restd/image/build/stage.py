"""One stage of a build: each step is an image on top of the one before, or one that an earlier build made.

A step was made before if an image stands on the same parent with the same configuration and says the same of how it was
made. That, and the words in the history, are Docker's.
"""

from __future__ import annotations

import contextlib
import hashlib
import posixpath
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from restd.errors import InvalidParameter
from restd.image.build.copying import Copy, read_copy, shown_sources
from restd.image.build.dockerfile import Instruction, Stage, parse_trigger
from restd.image.build.request import StepCommand, StepFailed
from restd.image.build.writing import is_folder, layer_of, make_folder, place
from restd.image.changes import Changes
from restd.image.commit import CommitRequest
from restd.image.instructions import Variables, string_list, words
from restd.image.tree import Tree
from restd.model.image import Image

if TYPE_CHECKING:
    from restd.image.build.builder import Builder

_SHELL = ["/bin/sh", "-c"]


class StageBuild:
    """One stage: the image so far, and the configuration that the next one will have."""

    def __init__(self, build: Builder, stage: Stage) -> None:
        self._build, self._stage = build, stage
        self._image: Image | None = None
        self._changes = Changes({})
        self._author = ""

    async def run(self) -> Image | None:
        """All of it."""
        build, stage = self._build, self._stage
        build.begin(stage.begin)
        build.arguments.begin_stage()
        variables = Variables(build.arguments.from_values())
        named = words(stage.base, variables)
        if len(named) != 1 or not named[0]:
            raise stage.begin.failure(f"base name ({stage.base}) should not be blank")
        platform = words(stage.begin.flag("platform") or "", variables)
        self._image = await build.base(named[0], stage.begin, platform[0] if platform else "")
        config = dict(self._image.raw.get("config") or {}) if self._image is not None else {}
        triggers = config.pop("OnBuild", None) or []
        self._changes = Changes(config, build.arguments.stage)
        self._tell()
        if triggers:
            build.stream(f"# Executing {len(triggers)} build trigger{'s' if len(triggers) > 1 else ''}\n")
        for trigger in triggers:
            await self._one(parse_trigger(trigger, stage.begin.line))
        for one in stage.instructions:
            build.begin(one)
            await self._one(one)
        return self._image

    def _tell(self) -> None:
        shown = self._image.id[7:19] if self._image is not None else ""
        self._build.stream(f" ---> {shown}\n")

    async def _one(self, one: Instruction) -> None:
        self._changes.arguments = dict(self._build.arguments.stage)
        try:
            if one.name == "RUN":
                await self._run(one)
            elif one.name in ("COPY", "ADD"):
                await self._copy(one)
            elif one.name == "WORKDIR":
                await self._workdir(one)
            elif one.name == "ARG":
                self._build.arguments.declare(one, self._changes.variables())
                await self._nothing_written(f"ARG {one.rest}")
            elif one.name == "MAINTAINER":
                self._author = one.rest
                await self._nothing_written(f"MAINTAINER {one.rest}")
            else:
                await self._metadata(one)
        except StepFailed:
            raise
        except InvalidParameter as error:
            if str(error).startswith("dockerfile parse error"):
                raise
            raise one.failure(str(error)) from error

    async def _metadata(self, one: Instruction) -> None:
        options = "".join(f"--{name}={value} " for name, value in one.flags)
        self._changes.apply(one.name, options + one.rest)
        await self._nothing_written(f"{one.name} {self._shown_metadata(one)}")

    def _shown_metadata(self, one: Instruction) -> str:
        """As Docker's history has it: what the configuration has become, not what was written."""
        config = self._changes.config
        match one.name:
            case "CMD" | "ENTRYPOINT" | "SHELL":
                value = config.get({"CMD": "Cmd", "ENTRYPOINT": "Entrypoint", "SHELL": "Shell"}[one.name]) or []
                return "[" + " ".join(f'"{word}"' for word in value) + "]"
            case "USER":
                return str(config["User"])
        options = "".join(f"--{name}={value} " for name, value in one.flags)
        return (
            " ".join(words(one.rest, self._changes.variables()))
            if one.name in ("LABEL", "ENV", "EXPOSE")
            else (options + one.rest)
        )

    async def _nothing_written(self, what: str) -> None:
        created_by = f"/bin/sh -c #(nop)  {what}"
        if await self._reused(created_by):
            return
        await self._commit(None, created_by)

    async def _reused(self, created_by: str) -> bool:
        found = self._build.made_before(self._image, created_by, self._changes.config)
        if found is None:
            return False
        self._image = found
        self._build.stream(" ---> Using cache\n")
        self._tell()
        return True

    async def _commit(self, upper: str | None, created_by: str) -> None:
        request = CommitRequest(
            parent=self._image,
            upper=upper,
            config=self._changes.config,
            created_by=created_by,
            author=self._author,
            platform=self._build.request.platform,
        )
        self._image = await self._build.images.commit(request)
        self._tell()

    # RUN

    async def _run(self, one: Instruction) -> None:
        for flag in ("mount", "security"):
            if one.flag(flag) is not None:
                raise one.failure(f"the --{flag} option of RUN is not supported by this builder")
        if one.flag("network") not in (None, "", "default"):
            raise one.failure("RUN --network: only default is supported by this builder")
        listed = string_list(one.rest)
        shell = list(self._changes.config.get("Shell") or _SHELL)
        scripts: dict[str, str] = {}
        if listed is not None:
            command = listed
        else:
            text, scripts = script_of(one)
            command = [f"/dev/pipes/{next(iter(scripts))}"] if scripts else [*shell, text]
        environment, shown = self._build.arguments.environment(self._changes.config.get("Env") or ())
        created_by = " ".join(command) if not scripts else f"{' '.join(shell)} {next(iter(scripts.values()))}"
        if shown:
            created_by = f"|{len(shown)} {' '.join(shown)} {created_by}"
        if await self._reused(created_by):
            return
        # The configuration as it is now decides user, folder and environment.
        if self._image is None or self._image.raw.get("config") != self._changes.config:
            await self._settled()
        said = " ".join(command) if not scripts else " ".join([*shell, one.rest])
        step = StepCommand(self._image, command, environment, said, scripts)
        container = await self._build.steps.run(step, self._build.say, keep_failed=self._build.request.keep_failed)
        try:
            await self._commit(self._build.images.overlay.upper(container), created_by)
        finally:
            if not self._build.request.keep:
                await self._build.steps.remove(container)
                self._build.stream(f"Removed intermediate container {container[:12]}\n")

    async def _settled(self) -> None:
        """An image of the configuration alone, for a container to be made of."""
        request = CommitRequest(self._image, None, self._changes.config, "/bin/sh -c #(nop)", platform=None)
        self._image = await self._build.images.commit(request)

    # COPY, ADD

    async def _copy(self, one: Instruction) -> None:
        working_dir = self._changes.config.get("WorkingDir") or "/"
        copy = read_copy(one, self._changes.variables(), working_dir)
        if copy.urls:
            raise one.failure(f"{one.name} of an address is not supported by this builder: {copy.urls[0]}")
        build = self._build
        async with self._origin(one, copy) as (tree, sources, digest):
            flags = (f"--chown={copy.owner} " if copy.owner else "") + (f"--chmod={copy.mode:o} " if copy.mode else "")
            origin = f"--from={copy.origin} " if copy.origin else ""
            shown = shown_sources(copy, digest, sources)
            created_by = f"/bin/sh -c #(nop) {one.name} {flags}{origin}{shown} in {copy.target} "
            if await self._reused(created_by):
                return
            async with layer_of(self._build.images, self._image) as (root, upper):
                await place(one, copy, tree, sources, root, build.context)
                await self._commit(upper, created_by)

    @contextlib.asynccontextmanager
    async def _origin(self, one: Instruction, copy: Copy) -> AsyncIterator[tuple[Tree, list[str], str]]:
        """Where the sources are, which they are, and a text that changes with them."""
        build = self._build
        if not copy.origin:
            sources = [path for source in copy.sources for path in build.context.sources(source)]
            inline = "".join(f"{item.name}\0{item.text}\0" for item in copy.inline)
            digest = build.context.digest(sources)
            if inline:
                digest = _digest(f"{digest}{inline}")
            yield build.context.tree, sources, digest
            return
        if one.name != "COPY":
            raise one.failure("ADD has no --from")
        image = await build.base(copy.origin, one, "")
        if image is None:
            raise one.failure(f"invalid from flag value {copy.origin}: it is empty")
        sources = [posixpath.normpath("/" + source.lstrip("/")) for source in copy.sources]
        digest = _digest("\0".join([image.chain_id, *sources, *(item.text for item in copy.inline)]))
        async with layer_of(build.images, image) as (root, _):
            yield Tree(root), sources, digest

    # WORKDIR

    async def _workdir(self, one: Instruction) -> None:
        self._changes.apply("WORKDIR", one.rest)
        path = self._changes.config["WorkingDir"]
        created_by = f"/bin/sh -c #(nop) WORKDIR {path}"
        if await self._reused(created_by):
            return
        async with layer_of(self._build.images, self._image) as (root, upper):
            if await is_folder(Tree(root), path):
                await self._commit(None, created_by)
            else:
                await make_folder(Tree(root), path)
                await self._commit(upper, created_by)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def script_of(one: Instruction) -> tuple[str, dict[str, str]]:
    """The text for the shell, and the script if RUN is nothing but a heredoc with an interpreter of its own."""
    if not one.heredocs:
        return one.rest, {}
    first = one.heredocs[0]
    if len(one.heredocs) == 1 and one.rest.lstrip("<-").strip("\"'") == first.name:
        return (first.text, {}) if not first.text.startswith("#!") else ("", {first.name: first.text})
    return one.rest + "\n" + "".join(f"{heredoc.text}{heredoc.name}\n" for heredoc in one.heredocs), {}
