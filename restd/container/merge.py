"""What a container takes from its image: Docker's rules for each field, pure.

`Entrypoint`: absent takes the image's, with the image's `Cmd` if none is given either; `[]` or a list replaces it and
drops the image's `Cmd`; `[""]` clears it. `Env`: the image's values unless the same key is given, and `FOO` without
`=` removes one. `Labels`, `ExposedPorts`, `Volumes` are unions. `User`, `WorkingDir`, `StopSignal` fall back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from restd.errors import InvalidParameter
from restd.model.container import Config, Strings
from restd.model.docker_json import from_docker
from restd.model.health import Healthcheck
from restd.model.image import ImageConfig


def merged(config: Config, image: ImageConfig) -> Config:
    """The request's `config` with the image's defaults."""
    entrypoint, cmd = command(config, image)
    return replace(
        config,
        entrypoint=entrypoint,
        cmd=cmd,
        env=environment(config.env, image.env),
        user=config.user or image.user,
        working_dir=config.working_dir or image.working_dir,
        stop_signal=config.stop_signal or image.stop_signal,
        labels={**image.labels, **config.labels},
        exposed_ports=_union(config.exposed_ports, image.exposed_ports),
        volumes=_union(config.volumes, image.volumes),
        healthcheck=_healthcheck(config.healthcheck, image.healthcheck),
        shell=config.shell or image.shell,
    )


def command(config: Config, image: ImageConfig) -> tuple[Strings | None, Strings | None]:
    """(Entrypoint, Cmd) of the container."""
    entrypoint, cmd = config.entrypoint, config.cmd
    if entrypoint is None:
        if not cmd:
            cmd = image.cmd
        entrypoint = image.entrypoint
    elif entrypoint == ("",):
        entrypoint = None
    return entrypoint, cmd


def environment(own: Strings, image: Strings) -> Strings:
    """The container's own entries first, then the image's that it doesn't name."""
    given = {entry.partition("=")[0] for entry in own}
    kept = [entry for entry in image if entry.partition("=")[0] not in given]
    return (*own, *kept)


def _union(own: Mapping[str, Any] | None, image: Strings) -> dict[str, Any] | None:
    if own is None and not image:
        return None
    return {**{key: {} for key in image}, **(own or {})}


def _healthcheck(own: Healthcheck | None, image: Mapping[str, Any] | None) -> Healthcheck | None:
    """Field by field: what the request leaves at its zero comes from the image."""
    if not image:
        return own
    try:
        theirs = from_docker(Healthcheck, dict(image))
    except TypeError as error:
        raise InvalidParameter(f"the image's Healthcheck can't be read: {error}") from error
    if own is None:
        return theirs
    names = ("interval", "timeout", "start_period", "start_interval", "retries")
    return replace(
        own,
        test=own.test or theirs.test,
        **{name: getattr(own, name) or getattr(theirs, name) for name in names},
    )
