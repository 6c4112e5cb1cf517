"""What the shim's tests stand on: a busybox bundle, a real runtime, a nursery, and plain clients."""

from __future__ import annotations

import asyncio
import calendar
import contextlib
import functools
import inspect
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from restd.runtime.nursery import Nursery, ShimLink
from shim import frames, protocol
from shim.protocol import Attach, Born, ExitRecord, LogSpec, ProcessSpec, Wait

LIMIT = 20.0
"""Seconds that anything in these tests may take."""
_APPLETS = ("sh", "cat", "sleep", "echo", "yes", "dd", "stty", "head", "seq", "true", "tr", "kill", "env", "setsid")


def busybox_root(folder: str) -> str:
    """A root file system of the static busybox, made once a folder."""
    root = f"{folder}/rootfs"
    if not os.path.isdir(root):
        for name in ("bin", "proc", "sys", "dev", "tmp", "etc"):
            os.makedirs(f"{root}/{name}")
        shutil.copy("/bin/busybox", f"{root}/bin/busybox")
        for applet in _APPLETS:
            os.symlink("busybox", f"{root}/bin/{applet}")
        with open(f"{root}/etc/plain", "w") as file:
            file.write("not a program\n")
    return root


def runtime_spec(root: str, arguments: Sequence[str], *, tty: bool, cgroup: str, memory: int) -> dict[str, Any]:
    """A small OCI spec: own pid, mount, uts and ipc namespaces; no network of its own to keep tests quick."""
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": tty,
            "user": {"uid": 0, "gid": 0},
            "args": list(arguments),
            "env": ["PATH=/bin", "TERM=xterm"],
            "cwd": "/",
        },
        "root": {"path": root, "readonly": False},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
            {
                "destination": "/dev/pts",
                "type": "devpts",
                "source": "devpts",
                "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
            },
        ],
        "linux": {
            "cgroupsPath": cgroup,
            "namespaces": [{"type": kind} for kind in ("pid", "mount", "uts", "ipc")],
            "resources": {"memory": {"limit": memory, "swap": memory}} if memory else {},
        },
    }


