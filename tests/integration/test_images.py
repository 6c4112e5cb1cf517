"""The image store against the real things: the kernel, GNU tar, Docker's own engine, a crash."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from restd.events import Events
from restd.image.embedded import busybox_archive
from restd.image.store import ImageStore
from tests.conftest import EngineFactory
from tests.engine import REPOSITORY
from tests.unit.restd.image.building import (
    configuration,
    contents,
    docker_archive,
    entry,
    gathered,
    pieces,
    small_image,
    tar,
    with_store,
)
from tests.waiting import wait_until

pytestmark = pytest.mark.root
CONTAINER = "c" * 64
CHANGES = "rm /etc/group; rm -r /var; mkdir /var; echo x >/var/y; mkdir -m 1777 /t; ln /etc/passwd /pw; mkfifo /ff"
ENGINES_OWN = {".", "dev", "dev/console", "dev/pts", "dev/shm", "proc", "sys", "etc", ".dockerenv"}
ENGINES_OWN |= {f"etc/{name}" for name in ("hosts", "hostname", "mtab", "resolv.conf")}

Listing = dict[str, tuple[bytes, int, int, int, int, str]]


def listing(archive: bytes) -> Listing:
    """What is in a root file system: type, mode, owner, time and link of each name."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        for member in members:
            name = os.path.normpath(member.name)
            kind = tarfile.REGTYPE if member.islnk() else member.type
            link = member.linkname if member.issym() else ""
            found[name] = (kind, member.mode & 0o7777, member.uid, member.gid, int(member.mtime), link)
    return {name: value for name, value in found.items() if name not in ENGINES_OWN}


def test_dockers_engine_and_ours_read_each_others_archives_alike(tmp_path: Path, factory: EngineFactory) -> None:
    engine = factory.new(kind="dockerd")

    def docker(*arguments: str, data: bytes = b"") -> bytes:
        command = ["docker", "-H", f"unix://{engine.socket_path}", *arguments]
        return subprocess.run(command, input=data, check=True, capture_output=True, timeout=60).stdout

    async def body(store: ImageStore, _: Events) -> None:
        await store.load(pieces(busybox_archive()))
        assert b"Loaded image: busybox:latest" in docker("load", data=await gathered(store.save(["busybox"])))
        container = docker("create", "--network=none", "busybox", "sh", "-c", CHANGES).decode().strip()
        docker("start", "-a", container)
        docker("commit", "-c", "LABEL a=b", container, "changed")
        loaded = await store.load(pieces(docker("save", "changed")))
        assert [one.name for one in loaded] == ["changed:latest"]
        image = store.resolve("changed")
        assert image.id == docker("inspect", "-f", "{{.Id}}", "changed").decode().strip()
        assert image.config.labels == {"a": "b"}
        store.overlay.create_container_layer(CONTAINER, image.id)
        root = await store.overlay.mount(CONTAINER)
        ours = subprocess.run(["tar", "-C", root, "-cf", "-", "."], check=True, capture_output=True).stdout
        theirs = docker("export", docker("create", "changed").decode().strip())
        assert listing(ours) == listing(theirs)

    try:
        engine.start_daemon()
        with_store(str(tmp_path), body)
    finally:
        factory.close(engine)


def test_the_embedded_image_runs(tmp_path: Path) -> None:
    async def body(store: ImageStore, _: Events) -> None:
        await store.load(pieces(busybox_archive()))
        store.overlay.create_container_layer(CONTAINER, store.resolve("busybox").id)
        root = await store.overlay.mount(CONTAINER)
        command = ["chroot", root, "sh", "-c", "echo hi; id -un; > /tmp/x; rm /etc/group; env true"]
        done = subprocess.run(command, check=True, capture_output=True, env={"PATH": "/bin:/usr/bin:/usr/sbin"})
        assert done.stdout == b"hi\nroot\n"
        assert sorted(os.listdir(store.overlay.upper(CONTAINER))) == ["etc", "tmp"]

    with_store(str(tmp_path), body)


def test_a_tree_that_gnu_tar_packed_comes_out_the_same(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep" / ("d" * 120) / ("e" * 120)).mkdir(parents=True)
    (source / "deep" / ("d" * 120) / ("e" * 120) / "file").write_bytes(os.urandom(100_000))
    (source / "zażółć\n").write_text("name")
    os.setxattr(source / "deep", "user.x", b"\0\xff")
    os.chmod(source / "deep", 0o2751)
    os.utime(source / "deep", ns=(1, 1_234_567_890_123_456_789))
    packed = subprocess.run(
        ["tar", "-C", str(source), "--format=posix", "--xattrs", "--xattrs-include=*", "-cf", "-", "."],
        check=True,
        capture_output=True,
    ).stdout

    async def body(store: ImageStore, _: Events) -> None:
        image = store.resolve(await store.import_(pieces(packed)))
        top = Path(store.graph_driver(image).data["UpperDir"])
        assert subprocess.run(["diff", "-r", str(source), str(top)], capture_output=True).stdout == b""
        status = (top / "deep").stat()
        assert (status.st_mode & 0o7777, status.st_mtime_ns) == (0o2751, 1_234_567_890_123_456_789)
        assert os.getxattr(top / "deep", "user.x") == b"\0\xff"

    (tmp_path / "store").mkdir()
    with_store(str(tmp_path / "store"), body)


LOADER = """
import asyncio, sys
from restd.events import Events
from restd.image.store import ImageStore

async def stream():
    loop = asyncio.get_running_loop()
    while data := await loop.run_in_executor(None, sys.stdin.buffer.read1, 65536):
        yield data

async def main():
    store = ImageStore(sys.argv[1], Events())
    await store.open()
    await store.load(stream())

asyncio.run(main())
"""


def test_a_killed_load_leaves_nothing_after_the_next_start(tmp_path: Path) -> None:
    data = small_image()
    with subprocess.Popen(
        [sys.executable, "-c", LOADER, str(tmp_path)], cwd=REPOSITORY, stdin=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        process.stdin.write(data[:2048])
        process.stdin.flush()
        wait_until(lambda: any("tmp/image-" in name for name in contents(str(tmp_path))), what="the load has begun")
        process.send_signal(signal.SIGKILL)
        process.wait()

    async def body(store: ImageStore, _: Events) -> None:
        assert store.problems == []
        assert contents(str(tmp_path)) == set()
        await store.load(pieces(data))

    with_store(str(tmp_path), body)


def test_a_large_archive_passes_in_constant_memory(tmp_path: Path) -> None:
    def peak(megabytes: int) -> int:
        """The KiB a process takes at most that loads an archive of this size."""
        layer = tar((entry("zeros"), bytes(megabytes << 20)))
        place = tmp_path / str(megabytes)
        place.mkdir()
        program = LOADER + "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        done = subprocess.run(
            [sys.executable, "-c", program, str(place)],
            cwd=REPOSITORY,
            input=docker_archive((configuration([layer]), [layer], ["large"])),
            capture_output=True,
            check=True,
        )
        return int(done.stdout)

    assert peak(80) < peak(8) + (24 << 10)
