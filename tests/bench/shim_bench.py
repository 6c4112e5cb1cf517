"""Figures of the shim alone: births, memory, throughput. `python -m tests.bench.shim_bench`; needs root and runc."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import tempfile
import threading
import time

from shim.protocol import Attach, LogSpec, ProcessSpec
from tests.shim.rig import Peer, Rig, rigged, write_file

MEGABYTE = 1_000_000


def pss(pid: int) -> tuple[int, int]:
    """PSS and private bytes of a process, in KiB."""
    values = {}
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            words = line.split()
            if len(words) == 3:
                values[words[0]] = int(words[1])
    return values["Pss:"], values["Private_Clean:"] + values["Private_Dirty:"]


async def births(rig: Rig) -> None:
    """Birth of a shim whose runtime is `true`-like, and of a real container beside runc alone."""
    times = []
    for number in range(50):
        state = f"{rig.folder}/state/empty-{number}"
        os.makedirs(state)
        began = time.perf_counter()
        await rig.birth(state, ProcessSpec(id="x", runtime=["/nonexistent"], bundle="/"), (), ())
        times.append(time.perf_counter() - began)
    print(f"birth without a runtime: {statistics.median(times) * 1000:.2f} ms")
    ours, alone = [], []
    for _ in range(10):
        began = time.perf_counter()
        container = await rig.create(["true"])
        ours.append(time.perf_counter() - began)
        await container.runtime("delete", "--force")
        name = f"{container.id}-alone"
        began = time.perf_counter()
        with open("/dev/null", "r+") as null:
            subprocess.run(
                [*rig.runtime, "create", "--bundle", container.bundle, name],
                check=True,
                stdin=null,
                stdout=null,
                stderr=null,
            )
        alone.append(time.perf_counter() - began)
        subprocess.run([*rig.runtime, "delete", "--force", name], check=True)
    print(
        f"create through a shim: {statistics.median(ours) * 1000:.1f} ms; "
        f"runc alone: {statistics.median(alone) * 1000:.1f} ms"
    )


async def memory(rig: Rig, count: int = 25) -> None:
    """PSS of `count` shims of running containers."""
    containers = [await rig.create(["sleep", "1000"], stdin=True, log=LogSpec()) for _ in range(count)]
    for container in containers:
        await container.start()
    figures = [pss(container.born.shim_pid) for container in containers if container.born]
    print(
        f"memory of {count} shims: PSS {statistics.mean(f[0] for f in figures):.0f} KiB each, "
        f"private {statistics.mean(f[1] for f in figures):.0f} KiB; nursery PSS {pss(rig.nursery.pid)[0]} KiB"
    )
    for container in containers:
        await container.runtime("delete", "--force")


async def throughput(rig: Rig, name: str, log: str, framed: bool, command: str, size: int, lines: int = 0) -> None:
    """Time from start to the end of the stream for a client that throws everything away."""
    peer = Peer(Attach(stdout=True, stderr=True, framed=framed))
    container = await rig.create(["sh", "-c", command], attaches=[peer], log=LogSpec(driver=log))
    received = 0

    def read() -> None:
        nonlocal received
        buffer = bytearray(1 << 20)
        while count := peer.socket.recv_into(buffer):
            received += count

    reader = threading.Thread(target=read)
    reader.start()
    await container.start()
    began = time.perf_counter()
    await asyncio.to_thread(reader.join)
    seconds = time.perf_counter() - began
    assert received >= size, received
    text = f"{name}: {size / seconds / MEGABYTE:.0f} MB/s"
    if lines:
        text += f", {lines / seconds / 1000:.0f} k lines/s"
    pid = container.born.shim_pid if container.born else 0
    print(text, flush=True)
    await container.ended()
    del pid
    if os.path.exists(container.log):
        os.unlink(container.log)


async def main() -> None:
    """Everything, one after the other."""
    with tempfile.TemporaryDirectory(prefix="shimbench-") as folder:
        async with rigged(folder) as rig:
            await births(rig)
            await memory(rig)
            zero = "dd if=/dev/zero bs=1M count=4096 2>/dev/null"
            await throughput(rig, "attach raw, no log", "none", False, zero, 4096 << 20)
            await throughput(rig, "attach framed, no log", "none", True, zero, 4096 << 20)
            await throughput(
                rig, "attach raw, no log, small writes", "none", False, "yes | head -c 500000000", 500_000_000
            )
            for name, line in (("100", "x" * 99), ("64, escapes", "<>&" + "x" * 60), ("2", "y")):
                lines = (64 << 20) // (len(line) + 1)
                write_file(f"{rig.folder}/rootfs/tmp/lines", f"{line}\n".encode() * lines)
                size = lines * (len(line) + 1)
                rounds = 4 if len(line) > 1 else 1
                command = "for i in" + " x" * rounds + "; do dd if=/tmp/lines bs=1M 2>/dev/null; done"
                await throughput(
                    rig, f"json-file, lines of {name}", "json-file", True, command, size * rounds, lines * rounds
                )


if __name__ == "__main__":
    asyncio.run(main())
