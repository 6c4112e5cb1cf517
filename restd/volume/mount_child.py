"""A process of its own that mounts or unmounts what may hang: NFS, CIFS and everything else behind a wire.

    python -I -S -E mount_child.py < REQUEST

The request is JSON on stdin, since options may hold a password: `op` (`mount`, `unmount`), `target`, and for a mount
`device`, `kind`, `flags`, `propagation`, `data`. Exit code 0, or 1 with the reason on stderr. Standard library only.
The same steps for what can't hang are taken in the daemon, by `perform`. Source: mount(2), nfs(5).
"""

from __future__ import annotations

import ctypes
import ipaddress
import json
import os
import re
import socket
import sys
from typing import Any

_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC = 0x1, 0x20, 0x1000, 0x4000
_UMOUNT_NOFOLLOW = 0x8
_NETWORK_KINDS = ("nfs", "cifs")
_PAGE = 4096


def perform(request: dict[str, Any]) -> None:
    """Do what the request says. OSError with a text for people."""
    libc = ctypes.CDLL(None, use_errno=True)
    target = os.fsencode(request["target"])
    if request["op"] == "unmount":
        _check(libc.umount2(target, _UMOUNT_NOFOLLOW), f"unmount {request['target']}")
        return
    data = _with_address(request["kind"], request["device"], request["data"])
    flags, propagation = request["flags"], request["propagation"]
    said = f"mount {request['device']}:{request['target']}"
    said += f", flags: 0x{flags:x}" if flags else ""
    said += f", data: {data}" if data else ""
    if len(os.fsencode(data)) >= _PAGE:
        raise OSError(f"{said[:200]}…: the options do not fit in a page")
    _check(_mount(libc, request["device"], target, request["kind"], flags, data), said)
    try:
        if flags & _MS_BIND and flags & _MS_RDONLY:
            _check(_mount(libc, "", target, "", flags | _MS_REMOUNT, ""), said)
        if propagation:
            _check(_mount(libc, "", target, "", propagation, ""), said)
    except OSError:
        libc.umount2(target, _UMOUNT_NOFOLLOW)
        raise


def _mount(libc: Any, device: str, target: bytes, kind: str, flags: int, data: str) -> int:
    result: int = libc.mount(
        os.fsencode(device), target, os.fsencode(kind), ctypes.c_ulong(flags), os.fsencode(data) or None
    )
    return result


def _check(result: int, said: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        reason = os.strerror(number)
        raise OSError(number, f"{said}: {reason[:1].lower()}{reason[1:]}")


def _with_address(kind: str, device: str, data: str) -> str:
    """`addr=NAME` of the network file systems with the address in place of the name: the kernel resolves nothing."""
    if kind not in _NETWORK_KINDS:
        return data
    match = re.search(r"(?<![^,])addr=([^,]*)", data)
    if match:
        return data[: match.start(1)] + _address(match[1]) + data[match.end(1) :]
    if kind == "cifs" and (server := device.removeprefix("//").partition("/")[0]):
        return f"{data},addr={_address(server)}" if data else f"addr={_address(server)}"
    return data


def _address(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return str(socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as error:
        raise OSError(f"error resolving passed in network volume address: {name}: {error}") from error


def main() -> int:
    """Read the request, do it, say what went wrong."""
    try:
        perform(json.loads(sys.stdin.buffer.read()))
    except OSError as error:
        sys.stderr.write(f"{error.strerror or error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