class Peer:
    """A client's end of a handed-over connection, blocking with a time limit."""

    def __init__(self, attach: Attach) -> None:
        self.attach = attach
        self.socket, self.theirs = socket.socketpair()
        self.socket.settimeout(LIMIT)
        self._rest = b""

    def handed(self) -> None:
        """The shim has a copy of the other end: close ours, so that its end is the end."""
        self.theirs.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def half_close(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.socket.close()
        self.theirs.close()

    def read_until(self, wanted: bytes) -> bytes:
        """Raw bytes up to and with `wanted`; fails when the stream ends before."""
        data = b""
        while wanted not in data:
            piece = self.socket.recv(65536)
            assert piece, f"the stream ended, with {data[-200:]!r}"
            data += piece
        return data

    def read_into(self, received: bytearray) -> None:
        """Append what comes to `received`, to the end of the stream."""
        while piece := self.socket.recv(1 << 16):
            received += piece

    def read_all(self) -> bytes:
        """Raw bytes to the end of the stream."""
        pieces = []
        while piece := self.socket.recv(1 << 20):
            pieces.append(piece)
        return b"".join(pieces)

    def read_streams(self) -> dict[int, bytes]:
        """The payloads of each stream, to the end; fails on a torn or an empty frame."""
        return payloads(self.read_all())


def payloads(data: bytes) -> dict[int, bytes]:
    """The payloads of each stream in whole frames; fails on a torn or an empty frame."""
    found, rest = frames.parse(data)
    assert rest == b"", "a torn frame"
    assert all(payload for _, payload in found), "an empty frame"
    return {stream: b"".join(part for kind, part in found if kind == stream) for stream in {kind for kind, _ in found}}


@dataclass
class Container:
    """One container under test. Make it with `Rig.create`."""

    rig: Rig
    id: str
    state: str
    bundle: str
    spec: ProcessSpec
    born: Born | None = None
    link: ShimLink | None = None
    execs: list[str] = field(default_factory=list)

    @property
    def log(self) -> str:
        return f"{self.bundle}/console.log"

    async def runtime(self, *verb: str) -> None:
        process = await asyncio.create_subprocess_exec(*self.spec.runtime, *verb, self.id)
        async with asyncio.timeout(LIMIT):
            assert await process.wait() == 0

    async def start(self) -> None:
        await self.runtime("start")

    async def attach(self, peer: Peer) -> Peer:
        """Hand the peer's connection over to the living shim."""
        assert self.link is not None
        await self.link.request(protocol.OP_ATTACH, protocol_fields(peer.attach), peer.theirs.fileno())
        peer.handed()
        return peer

    async def exited(self) -> ExitRecord:
        """Wait for the news of the exit."""
        assert self.link is not None
        async with asyncio.timeout(LIMIT):
            async for news in self.link.news():
                if news.what == "exit":
                    record = self.link.read_exit_record()
                    assert record is not None
                    return record
        raise AssertionError("the shim ended without telling of an exit")

    async def ended(self) -> None:
        """Wait until the shim itself is gone."""
        assert self.link is not None
        link = self.link
        await until(lambda: not link.alive())

    def messages(self) -> list[dict[str, str]]:
        return messages_in(self.log)

    def logged(self, stream: str = "stdout") -> str:
        return "".join(message["log"] for message in self.messages() if message["stream"] == stream)


def messages_in(path: str) -> list[dict[str, str]]:
    """A file's JSON lines."""
    with open(path) as file:
        return [json.loads(line) for line in file]


def logged_at(text: str) -> int:
    """A message's time in nanoseconds since the epoch."""
    moment, _, fraction = text.removesuffix("Z").partition(".")
    return calendar.timegm(time.strptime(moment, "%Y-%m-%dT%H:%M:%S")) * 10**9 + int(fraction)


def write_file(path: str, data: bytes) -> None:
    """Make a file."""
    with open(path, "wb") as file:
        file.write(data)


def protocol_fields(message: Any) -> dict[str, Any]:
    """A message's fields for `ShimLink.request`."""
    fields = json.loads(protocol.encode(message))
    assert isinstance(fields, dict)
    return fields


async def until(condition: Callable[[], bool], limit: float = LIMIT) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.005)


