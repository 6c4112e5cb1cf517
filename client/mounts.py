"""Mounts as people write them: `-v`, `--mount`, `--tmpfs`, and devices. ValueErrors carry the reason."""

from __future__ import annotations

import os

from client import values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_TYPES = ("bind", "volume", "tmpfs", "image")
_TRUE = ("", "1", "true", "True", "TRUE", "t", "T")
_FALSE = ("0", "false", "False", "FALSE", "f", "F")


def volumes(entries: Iterable[str]) -> tuple[list[str], dict[str, dict[str, str]]]:
    """`-v` values as the engine's Binds and as anonymous Volumes. A source that starts with `.` is made absolute."""
    binds: list[str] = []
    anonymous: dict[str, dict[str, str]] = {}
    for entry in entries:
        parts = entry.split(":")
        if not entry or len(parts) > 3 or (len(parts) > 1 and not (parts[0] and parts[1])):
            raise ValueError(f'invalid volume "{entry}": [SOURCE:]TARGET[:OPTIONS] is wanted')
        if len(parts) == 1:
            if not entry.startswith("/"):
                raise ValueError(f'invalid volume "{entry}": the path in the container must be absolute')
            anonymous[entry] = {}
            continue
        if parts[0].startswith("."):
            parts[0] = os.path.abspath(parts[0])
        binds.append(":".join(parts))
    return binds, anonymous


def tmpfs(entries: Iterable[str]) -> dict[str, str]:
    """`--tmpfs` values: target and mount options."""
    found = {}
    for entry in entries:
        target, _, options = entry.partition(":")
        if not target.startswith("/"):
            raise ValueError(f'invalid tmpfs "{entry}": an absolute path is wanted')
        found[target] = options
    return found


def device(text: str) -> dict[str, str]:
    """`--device`: SOURCE[:TARGET][:rwm]."""
    parts = text.split(":")
    source, target, permissions = parts[0], "", "rwm"
    if len(parts) == 2 and _is_permission(parts[1]):
        permissions = parts[1]
    elif len(parts) in (2, 3):
        target = parts[1]
        permissions = parts[2] if len(parts) == 3 else permissions
    if not source or len(parts) > 3 or not _is_permission(permissions):
        raise ValueError("SOURCE[:TARGET][:rwm] is wanted")
    return {"PathOnHost": source, "PathInContainer": target or source, "CgroupPermissions": permissions}


def mount(text: str) -> dict[str, Any]:
    """`--mount`: `type=bind,src=/a,dst=/b,readonly`; a field with a comma is quoted as in CSV."""
    found: dict[str, Any] = {"Type": "volume"}
    options: dict[str, dict[str, Any]] = {
        "BindOptions": {},
        "VolumeOptions": {},
        "TmpfsOptions": {},
        "ImageOptions": {},
    }
    for field in _fields(text):
        key, equals, value = field.partition("=")
        key = key.strip().lower()
        if not _take_field(found, options, key, value, bool(equals)):
            raise ValueError(f'unexpected field "{field}"' if equals else f'field "{field}" must be KEY=VALUE')
    if not found.get("Target"):
        raise ValueError("a target is wanted")
    kind = found["Type"]
    if kind == "bind" and not found.get("Source"):
        raise ValueError("a bind mount wants a source")
    if kind == "tmpfs" and found.get("Source"):
        raise ValueError("a tmpfs has no source")
    for name, content in options.items():
        if content:
            if name != kind.capitalize() + "Options":
                raise ValueError(f"options of another type than {kind} are not allowed")
            found[name] = content
    return found


def _take_field(found: dict[str, Any], options: dict[str, dict[str, Any]], key: str, value: str, equals: bool) -> bool:
    """Store one field of `--mount`; False if it isn't known."""
    if key in ("readonly", "ro"):
        found["ReadOnly"] = _boolean(key, value)
    elif key == "volume-nocopy":
        options["VolumeOptions"]["NoCopy"] = _boolean(key, value)
    elif key == "bind-nonrecursive":
        options["BindOptions"]["NonRecursive"] = _boolean(key, value)
    elif key == "bind-create-mountpoint":
        options["BindOptions"]["CreateMountpoint"] = _boolean(key, value)
    elif not equals:
        return False
    elif key == "type":
        if value.lower() not in _TYPES:
            raise ValueError(f'unknown mount type "{value}", there are ' + ", ".join(_TYPES))
        found["Type"] = value.lower()
    elif key in ("source", "src"):
        found["Source"] = os.path.abspath(value) if value.startswith(".") else value
    elif key in ("target", "dst", "destination"):
        found["Target"] = value
    elif key == "consistency":
        found["Consistency"] = value
    elif key == "bind-propagation":
        options["BindOptions"]["Propagation"] = value
    elif key == "bind-recursive":
        _recursive(options["BindOptions"], value)
    else:
        return _take_other(options, key, value)
    return True


def _take_other(options: dict[str, dict[str, Any]], key: str, value: str) -> bool:
    """The fields of volumes, tmpfs and images."""
    volume = options["VolumeOptions"]
    if key == "volume-subpath":
        volume["Subpath"] = value
    elif key == "volume-driver":
        volume.setdefault("DriverConfig", {})["Name"] = value
    elif key in ("volume-label", "volume-opt"):
        name, _, content = value.partition("=")
        place = volume if key == "volume-label" else volume.setdefault("DriverConfig", {})
        place.setdefault("Labels" if key == "volume-label" else "Options", {})[name] = content
    elif key == "tmpfs-size":
        options["TmpfsOptions"]["SizeBytes"] = values.size(value)
    elif key == "tmpfs-mode":
        if not value or value.strip("01234567"):
            raise ValueError(f'invalid mode "{value}": an octal number is wanted')
        options["TmpfsOptions"]["Mode"] = int(value, 8)
    elif key == "image-subpath":
        options["ImageOptions"]["Subpath"] = value
    else:
        return False
    return True


def _recursive(options: dict[str, Any], value: str) -> None:
    if value == "disabled":
        options["NonRecursive"] = True
    elif value == "writable":
        options["ReadOnlyNonRecursive"] = True
    elif value == "readonly":
        options["ReadOnlyForceRecursive"] = True
    elif value != "enabled":
        raise ValueError(f'invalid bind-recursive "{value}": enabled, disabled, writable or readonly is wanted')


def _boolean(key: str, value: str) -> bool:
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ValueError(f'invalid value for {key}: "{value}"')


def _is_permission(text: str) -> bool:
    return bool(text) and not text.strip("rwm") and len(set(text)) == len(text)


def _fields(text: str) -> list[str]:
    """The fields of one CSV line; quotes enclose a whole field and are doubled inside it."""
    fields: list[str] = []
    at = 0
    while True:
        if text[at : at + 1] == '"':
            field, at = _quoted(text, at + 1)
        else:
            end = text.find(",", at)
            end = len(text) if end < 0 else end
            field, at = text[at:end], end
            if '"' in field:
                raise ValueError('a quote (") must enclose the whole field')
        fields.append(field)
        if at >= len(text):
            return fields
        if text[at] != ",":
            raise ValueError('a quote (") must enclose the whole field')
        at += 1


def _quoted(text: str, at: int) -> tuple[str, int]:
    field = ""
    while True:
        end = text.find('"', at)
        if end < 0:
            raise ValueError('a quote (") is not closed')
        field += text[at:end]
        if text[end + 1 : end + 2] != '"':
            return field, end + 1
        field += '"'
        at = end + 2
