"""The image configuration: JSON as it came -> model, checked. Pure.

Sources: OCI image spec (config.md) and the Docker image specification v1.2, whose fields OCI leaves out
(`Healthcheck`, `Shell`, `OnBuild`, `ArgsEscaped`, `docker_version`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from restd.errors import InvalidParameter
from restd.lib.times import from_rfc3339
from restd.model.image import HistoryStep, Image, ImageConfig, ImageLayer

_DIGEST = re.compile(r"sha256:[a-f0-9]{64}")
MOST_LAYERS = 127
"""What overlayfs mounts fit into a page of options, and Docker's own limit."""


def parse_json(data: bytes, what: str) -> dict[str, Any]:
    """A JSON object; InvalidParameter naming `what` if it is not one (also for one nested without end)."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidParameter(f"invalid {what}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidParameter(f"invalid {what}: not a JSON object")
    return value


@dataclass(frozen=True, slots=True)
class Fields:
    """Typed reads from a JSON object. Null and absent are the same; a wrong type is InvalidParameter."""

    value: Mapping[str, Any]
    what: str

    def _get(self, key: str, kind: type | tuple[type, ...], shown: str) -> Any:
        found = self.value.get(key)
        if found is not None and not isinstance(found, kind):
            raise InvalidParameter(f"invalid {self.what}: {key} is not {shown}")
        return found

    def text(self, key: str) -> str:
        """A string, empty if absent."""
        return self._get(key, str, "a string") or ""

    def flag(self, key: str) -> bool:
        """A boolean, false if absent."""
        return bool(self._get(key, bool, "a boolean"))

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A list of strings, or None."""
        found = self._get(key, list, "a list")
        if found is None:
            return None
        if not all(isinstance(item, str) for item in found):
            raise InvalidParameter(f"invalid {self.what}: {key} is not a list of strings")
        return tuple(found)

    def object(self, key: str) -> dict[str, Any] | None:
        """A JSON object, or None."""
        found: dict[str, Any] | None = self._get(key, dict, "an object")
        return found

    def objects(self, key: str) -> list[dict[str, Any]]:
        """A list of JSON objects, empty if absent."""
        found = self._get(key, list, "a list") or []
        if not all(isinstance(item, dict) for item in found):
            raise InvalidParameter(f"invalid {self.what}: {key} is not a list of objects")
        return list(found)

    def time(self, key: str) -> int:
        """An RFC 3339 time in nanoseconds; 0 if absent."""
        text = self.text(key)
        try:
            return from_rfc3339(text) if text else 0
        except (ValueError, OverflowError):
            raise InvalidParameter(f"invalid {self.what}: {key} is not a time") from None


def parse_config(value: Mapping[str, Any] | None) -> ImageConfig:
    """The `config` part: what containers made from the image start with."""
    fields = Fields(value or {}, "image configuration")
    labels = fields.object("Labels") or {}
    if not all(isinstance(label, str) for label in labels.values()):
        raise InvalidParameter("invalid image configuration: Labels is not an object of strings")
    return ImageConfig(
        user=fields.text("User"),
        env=fields.texts("Env") or (),
        entrypoint=fields.texts("Entrypoint"),
        cmd=fields.texts("Cmd"),
        working_dir=fields.text("WorkingDir"),
        labels=labels,
        exposed_ports=tuple(fields.object("ExposedPorts") or {}),
        volumes=tuple(fields.object("Volumes") or {}),
        stop_signal=fields.text("StopSignal"),
        healthcheck=fields.object("Healthcheck"),
        shell=fields.texts("Shell"),
        on_build=fields.texts("OnBuild") or (),
        args_escaped=fields.flag("ArgsEscaped"),
    )


def diff_ids(raw: Mapping[str, Any]) -> list[str]:
    """`rootfs.diff_ids`, checked."""
    root_fs = Fields(raw, "image configuration").object("rootfs")
    if root_fs is None:
        raise InvalidParameter("invalid image configuration: no rootfs")
    found = Fields(root_fs, "image configuration").texts("diff_ids") or ()
    if not all(_DIGEST.fullmatch(digest) for digest in found):
        raise InvalidParameter("invalid image configuration: rootfs.diff_ids are not sha256 digests")
    if len(found) > MOST_LAYERS:
        raise InvalidParameter(f"invalid image configuration: more than {MOST_LAYERS} layers")
    return list(found)


def parse_history(raw: Mapping[str, Any]) -> tuple[HistoryStep, ...]:
    """The `history` part, oldest first."""
    steps = []
    for item in Fields(raw, "image configuration").objects("history"):
        fields = Fields(item, "image history")
        steps.append(
            HistoryStep(
                created=fields.time("created"),
                created_by=fields.text("created_by"),
                author=fields.text("author"),
                comment=fields.text("comment"),
                empty=fields.flag("empty_layer"),
            )
        )
    return tuple(steps)


def build_image(
    image_id: str,
    manifest_digest: str,
    raw: Mapping[str, Any],
    layers: tuple[ImageLayer, ...],
    *,
    size: int,
    parent: str = "",
) -> Image:
    """The model of an image without references, from its configuration; InvalidParameter if that is malformed.

    Of the history only the last comment is read: with thousands of images the rest would be most of a start's work.
    """
    fields = Fields(raw, "image configuration")
    steps = fields.objects("history")
    comment = fields.text("comment") or (Fields(steps[-1], "image history").text("comment") if steps else "")
    return Image(
        id=image_id,
        manifest_digest=manifest_digest,
        layers=layers,
        config=parse_config(fields.object("config")),
        raw=raw,
        created=fields.time("created"),
        size=size,
        architecture=fields.text("architecture"),
        variant=fields.text("variant"),
        os=fields.text("os"),
        author=fields.text("author"),
        comment=comment,
        parent=parent,
        docker_version=fields.text("docker_version"),
    )