class Rig:
    """A nursery and the containers made with it, in one temporary folder."""

    def __init__(self, folder: str, runtime: str = "runc") -> None:
        self.folder = folder
        self.nursery = Nursery(folder)
        self.runtime = [f"/usr/bin/{runtime}" if os.path.exists(f"/usr/bin/{runtime}") else shutil.which(runtime) or ""]
        self.runtime += ["--root", f"{folder}/runtime"]
        self.containers: list[Container] = []
        self._peers: list[Peer] = []
        self._shims: list[int] = []
        self._name = os.path.basename(folder)

    def peer(self, attach: Attach) -> Peer:
        """A client for `attach`, closed with the rig."""
        peer = Peer(attach)
        self._peers.append(peer)
        return peer

    async def create(
        self,
        arguments: Sequence[str],
        *,
        attaches: Sequence[Peer] = (),
        waits: Sequence[tuple[Wait, Peer]] = (),
        log: LogSpec | None = None,
        tty: bool = False,
        memory: int = 0,
        expect_failure: bool = False,
        keep_log_path: bool = False,
        **options: Any,
    ) -> Container:
        """A created container; its peers are attached. `log`: its path is set here."""
        name = f"{self._name}-{len(self.containers)}"
        bundle, state = f"{self.folder}/{name}", f"{self.folder}/state/{name}"
        os.makedirs(bundle)
        os.makedirs(state, 0o700)
        root = busybox_root(self.folder)
        oci = runtime_spec(root, arguments, tty=tty, cgroup=f"/{name}", memory=memory)
        write_file(f"{bundle}/config.json", json.dumps(oci).encode())
        spec = ProcessSpec(id=name, runtime=self.runtime, bundle=bundle, tty=tty, **options)
        container = Container(self, name, state, bundle, spec)
        wanted = log or LogSpec()
        container.spec = spec = replace(spec, log=wanted if keep_log_path else replace(wanted, path=container.log))
        if not keep_log_path:
            write_file(container.log, b"")
        self.containers.append(container)
        container.born, container.link = await self.birth(state, spec, attaches, waits)
        assert container.born.ok is not expect_failure, container.born
        return container

    async def exec(
        self, container: Container, arguments: Sequence[str], *, attaches: Sequence[Peer] = (), **options: Any
    ) -> Container:
        """An exec in a running container, as a Container of its own (sharing the id)."""
        exec_id = f"exec{len(container.execs)}"
        container.execs.append(exec_id)
        state = f"{container.state}/exec/{exec_id}"
        os.makedirs(state, 0o700)
        process = {"args": list(arguments), "env": ["PATH=/bin"], "cwd": "/", "user": {"uid": 0, "gid": 0}}
        spec = ProcessSpec(
            id=container.id,
            runtime=self.runtime,
            bundle="",
            exec_id=exec_id,
            process=process,
            watch_oom=False,
            **options,
        )
        made = Container(self, container.id, state, container.bundle, spec)
        made.born, made.link = await self.birth(state, spec, attaches, ())
        return made

    async def birth(
        self, state: str, spec: ProcessSpec, attaches: Sequence[Peer], waits: Sequence[tuple[Wait, Peer]]
    ) -> tuple[Born, ShimLink]:
        write_file(f"{state}/{protocol.PROCESS_FILE}", protocol.encode(spec))
        peers = [*attaches, *(peer for _, peer in waits)]
        answer = await self.nursery.birth(
            state,
            [peer.attach for peer in attaches],
            [wait for wait, _ in waits],
            [peer.theirs.fileno() for peer in peers],
            LIMIT,
        )
        for peer in peers:
            peer.handed()
        self._shims.append(answer[0].shim_pid)
        return answer

    async def close(self) -> None:
        """Leave nothing behind: containers, shims, cgroups."""
        for peer in self._peers:
            peer.close()
        for container in self.containers:
            command = [*container.spec.runtime, "delete", "--force", container.id]
            deletion = await asyncio.create_subprocess_exec(
                *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
            )
            await deletion.wait()
        for container in self.containers:
            shutil.rmtree(container.state, ignore_errors=True)
        for pid in self._shims:
            await until(lambda pid=pid: not is_shim(pid), 4.0)  # type: ignore[misc]  # bound at once
        await self.nursery.close()


def is_shim(pid: int) -> bool:
    """Whether the process still is a shim."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().startswith(b"isula-rest-shim")
    except OSError:
        return False


@contextlib.asynccontextmanager
async def rigged(folder: str, runtime: str = "runc") -> AsyncIterator[Rig]:
    """A rig with its nursery started."""
    rig = Rig(folder, runtime)
    await rig.nursery.start()
    try:
        yield rig
    finally:
        await rig.close()


Scenario = Callable[..., Coroutine[Any, Any, None]]


def scenario(test: Scenario) -> Any:
    """Make a test of a coroutine function that takes a `Rig`; further arguments are fixtures and parameters."""

    @functools.wraps(test)
    def run(**arguments: Any) -> None:
        async def main() -> None:
            with tempfile.TemporaryDirectory(prefix="shimtest-") as folder:
                async with rigged(folder, arguments.get("runtime", "runc")) as rig, asyncio.timeout(3 * LIMIT):
                    await test(rig=rig, **arguments)

        asyncio.run(main())

    parameters = [parameter for name, parameter in inspect.signature(test).parameters.items() if name != "rig"]
    del run.__dict__["__wrapped__"]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what pytest reads
    return pytest.mark.root(run)
