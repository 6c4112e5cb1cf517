"""Registries: pull, push, search, log in, look at an image that is elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from typing import Any

from restd.api import wire
from restd.api.call import Call, Outcome, json_reply
from restd.api.engine import Engine
from restd.api.responses import Stream
from restd.api.schemas.registry import auth_schema, read_auth
from restd.api.stream import error_line, progress_line
from restd.api.table import Parameter, Route
from restd.errors import EngineError, Forbidden, InvalidParameter, NotImplementedYet
from restd.filters import Filters
from restd.image.references import Reference, is_digest, is_tag, parse_reference
from restd.image.registry.credentials import Credentials, credentials_of, decode_auth

AUTH = "X-Registry-Auth"
_SEARCH_FILTERS = frozenset(("is-automated", "is-official", "stars"))
_MOST_RESULTS = 100
_FEWEST_BEHIND = 256 << 10

Work = Callable[[Callable[[dict[str, Any]], None]], Awaitable[Any]]


class RegistryRoutes:
    """What has to do with registries. `/images/create` is with the images, and calls `pull`."""

    def __init__(self, engine: Engine) -> None:
        self._images = engine.images

    def routes(self) -> list[Route]:
        """The operations of this module."""
        unknown = {404: ("No such image.", "Error")}
        return [
            Route(
                "POST",
                "/images/{name}/push",
                self._push,
                "Push an image to its registry",
                description=f"Credentials come in {AUTH}, which must be there, or as the body.",
                slashes=True,
                parameters=(Parameter("tag", "Which tag; all of them if missing."),),
                answers={
                    200: ("Progress, one object a line; an error is the last of them.", "Progress"),
                    400: ("No credentials, or not a reference.", "Error"),
                    **unknown,
                },
            ),
            Route(
                "GET",
                "/images/search",
                self._search,
                "Search for images",
                description="`REGISTRY/TERM` searches there, in its index or its catalogue; else docker.io.",
                parameters=(
                    Parameter("term", "Part of a name.", required=True),
                    Parameter("limit", "Results at most: 1 to 100, 25 by default.", "integer"),
                    Parameter("filters", "JSON object: is-official, is-automated, stars."),
                ),
                answers={200: ("Found.", ["Found"]), 400: ("A parameter is wrong.", "Error")},
            ),
            Route(
                "GET",
                "/distribution/{name}/json",
                self._describe,
                "What a registry has under a name, without pulling it",
                slashes=True,
                answers={200: ("", "Distribution"), 400: ("Not a reference.", "Error"), **unknown},
            ),
            Route(
                "POST",
                "/auth",
                self._log_in,
                "Check credentials with a registry",
                body=auth_schema,
                answers={200: ("", "LoggedIn"), 401: ("The registry refuses them.", "Error")},
            ),
        ]

    async def _push(self, call: Call) -> Outcome:
        if call.query.text("platform"):
            raise NotImplementedYet("platform: an image is pushed as it is here, for the platform it was made for")
        credentials = await push_credentials(call)
        images = self._images.to_push(call.name, call.query.text("tag"))
        return await told(call, lambda report: self._images.push(images, credentials, report))

    async def _search(self, call: Call) -> Outcome:
        query = call.query
        term = query.text("term").strip()
        if not term:
            raise InvalidParameter("invalid search: the parameter term is missing")
        limit = query.number("limit", -(1 << 31), 1 << 31) or 25
        if not 1 <= limit <= _MOST_RESULTS:
            raise InvalidParameter(f"limit {limit} is outside the range of [1, 100]")
        filters = Filters.parse(query.text("filters"))
        filters.check(_SEARCH_FILTERS)
        stars = filters.one("stars") or "0"
        if not (stars.isascii() and stars.isdigit()) or len(stars) > 9:
            raise InvalidParameter(f"invalid filter 'stars={stars}'")
        found = await self._images.search(term, limit, decode_auth(call.header(AUTH)))
        for key, name in (("is-official", "is_official"), ("is-automated", "is_automated")):
            if key in filters:
                wanted = filters.flag(key)
                found = [row for row in found if row[name] == wanted]
        return json_reply([row for row in found if row["star_count"] >= int(stars)])

    async def _describe(self, call: Call) -> Outcome:
        found = await self._images.describe(parse_reference(call.name), decode_auth(call.header(AUTH)))
        descriptor = {"mediaType": found.media_type, "digest": found.digest, "size": found.size}
        return json_reply({"Descriptor": descriptor, "Platforms": found.platforms})

    async def _log_in(self, call: Call) -> Outcome:
        auth = read_auth(await call.object())
        await self._images.log_in(auth.serveraddress, credentials_of(asdict(auth)))
        return json_reply({"Status": "Login Succeeded", "IdentityToken": ""})


async def pull(call: Call, engine: Engine) -> Outcome:
    """`POST /images/create?fromImage=…`."""
    query = call.query
    reference = pull_reference(query.text("fromImage"), query.text("tag"))
    all_tags = not reference.tag and not reference.digest
    credentials, platform = decode_auth(call.header(AUTH)), query.text("platform")
    await call.skip_body()
    return await told(call, lambda report: engine.images.pull(reference, all_tags, platform, credentials, report))


def pull_reference(image: str, tag: str) -> Reference:
    """What a pull asks for: name with or without tag or digest, and a tag or digest beside it, which counts more."""
    reference = parse_reference(image.removesuffix(":"))
    if reference.domain == "docker.io" and reference.path == "library/scratch":
        raise Forbidden("'scratch' is a reserved name")
    if not tag:
        return reference
    if is_digest(tag):
        return replace(reference, tag=None, digest=tag)
    if not is_tag(tag):
        raise InvalidParameter("invalid tag format")
    return replace(reference, tag=tag, digest=None)


async def push_credentials(call: Call) -> Credentials:
    """The header, or by an old habit the body; InvalidParameter in Docker's words if there is neither."""
    if header := call.header(AUTH):
        await call.skip_body()
        return decode_auth(header)
    try:
        return credentials_of(await call.object())
    except InvalidParameter as error:
        raise InvalidParameter(f"bad parameters and missing X-Registry-Auth: {error}") from error


async def told(call: Call, work: Work) -> Outcome:
    """Run `work` and stream what it reports. What fails before the first line is an error with its own status."""
    stream: Stream | None = None

    def report(line: dict[str, Any]) -> None:
        nonlocal stream
        if stream is None:
            stream = call.stream(wire.JSON)
        if "progress" in line and stream.behind > _FEWEST_BEHIND:
            return  # a client that reads slowly misses steps of a bar, nothing else
        stream.put(progress_line(line))

    try:
        await work(report)
    except EngineError as error:
        if stream is None:
            raise
        await stream.write(error_line(str(error)))
    return stream if stream is not None else call.stream(wire.JSON)
