"""Containers as `inspect` and `list` show them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from restd.api.versions import Version
from restd.api.views.sandboxes import container_networks, port_rows, settings_view
from restd.container.containers import Leftover
from restd.lib.times import to_rfc3339
from restd.model.container import Container, State, Status
from restd.model.docker_json import to_docker
from restd.model.health import Health
from restd.model.volume import LOCAL, MountPoint

DEFAULT_PROPAGATION = "rprivate"


def inspect_view(
    container: Container,
    execs: Sequence[str],
    graph_driver: dict[str, Any],
    version: Version,
    sizes: tuple[int, int] | None = None,
    leftovers: Sequence[Leftover] = (),
) -> dict[str, Any]:
    """The answer of `GET /containers/ID/json`; `sizes` (SizeRw, SizeRootFs) only if they were asked for.

    `Leftovers`, which Docker doesn't have, is there only while something of the last run can't be cleaned up.
    """
    directory = container.directory
    view: dict[str, Any] = {
        "Id": container.id,
        "Created": to_rfc3339(container.created),
        "Path": container.path,
        "Args": list(container.args),
        "State": state_view(container.state),
        "Image": container.image,
        "ResolvConfPath": f"{directory}/resolv.conf",
        "HostnamePath": f"{directory}/hostname",
        "HostsPath": f"{directory}/hosts",
        "LogPath": container.log_path,
        "Name": f"/{container.name}",
        "RestartCount": container.restart_count,
        "Driver": graph_driver["Name"],
        "Platform": container.platform,
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": list(execs) or None,
        "HostConfig": host_config_view(container, version),
        "GraphDriver": graph_driver,
    }
    if sizes is not None:
        view["SizeRw"], view["SizeRootFs"] = sizes
    view["Mounts"] = mount_views(container)
    view["Config"] = to_docker(container.config)
    view["NetworkSettings"] = settings_view(container, version)
    if leftovers:
        view["Leftovers"] = [leftover_view(left) for left in leftovers]
    return view


def leftover_view(left: Leftover) -> dict[str, Any]:
    """What is being tried again, why, since when, and when next."""
    return {
        "What": left.what,
        "Error": left.error,
        "Since": to_rfc3339(left.since),
        "Attempts": left.attempts,
        "NextAttempt": to_rfc3339(left.next_at),
    }


def host_config_view(container: Container, version: Version) -> dict[str, Any]:
    """`HostConfig`, without what older clients did not know."""
    view: dict[str, Any] = to_docker(container.host_config)
    if version < (1, 43):
        view.pop("Annotations", None)
    if version < (1, 42):
        view.setdefault("KernelMemory", 0)
    return view


def state_view(state: State) -> dict[str, Any]:
    """`State`: a paused or restarting container is `Running` too."""
    view: dict[str, Any] = {
        "Status": state.status.value,
        "Running": state.running,
        "Paused": state.status is Status.PAUSED,
        "Restarting": state.status is Status.RESTARTING,
        "OOMKilled": state.oom_killed,
        "Dead": state.status is Status.DEAD,
        "Pid": state.pid,
        "ExitCode": state.exit_code,
        "Error": state.error,
        "StartedAt": to_rfc3339(state.started_at),
        "FinishedAt": to_rfc3339(state.finished_at),
    }
    if state.health is not None:
        view["Health"] = health_view(state.health)
    return view


def health_view(health: Health) -> dict[str, Any]:
    """`State.Health`: there only for what is, or was, probed."""
    return {
        "Status": health.status.value,
        "FailingStreak": health.failing_streak,
        "Log": [
            {
                "Start": to_rfc3339(result.start),
                "End": to_rfc3339(result.end),
                "ExitCode": result.exit_code,
                "Output": result.output,
            }
            for result in health.log
        ],
    }


def mount_views(container: Container) -> list[dict[str, Any]]:
    """`Mounts`: binds, volumes, and a tmpfs of `Mounts`. `HostConfig.Tmpfs` shows there alone, as in Docker."""
    return sorted((_mount_view(point) for point in container.mounts), key=lambda view: str(view["Destination"]))


def _mount_view(point: MountPoint) -> dict[str, Any]:
    volume = {"Name": point.name, "Driver": LOCAL} if point.type == "volume" else {}
    return {
        "Type": point.type,
        **volume,
        "Source": point.source,
        "Destination": point.target,
        "Mode": point.mode,
        "RW": not point.read_only,
        "Propagation": point.propagation or (DEFAULT_PROPAGATION if point.type == "bind" else ""),
    }


def item_view(
    container: Container, shown_image: str, status: str, version: Version, sizes: tuple[int, int] | None = None
) -> dict[str, Any]:
    """One container of the list. `shown_image`: the user's words, or the id if they mean another image by now."""
    view: dict[str, Any] = {
        "Id": container.id,
        "Names": [f"/{container.name}"],
        "Image": shown_image,
        "ImageID": container.image,
        "Command": command_text(container.path, container.args),
        "Created": container.created // 1_000_000_000,
        "Ports": port_rows(container),
        "Labels": container.config.labels,
        "State": container.state.status.value,
        "Status": status,
        "HostConfig": {"NetworkMode": container.host_config.network_mode},
        "NetworkSettings": {"Networks": container_networks(container, version)},
        "Mounts": mount_views(container),
    }
    if sizes is not None:
        view["SizeRw"], view["SizeRootFs"] = sizes
    return view


def command_text(path: str, args: Sequence[str]) -> str:
    """The command as the list shows it: an argument with a space stands in single quotes."""
    return " ".join([path, *(f"'{argument}'" if " " in argument else argument for argument in args)])


def shown_images(containers: Sequence[Container], means: Callable[[str], str | None]) -> list[str]:
    """What the list shows as `Image` for each; `means` tells the image id that a reference has now, None if none."""
    known: dict[tuple[str, str], str] = {}
    result = []
    for container in containers:
        key = (container.config.image, container.image)
        shown = known.get(key)
        if shown is None:
            shown = key[0] if means(key[0]) == key[1] else key[1]
            known[key] = shown
        result.append(shown)
    return result
