"""Build: images from Dockerfiles, as the classic builder does it."""

from __future__ import annotations

import json
from typing import Any

from restd.api import wire
from restd.api.call import Call, Outcome, json_reply
from restd.api.engine import Engine
from restd.api.schemas.build import read_ulimits
from restd.api.stream import progress_line
from restd.api.table import Parameter, Route
from restd.errors import EngineError, InvalidParameter, NotImplementedYet
from restd.image.archive import parse_platform
from restd.image.build.request import BuildRequest, StepFailed
from restd.image.references import Reference, parse_reference
from restd.image.registry.credentials import decode_auths
from restd.model.container import HostConfig, Ulimit

_INT64 = (1 << 63) - 1


class BuildRoutes:
    """`/build`."""

    def __init__(self, engine: Engine) -> None:
        self._images = engine.images
        self._containers = engine.containers

    def routes(self) -> list[Route]:
        """The operations of this module."""
        return [
            Route(
                "POST",
                "/build",
                self._build,
                "Build an image",
                description="The body is the context: a tar with the Dockerfile in it, compressed or not.",
                parameters=(
                    Parameter("dockerfile", "Where the Dockerfile is in the context."),
                    Parameter("t", "A name for the image.", repeated=True),
                    Parameter("target", "The stage to stop at."),
                    Parameter("buildargs", "JSON object of build arguments."),
                    Parameter("labels", "JSON object of labels."),
                    Parameter("nocache", "Make every step anew.", "boolean"),
                    Parameter("pull", "Pull base images also if they are here.", "boolean"),
                    Parameter("q", "Say nothing but the image's id.", "boolean"),
                    Parameter("rm", "Remove the containers of steps that succeed; true by default.", "boolean"),
                    Parameter("forcerm", "Remove containers of steps that fail too; true by default.", "boolean"),
                    Parameter("platform", "os/arch[/variant]."),
                    Parameter("networkmode", "Network of RUN."),
                    Parameter("extrahosts", "HOST:ADDRESS for RUN.", repeated=True),
                    Parameter("memory", "Bytes.", "integer"),
                    Parameter("memswap", "Bytes of memory and swap; -1 for no limit.", "integer"),
                    Parameter("cpushares", "Weight.", "integer"),
                    Parameter("cpuperiod", "Microseconds.", "integer"),
                    Parameter("cpuquota", "Microseconds.", "integer"),
                    Parameter("cpusetcpus", "Which CPUs."),
                    Parameter("shmsize", "Bytes of /dev/shm.", "integer"),
                    Parameter("ulimits", "JSON list of Ulimit."),
                    Parameter("version", "1; BuildKit (2) is not here."),
                ),
                body="archive",
                answers={
                    200: ("Progress, one object a line; an error is the last of them.", "Progress"),
                    400: ("A parameter is wrong.", "Error"),
                    501: ("The parameter is not carried out.", "Error"),
                },
            ),
            Route(
                "POST",
                "/build/prune",
                self._prune,
                "Remove what builds left behind",
                description="Images of build steps that nothing stands on go with `docker image prune`.",
                answers={200: ("Nothing is kept beside images.", "BuildPruned")},
            ),
            Route(
                "POST",
                "/build/cancel",
                self._cancel,
                "Cancel a build",
                description="A build ends when its client closes the connection.",
                answers={501: ("", "Error")},
            ),
        ]

    async def _build(self, call: Call) -> Outcome:
        request, host_config = _request(call), _host_config(call)
        stream = call.stream(wire.JSON)
        steps = self._containers.steps(host_config)
        try:
            await self._images.build(request, call.chunks(), steps, lambda line: stream.put(progress_line(line)))
        except StepFailed as error:
            detail = {"code": error.code, "message": str(error)}
            await stream.write(progress_line({"errorDetail": detail, "error": str(error)}))
        except EngineError as error:
            await stream.write(progress_line({"errorDetail": {"message": str(error)}, "error": str(error)}))
        return stream

    async def _prune(self, call: Call) -> Outcome:
        await call.skip_body()
        return json_reply({"CachesDeleted": None, "SpaceReclaimed": 0})

    async def _cancel(self, call: Call) -> Outcome:  # noqa: ARG002 - the signature of all handlers
        raise NotImplementedYet("close the connection of the build to cancel it")


def _request(call: Call) -> BuildRequest:
    query = call.query
    if query.text("version") == "2":
        raise NotImplementedYet("BuildKit is not here: build with DOCKER_BUILDKIT=0")
    for name in ("remote", "outputs", "cgroupparent", "isolation"):
        if query.text(name):
            raise NotImplementedYet(f"{name} is not supported by this builder")
    if query.flag("squash"):
        raise NotImplementedYet("squash is not supported by this builder")
    if query.text("cachefrom") not in ("", "null", "[]"):
        raise NotImplementedYet("cachefrom: this builder's cache is the images of its own steps")
    platform = query.text("platform")
    return BuildRequest(
        dockerfile=query.text("dockerfile") or "Dockerfile",
        tags=read_tags(query.all_of("t")),
        target=query.text("target"),
        arguments=read_strings(query.text("buildargs"), "buildargs", nulls=True),
        labels=read_strings(query.text("labels"), "labels"),
        cache=not query.flag("nocache"),
        pull=query.flag("pull"),
        keep=not query.flag("rm", default=True),
        keep_failed=not query.flag("forcerm", default=True),
        quiet=query.flag("q"),
        platform=parse_platform(platform) if platform else None,
        credentials=decode_auths(call.header("X-Registry-Config")),
    )


def read_tags(names: list[str]) -> tuple[Reference, ...]:
    """The names for the image, each once. InvalidParameter if one is none."""
    found = []
    for name in names:
        if not name:
            continue
        reference = parse_reference(name)
        if reference.digest:
            raise InvalidParameter("build tag cannot contain a digest")
        found.append(reference.with_default_tag())
    return tuple(dict.fromkeys(found))


def read_strings(text: str, name: str, *, nulls: bool = False) -> dict[str, Any]:
    """A JSON object of strings; InvalidParameter names the parameter."""
    if not text:
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidParameter(f"invalid value for {name}: not JSON: {error}") from None
    if value is None:
        return {}
    kinds = (str, type(None)) if nulls else (str,)
    if not isinstance(value, dict) or not all(isinstance(item, kinds) for item in value.values()):
        raise InvalidParameter(f"invalid value for {name}: a JSON object of strings is expected")
    return value


def _host_config(call: Call) -> HostConfig:
    query = call.query

    def number(name: str, low: int = 0) -> int:
        return query.number(name, low, _INT64) or 0

    ulimits: tuple[Ulimit, ...] | None = None
    if text := query.text("ulimits"):
        ulimits = tuple(Ulimit(one.name, one.hard, one.soft) for one in read_ulimits(text))
    hosts = [host for entry in query.all_of("extrahosts") for host in entry.split(",") if host]
    return HostConfig(
        network_mode=query.text("networkmode"),
        extra_hosts=tuple(hosts) or None,
        memory=number("memory"),
        memory_swap=number("memswap", -1),
        cpu_shares=number("cpushares"),
        cpu_period=number("cpuperiod"),
        cpu_quota=number("cpuquota"),
        cpuset_cpus=query.text("cpusetcpus"),
        shm_size=number("shmsize"),
        ulimits=ulimits,
    )
