"""A busybox image made from the distribution's static binary: for `make hello` and for tests, without a registry.

    python -m restd.image.embedded OUT.tar [--tag busybox:latest] [--busybox /bin/busybox]

The same binary gives the same bytes, so the same image id.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator

from restd.image.archive import host_platform
from restd.image.references import parse_reference

_ACCOUNTS = """\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
sync:x:4:100:sync:/bin:/bin/sync
mail:x:8:8:mail:/var/spool/mail:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
operator:x:37:37:Operator:/var:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
"""
_GROUP = """\
root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
disk:x:6:
mail:x:8:
utmp:x:43:
staff:x:50:
www-data:x:33:
users:x:100:
nogroup:x:65534:
"""
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CREATED = "2025-01-01T00:00:00Z"
_DIRECTORIES = {
    "bin": 0o755, "dev": 0o755, "etc": 0o755, "home": 0o755, "lib": 0o755, "proc": 0o555, "root": 0o700, "run": 0o755,
    "sbin": 0o755, "sys": 0o555, "tmp": 0o1777, "usr": 0o755, "usr/bin": 0o755, "usr/sbin": 0o755, "var": 0o755,
    "var/spool": 0o755, "var/spool/mail": 0o755, "var/tmp": 0o1777, "var/www": 0o755,
}  # fmt: skip


def applets(busybox: str) -> list[str]:
    """The commands that a busybox binary has, sorted."""
    done = subprocess.run([busybox, "--list"], capture_output=True, check=True, timeout=10, text=True)
    return sorted({name for name in done.stdout.split() if name and "/" not in name} - {"busybox"})


def _member(name: str, mode: int, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode, info.type, info.size, info.linkname, info.mtime = mode, kind, size, link, 0
    return info


def _layer_members(binary: bytes, commands: list[str]) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    for name, mode in _DIRECTORIES.items():
        yield _member(name, mode, tarfile.DIRTYPE), b""
    files = {
        "bin/busybox": (0o755, binary),
        "etc/passwd": (0o644, _ACCOUNTS.encode()),
        "etc/group": (0o644, _GROUP.encode()),
    }
    files["etc/nsswitch.conf"] = (0o644, b"passwd: files\ngroup: files\nhosts: files dns\n")
    files["etc/shadow"] = (0o600, b"root:*:::::::\nnobody:*:::::::\n")
    for name, (mode, data) in files.items():
        yield _member(name, mode, size=len(data)), data
    for command in commands:
        yield _member(f"bin/{command}", 0o777, tarfile.SYMTYPE, link="busybox"), b""
    # Interpreter lines of scripts name this path.
    yield _member("usr/bin/env", 0o777, tarfile.SYMTYPE, link="../../bin/busybox"), b""


def _tar(members: Iterator[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def busybox_archive(tag: str = "busybox:latest", busybox: str = "/bin/busybox") -> bytes:
    """A docker-archive with one image of one layer. InvalidParameter for a bad tag, OSError without the binary."""
    with open(busybox, "rb") as file:
        binary = file.read()
    layer = _tar(_layer_members(binary, applets(busybox)))
    diff_id = "sha256:" + hashlib.sha256(layer).hexdigest()
    here = host_platform()
    config = {
        "architecture": here.architecture,
        "config": {"Cmd": ["sh"], "Env": [_PATH]},
        "created": _CREATED,
        "history": [{"created": _CREATED, "created_by": "busybox-static"}],
        "os": here.os,
        "rootfs": {"diff_ids": [diff_id], "type": "layers"},
    }
    if here.variant:
        config["variant"] = here.variant
    config_bytes = json.dumps(config, separators=(",", ":")).encode()
    config_name = hashlib.sha256(config_bytes).hexdigest() + ".json"
    layer_name = diff_id.removeprefix("sha256:") + "/layer.tar"
    name = parse_reference(tag).with_default_tag().familiar
    manifest = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": [layer_name]}]).encode()
    return _tar(
        (_member(name, 0o644, size=len(data)), data)
        for name, data in ((layer_name, layer), (config_name, config_bytes), ("manifest.json", manifest))
    )


def main(arguments: list[str] | None = None) -> int:
    """Write the archive to a file."""
    parser = argparse.ArgumentParser(prog="python -m restd.image.embedded", description=__doc__)
    parser.add_argument("out", metavar="OUT.tar")
    parser.add_argument("--tag", default="busybox:latest")
    parser.add_argument("--busybox", default="/bin/busybox")
    options = parser.parse_args(arguments)
    data = busybox_archive(options.tag, options.busybox)
    with open(options.out, "wb") as file:
        file.write(data)
    print(f"{os.path.abspath(options.out)}: {len(data)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
