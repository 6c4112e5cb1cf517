"""Volumes as the API shows them."""

from __future__ import annotations

from typing import Any

from restd.lib.times import to_rfc3339
from restd.model.volume import LOCAL, Volume, VolumeUsage

_SECONDS = 19
"""Characters of a time up to its seconds."""


def volume_view(volume: Volume) -> dict[str, Any]:
    """One volume; its time has no fraction, as in Docker."""
    return {
        "CreatedAt": to_rfc3339(volume.created)[:_SECONDS] + "Z",
        "Driver": LOCAL,
        "Labels": volume.labels,
        "Mountpoint": volume.mountpoint,
        "Name": volume.name,
        "Options": volume.options,
        "Scope": "local",
    }


def usage_view(usage: VolumeUsage) -> dict[str, Any]:
    """One volume of `GET /system/df`."""
    return {**volume_view(usage.volume), "UsageData": {"Size": usage.size, "RefCount": usage.references}}
