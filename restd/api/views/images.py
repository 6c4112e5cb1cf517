"""Images as `inspect`, `list`, `history` and `rmi` show them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from restd.api.versions import Version
from restd.lib.times import to_rfc3339
from restd.model.image import Deleted, GraphDriver, HistoryRow, Image, ImageConfig, Untagged

_SECOND = 1_000_000_000


def config_view(config: ImageConfig, version: Version) -> dict[str, Any]:
    """`Config`: since 1.50 what the OCI image has, before that the shape of a container's with empty values."""
    view: dict[str, Any] = {}
    if version < (1, 50):
        view = {
            "Hostname": "",
            "Domainname": "",
            "User": "",
            "AttachStdin": False,
            "AttachStdout": False,
            "AttachStderr": False,
            "Tty": False,
            "OpenStdin": False,
            "StdinOnce": False,
            "Env": None,
            "Cmd": None,
            "Image": "",
            "Volumes": None,
            "WorkingDir": "",
            "Entrypoint": None,
            "OnBuild": None,
            "Labels": None,
        }
    given: dict[str, Any] = {
        "User": config.user,
        "ExposedPorts": {port: {} for port in config.exposed_ports},
        "Env": list(config.env),
        "Cmd": _words(config.cmd),
        "Healthcheck": config.healthcheck,
        "ArgsEscaped": config.args_escaped,
        "Volumes": {path: {} for path in config.volumes},
        "WorkingDir": config.working_dir,
        "Entrypoint": _words(config.entrypoint),
        "OnBuild": list(config.on_build),
        "Labels": dict(config.labels),
        "StopSignal": config.stop_signal,
        "Shell": _words(config.shell),
    }
    return view | {key: value for key, value in given.items() if value}


def _words(words: tuple[str, ...] | None) -> list[str] | None:
    return None if words is None else list(words)


def inspect_view(image: Image, driver: GraphDriver, version: Version) -> dict[str, Any]:
    """The answer of `GET /images/NAME/json`."""
    view: dict[str, Any] = {
        "Id": image.id,
        "RepoTags": list(image.repo_tags),
        "RepoDigests": list(image.repo_digests),
        "Parent": image.parent,
        "Comment": image.comment,
        "Created": to_rfc3339(image.created),
        "DockerVersion": image.docker_version,
        "Author": image.author,
        "Config": config_view(image.config, version),
        "Architecture": image.architecture,
        "Os": image.os,
        "Size": image.size,
        "GraphDriver": {"Data": dict(driver.data) or None, "Name": driver.name},
        "RootFS": {"Type": "layers", "Layers": list(image.diff_ids)},
        "Metadata": {"LastTagTime": to_rfc3339(image.last_tag_time)},
    }
    if image.variant:
        view["Variant"] = image.variant
    if version < (1, 44):
        view["VirtualSize"] = image.size
    if version < (1, 45):
        view["Container"] = ""
        view["ContainerConfig"] = config_view(ImageConfig(), version)
    return view


def item_view(image: Image, version: Version, containers: int = -1) -> dict[str, Any]:
    """One image of the list."""
    tags, digests = list(image.repo_tags), list(image.repo_digests)
    if version < (1, 43) and not tags:
        tags = ["<none>:<none>"]
        digests = digests or ["<none>@<none>"]
    view: dict[str, Any] = {
        "Id": image.id,
        "ParentId": image.parent,
        "RepoTags": tags,
        "RepoDigests": digests,
        "Created": image.created // _SECOND,
        "Size": image.size,
        "SharedSize": -1,
        "Labels": dict(image.config.labels) or None,
        "Containers": containers,
    }
    if version < (1, 44):
        view["VirtualSize"] = image.size
    return view


def history_view(row: HistoryRow) -> dict[str, Any]:
    """One row of the history."""
    return {
        "Id": row.id,
        "Created": row.created // _SECOND,
        "CreatedBy": row.created_by,
        "Tags": list(row.tags) or None,
        "Size": row.size,
        "Comment": row.comment,
    }


def removal_view(steps: Iterable[Untagged | Deleted]) -> list[dict[str, str]]:
    """What a removal did, in order."""
    return [{"Untagged": step.reference} if isinstance(step, Untagged) else {"Deleted": step.digest} for step in steps]
