"""What containers have in their file systems: archive (`docker cp`), changes, export, commit."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

from restd.api import wire
from restd.api.call import Call, Outcome, Reply, dumps, json_reply
from restd.api.engine import Engine
from restd.api.routes.images import close_pieces
from restd.api.schemas.container import config_schema, read_config
from restd.api.table import Parameter, Route
from restd.container.commit import Commit, given_config
from restd.errors import InvalidParameter
from restd.image.references import is_tag, parse_reference
from restd.image.store import tag_reference
from restd.image.tree import PathStat
from restd.lib.times import to_rfc3339

PATH_STAT = "X-Docker-Container-Path-Stat"


class FileRoutes:
    """`/containers/NAME/archive`, `changes`, `export`; `/commit`."""

    def __init__(self, engine: Engine) -> None:
        self._containers = engine.containers

    def routes(self) -> list[Route]:
        """The operations of this module."""
        missing = {404: ("No such container, or nothing at the path.", "Error")}
        path = Parameter("path", "A path in the container.", required=True)
        bad = {400: ("The path is missing, or can't be used.", "Error")}
        return [
            Route(
                "HEAD",
                "/containers/{name}/archive",
                self._stat,
                "What is at a path",
                description=f"The answer is in the header {PATH_STAT}: base64 of a JSON object.",
                parameters=(path,),
                answers={200: ("It is there.", None), **bad, **missing},
            ),
            Route(
                "GET",
                "/containers/{name}/archive",
                self._get,
                "Files of a container, as a tar",
                parameters=(path,),
                answers={200: (f"The tar; {PATH_STAT} describes what it is of.", "archive"), **bad, **missing},
            ),
            Route(
                "PUT",
                "/containers/{name}/archive",
                self._put,
                "Unpack an archive in a container",
                description="A tar; plain, or compressed with gzip, bzip2, xz or zstd.",
                parameters=(
                    path,
                    Parameter("noOverwriteDirNonDir", "No folder for a file, nor a file for a folder.", "boolean"),
                    Parameter("copyUIDGID", "Everything belongs to the container's user.", "boolean"),
                ),
                body="archive",
                answers={200: ("Done.", None), **bad, **missing},
            ),
            Route(
                "GET",
                "/containers/{name}/changes",
                self._changes,
                "What a container has changed over its image",
                answers={200: ("Kind: 0 changed, 1 added, 2 deleted.", ["Change"]), **missing},
            ),
            Route(
                "GET",
                "/containers/{name}/export",
                self._export,
                "A container's root file system as a tar",
                answers={200: ("The tar.", "archive"), **missing},
            ),
            Route(
                "POST",
                "/commit",
                self._commit,
                "Make an image of a container",
                parameters=(
                    Parameter("container", "Name, id, or the beginning of an id.", required=True),
                    Parameter("repo", "Name for the new image."),
                    Parameter("tag", "Its tag."),
                    Parameter("comment", "Comment."),
                    Parameter("author", "Who made it."),
                    Parameter("pause", "Freeze the container meanwhile; true by default.", "boolean"),
                    Parameter("changes", "Dockerfile instructions.", repeated=True),
                ),
                body=config_schema,
                answers={201: ("Made.", "Id"), **bad, **missing, 409: ("It is being removed.", "Error")},
            ),
        ]

    async def _stat(self, call: Call) -> Outcome:
        stat = await self._containers.stat_path(call.name, _path(call))
        return Reply(200, headers=described(stat))

    async def _get(self, call: Call) -> Outcome:
        copied = await self._containers.copy_from(call.name, _path(call))
        return await _sent(call, copied.chunks, described(copied.stat))

    async def _put(self, call: Call) -> Outcome:
        query = call.query
        await self._containers.copy_to(
            call.name,
            _path(call),
            call.chunks(),
            keep_kind=query.flag("noOverwriteDirNonDir"),
            own=query.flag("copyUIDGID"),
        )
        return Reply()

    async def _changes(self, call: Call) -> Outcome:
        changes = await self._containers.changes(call.name)
        return json_reply([{"Path": path, "Kind": kind} for path, kind in changes] or None)

    async def _export(self, call: Call) -> Outcome:
        return await _sent(call, await self._containers.export(call.name), None)

    async def _commit(self, call: Call) -> Outcome:
        query = call.query
        config = read_config(await call.object(required=False))
        repo, tag = query.text("repo"), query.text("tag")
        if tag and not is_tag(tag):
            raise InvalidParameter("invalid tag format")
        if repo and parse_reference(repo).digest:
            raise InvalidParameter("refusing to create a tag with a digest reference")
        asked = Commit(
            reference=tag_reference(repo, tag) if repo else None,
            comment=query.text("comment"),
            author=query.text("author"),
            changes=query.all_of("changes"),
            config=given_config(config),
            paused=query.flag("pause", default=True),
        )
        return json_reply({"Id": await self._containers.commit(query.text("container"), asked)}, 201)


def _path(call: Call) -> str:
    path = call.query.text("path")
    if not path:
        raise InvalidParameter("bad parameter: 'path' cannot be empty")
    return path


def described(stat: PathStat) -> dict[str, str]:
    """The header that describes a path."""
    value = {
        "name": stat.name,
        "size": stat.size,
        "mode": stat.mode,
        "mtime": to_rfc3339(stat.mtime),
        "linkTarget": stat.link_target,
    }
    return {PATH_STAT: base64.b64encode(dumps(value)).decode()}


async def _sent(call: Call, pieces: AsyncIterator[bytes], headers: dict[str, str] | None) -> Outcome:
    try:
        stream = call.stream(wire.TAR, headers)
        async for piece in pieces:
            await stream.write(piece)
    finally:
        await close_pieces(pieces)
    return stream
