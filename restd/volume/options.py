"""Names and driver options of volumes: what Docker's local driver takes, in its words. Pure.

`type`, `device` and `o` are those of mount(2), without a mount(8) between: `o` holds flags, which become bits, and
words that the file system itself understands. Source: mount(2); Docker Engine, local driver.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from restd.errors import InvalidParameter, NotFound
from restd.lib import mounts
from restd.model.volume import LOCAL

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", re.ASCII)
_NAME_LIMIT = 255
_OPTIONS = ("type", "o", "device", "size")
_NEEDS = {"device": ("type",), "type": ("device",), "o": ("device", "type")}
_SIZE = re.compile(r"\s*(\d{1,15}(?:\.\d{1,9})?)\s*([kmgtp]?)(i?b)?\s*", re.ASCII | re.IGNORECASE)
_SECRET = re.compile(r"(?<![^,])password=[^,]*")

_FLAGS: dict[str, tuple[bool, int]] = {
    "defaults": (False, 0),
    "ro": (False, mounts.MS_RDONLY),
    "rw": (True, mounts.MS_RDONLY),
    "suid": (True, mounts.MS_NOSUID),
    "nosuid": (False, mounts.MS_NOSUID),
    "dev": (True, mounts.MS_NODEV),
    "nodev": (False, mounts.MS_NODEV),
    "exec": (True, mounts.MS_NOEXEC),
    "noexec": (False, mounts.MS_NOEXEC),
    "sync": (False, mounts.MS_SYNCHRONOUS),
    "async": (True, mounts.MS_SYNCHRONOUS),
    "dirsync": (False, mounts.MS_DIRSYNC),
    "remount": (False, mounts.MS_REMOUNT),
    "mand": (False, mounts.MS_MANDLOCK),
    "nomand": (True, mounts.MS_MANDLOCK),
    "atime": (True, mounts.MS_NOATIME),
    "noatime": (False, mounts.MS_NOATIME),
    "diratime": (True, mounts.MS_NODIRATIME),
    "nodiratime": (False, mounts.MS_NODIRATIME),
    "relatime": (False, mounts.MS_RELATIME),
    "norelatime": (True, mounts.MS_RELATIME),
    "strictatime": (False, mounts.MS_STRICTATIME),
    "nostrictatime": (True, mounts.MS_STRICTATIME),
    "bind": (False, mounts.MS_BIND),
    "rbind": (False, mounts.MS_BIND | mounts.MS_REC),
}
"""Word -> (whether it clears, the bits)."""
_PROPAGATIONS = {
    "unbindable": mounts.MS_UNBINDABLE,
    "private": mounts.MS_PRIVATE,
    "slave": mounts.MS_SLAVE,
    "shared": mounts.MS_SHARED,
}


@dataclass(frozen=True, slots=True)
class Device:
    """What is to be mounted in a volume: the arguments of mount(2). `propagation`: bits for a second call, or 0."""

    device: str
    kind: str
    flags: int
    propagation: int
    data: str

    @property
    def remote(self) -> bool:
        """Whether mounting may have to wait for somebody else: all but what is on this host."""
        return not (self.flags & mounts.MS_BIND or self.kind in ("tmpfs", "ramfs", "none"))

    def shown(self, text: str) -> str:
        """A text about it without a password."""
        secret = _SECRET.search(self.data)
        return text.replace(secret[0], "password=********") if secret else text


def check_driver(name: str, driver: str) -> None:
    """NotFound, in Docker's words, for a driver that there is not: plugins are not supported."""
    if driver not in ("", LOCAL):
        raise NotFound(f'create {name}: error looking up volume plugin {driver}: plugin "{driver}" not found')


def check_name(name: str) -> None:
    """InvalidParameter unless it can be a volume's: two characters at least, and it becomes a folder's name."""
    if len(name) == 1:
        raise InvalidParameter(
            f"create {name}: volume name is too short, names should be at least two alphanumeric characters"
        )
    if not _NAME.fullmatch(name):
        raise InvalidParameter(
            f'create {name}: "{name}" includes invalid characters for a local volume name, only '
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
        )
    if len(name) > _NAME_LIMIT:
        raise InvalidParameter(f"create {name[:32]}…: a volume name has at most {_NAME_LIMIT} characters")


def check_options(name: str, options: Mapping[str, str]) -> None:
    """InvalidParameter for an option that there is not, that lacks another, or that can't be had."""

    def wrong(reason: str) -> InvalidParameter:
        return InvalidParameter(f"create {name}: {reason}")

    for option in options:
        if option not in _OPTIONS:
            raise wrong(f'invalid option: "{option}"')
    for option, needed in _NEEDS.items():
        for other in needed:
            if option in options and other not in options:
                raise wrong(f'missing required option: "{other}"')
    if "size" in options:
        size = _SIZE.fullmatch(options["size"])
        if size is None:
            raise wrong(f"invalid size: '{options['size']}'")
        if float(size[1]):
            raise wrong("quota size requested but no quota support")
    if any("\0" in text for text in options.values()):
        raise wrong("an option can't contain a null byte")


def device_of(options: Mapping[str, str] | None) -> Device | None:
    """What a volume's options ask to be mounted; None if it is a plain folder."""
    if not options or not (options.get("device") or options.get("type")):
        return None
    flags = propagation = 0
    words = []
    for word in options.get("o", "").split(","):
        plain = word.removeprefix("r") if word.removeprefix("r") in _PROPAGATIONS else ""
        if word in _FLAGS:
            clears, bits = _FLAGS[word]
            flags = flags & ~bits if clears else flags | bits
        elif plain:
            propagation |= _PROPAGATIONS[plain] | (mounts.MS_REC if word != plain else 0)
        elif word:
            words.append(word)
    return Device(options.get("device", ""), options.get("type", ""), flags, propagation, ",".join(words))


def check_subpath(subpath: str) -> str:
    """What is wrong with a part of a volume: it must stay inside. Empty if nothing is."""
    if subpath.startswith("/") or ".." in subpath.split("/") or "\0" in subpath:
        return "subpath must be a relative path within the volume"
    return ""
