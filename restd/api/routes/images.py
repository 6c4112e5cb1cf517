"""Images: load, import, list, inspect, history, tag, remove, save, prune."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

from restd.api import wire
from restd.api.call import Call, Outcome, Reply, json_reply
from restd.api.engine import Engine
from restd.api.query import read_age
from restd.api.routes.registries import pull
from restd.api.stream import error_line, progress_line
from restd.api.table import Parameter, Route
from restd.api.views.images import history_view, inspect_view, item_view, removal_view
from restd.errors import EngineError, InvalidParameter, NotImplementedYet
from restd.filters import Filters
from restd.image.selection import ImageFilter
from restd.model.image import LoadProgress

LIST_FILTERS = frozenset("reference dangling label label! before since until".split())
PRUNE_FILTERS = frozenset("dangling label label! until".split())


class ImageRoutes:
    """`/images`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._images = engine.images
        self._containers = engine.containers

    def routes(self) -> list[Route]:
        """The operations of this module."""
        missing = {404: ("No such image.", "Error")}
        filters = Parameter("filters", "JSON object of filters.")
        progress = {200: ("Progress, one object a line; an error is the last of them.", "Progress")}
        archive = {200: ("An archive.", "archive"), **missing}
        return [
            Route(
                "GET",
                "/images/json",
                self._list,
                "List images",
                parameters=(
                    Parameter("all", "Also nameless parents of other images.", "boolean"),
                    filters,
                    Parameter("shared-size", "Also SharedSize.", "boolean"),
                    Parameter("digests", "Digests are always shown.", "boolean"),
                ),
                answers={200: ("Newest first.", ["ImageItem"]), 400: ("A filter is wrong.", "Error")},
            ),
            Route(
                "POST",
                "/images/load",
                self._load,
                "Load images from an archive",
                description="A docker-archive or OCI layout; plain, or compressed with gzip, bzip2, xz or zstd.",
                parameters=(
                    Parameter("quiet", "No progress; true by default.", "boolean"),
                    Parameter("platform", "Which image to take from an index."),
                ),
                body="archive",
                answers=progress,
            ),
            Route(
                "POST",
                "/images/create",
                self._create,
                "Pull an image, or import a root file system",
                description="With fromImage a pull; without a tag anywhere, of all tags. With fromSrc an import.",
                parameters=(
                    Parameter("fromImage", "What to pull. Credentials come in X-Registry-Auth."),
                    Parameter("fromSrc", "`-`: the body."),
                    Parameter("repo", "Name for the new image."),
                    Parameter("tag", "Its tag; of a pull, a tag or digest."),
                    Parameter("message", "Comment."),
                    Parameter("changes", "Dockerfile instructions.", repeated=True),
                    Parameter("platform", "os/arch[/variant] to pull, or of the new image."),
                ),
                body="archive",
                answers={
                    **progress,
                    400: ("A parameter or the archive is wrong.", "Error"),
                    403: ("The name is reserved.", "Error"),
                    404: ("The registry has no such image, or does not show it.", "Error"),
                    501: ("fromSrc is an address.", "Error"),
                },
            ),
            Route(
                "GET",
                "/images/get",
                self._save_several,
                "Save images",
                parameters=(Parameter("names", "An image.", required=True, repeated=True),),
                answers=archive,
            ),
            Route(
                "POST",
                "/images/prune",
                self._prune,
                "Remove unused images",
                parameters=(filters,),
                answers={200: ("", "ImagesPruned"), 400: ("A filter is wrong.", "Error")},
            ),
            Route(
                "GET",
                "/images/{name}/json",
                self._inspect,
                "Inspect an image",
                slashes=True,
                answers={200: ("", "Image"), **missing},
            ),
            Route(
                "GET",
                "/images/{name}/history",
                self._history,
                "The steps an image was made in",
                slashes=True,
                answers={200: ("Newest first.", ["HistoryRow"]), **missing},
            ),
            Route("GET", "/images/{name}/get", self._save, "Save one image", slashes=True, answers=archive),
            Route(
                "POST",
                "/images/{name}/tag",
                self._tag,
                "Give an image another name",
                slashes=True,
                parameters=(Parameter("repo", "The name.", required=True), Parameter("tag", "Its tag.")),
                answers={201: ("Done.", None), 400: ("Not a reference.", "Error"), **missing},
            ),
            Route(
                "DELETE",
                "/images/{name}",
                self._remove,
                "Remove an image",
                slashes=True,
                parameters=(
                    Parameter("force", "Also if stopped containers use it.", "boolean"),
                    Parameter("noprune", "Keep its nameless parents.", "boolean"),
                ),
                answers={200: ("What was done, in order.", ["Removed"]), **missing, 409: ("It is in use.", "Error")},
            ),
        ]

    # Looking

    async def _list(self, call: Call) -> Outcome:
        query = call.query
        filters = Filters.parse(query.text("filters"))
        filters.check(LIST_FILTERS)
        chosen = self._chosen(filters)
        if call.version <= (1, 40) and query.text("filter"):
            chosen = self._chosen(filters, (query.text("filter"),))
        uses = Counter(use.image_id for use in self._containers.image_uses())
        shared = query.flag("shared-size") and call.version >= (1, 42)
        views = []
        for image in self._images.list(chosen, intermediate=query.flag("all")):
            view = item_view(image, call.version, uses[image.id] if shared else -1)
            if shared:
                view["SharedSize"] = self._images.shared_size(image)
            views.append(view)
        return json_reply(views)

    def _chosen(self, filters: Filters, references: Sequence[str] = ()) -> ImageFilter:
        return ImageFilter(
            references=(*filters.values("reference"), *references),
            dangling=filters.flag("dangling") if "dangling" in filters else None,
            labels=filters.values("label"),
            labels_not=filters.values("label!"),
            before=self._created(filters, "before"),
            since=self._created(filters, "since"),
            until=read_age(filters.one("until")),
        )

    def _created(self, filters: Filters, key: str) -> int | None:
        name = filters.one(key)
        return None if name is None else self._images.resolve(name).created

    async def _inspect(self, call: Call) -> Outcome:
        image = self._images.resolve(call.name)
        return json_reply(inspect_view(image, self._images.graph_driver(image), call.version))

    async def _history(self, call: Call) -> Outcome:
        return json_reply([history_view(row) for row in self._images.history(call.name)])

    # Archives

    async def _load(self, call: Call) -> Outcome:
        query = call.query
        stream = call.stream(wire.JSON)
        quiet = query.flag("quiet", default=True)

        def progress(step: LoadProgress) -> None:
            detail = {"current": step.current, "total": step.total}
            stream.put(progress_line({"status": "Loading layer", "progressDetail": detail, "id": step.layer}))

        try:
            loaded = await self._images.load(call.chunks(), None if quiet else progress, query.text("platform"))
        except EngineError as error:
            await stream.write(error_line(str(error)))
            return stream
        for item in loaded:
            text = f"Loaded image: {item.name}\n" if item.name else f"Loaded image ID: {item.id}\n"
            await stream.write(progress_line({"stream": text}))
        return stream

    async def _create(self, call: Call) -> Outcome:
        query = call.query
        if query.text("fromImage"):
            return await pull(call, self._engine)
        source = query.text("fromSrc")
        if source != "-":
            raise NotImplementedYet("fromSrc: only - is supported, with the archive as the request's body")
        image_id = await self._images.import_(
            call.chunks(),
            repo=query.text("repo"),
            tag=query.text("tag"),
            message=query.text("message"),
            changes=query.all_of("changes"),
            platform=query.text("platform"),
        )
        stream = call.stream(wire.JSON)
        await stream.write(progress_line({"status": image_id}))
        return stream

    async def _save(self, call: Call) -> Outcome:
        return await self._send(call, [call.name])

    async def _save_several(self, call: Call) -> Outcome:
        names = [name for entry in call.query.all_of("names") for name in entry.split(",") if name]
        if not names:
            raise InvalidParameter("no images to save: the parameter names is missing")
        return await self._send(call, names)

    async def _send(self, call: Call, names: Sequence[str]) -> Outcome:
        pieces = self._images.save(names)
        stream = call.stream(wire.TAR)
        try:
            async for piece in pieces:
                await stream.write(piece)
        finally:
            await close_pieces(pieces)
        return stream

    # Changing

    async def _tag(self, call: Call) -> Outcome:
        query = call.query
        await self._images.tag(call.name, query.text("repo"), query.text("tag"))
        return Reply(201)

    async def _remove(self, call: Call) -> Outcome:
        query = call.query
        uses = self._containers.image_uses()
        steps = await self._images.remove(call.name, query.flag("force"), query.flag("noprune"), uses)
        return json_reply(removal_view(steps))

    async def _prune(self, call: Call) -> Outcome:
        filters = Filters.parse(call.query.text("filters"))
        filters.check(PRUNE_FILTERS)
        chosen = ImageFilter(
            dangling=filters.flag("dangling", default=True),
            labels=filters.values("label"),
            labels_not=filters.values("label!"),
            until=read_age(filters.one("until")),
        )
        result = await self._images.prune(chosen, self._containers.image_uses())
        removed = removal_view(result.removed)
        return json_reply({"ImagesDeleted": removed or None, "SpaceReclaimed": result.reclaimed})


async def close_pieces(pieces: AsyncIterator[bytes]) -> None:
    """Let an unfinished generator let go of what it holds, now."""
    close: Any = getattr(pieces, "aclose", None)
    if close is not None:
        await asyncio.shield(close())
