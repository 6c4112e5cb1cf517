"""No space left: what can't be done is refused in words, what runs goes on, and space again makes all well."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.calls import Refused
from tests.engine import Engine, run
from tests.wire import split_streams

pytestmark = [pytest.mark.root]


@pytest.fixture
def small(make_engine: Callable[..., Engine], busybox_archive: str) -> Iterator[Engine]:
    """An engine whose data folder is a file system of 32 MiB."""
    engine = make_engine()
    os.mkdir(engine.root_dir, 0o700)
    run("mount", "-t", "tmpfs", "-o", "size=32m,mode=700", "none", engine.root_dir)
    engine.start_daemon()
    engine.load_image(busybox_archive)
    yield engine
    engine.remove_all()
    engine.stop_daemon()
    run("umount", engine.root_dir)


def fill(engine: Engine) -> str:
    """Take every byte that is left; the file's path."""
    path = f"{engine.root_dir}/filler"
    with open(path, "wb", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2
    return path


def test_creation_is_refused_and_leaves_nothing(small: Engine) -> None:
    before = small.get("/containers/json", all=1)
    filler = fill(small)
    with pytest.raises(Refused) as caught:
        for _ in range(40):
            small.create(["true"])
    assert caught.value.reply.status == 500
    assert "no space left" in caught.value.reply.message.lower()
    made = len(small.get("/containers/json", all=1))
    os.unlink(filler)
    assert small.run(["echo", "hi"]).stdout == b"hi\n"
    small.remove_all()
    assert made < 40 and small.get("/containers/json", all=1) == before


def test_a_running_container_and_its_clients_go_on(small: Engine) -> None:
    container = small.running(
        ["sh", "-c", "while read x; do echo got $x; done; exit 3"], OpenStdin=True, StdinOnce=True
    )
    with small.attach(container, stream=1, stdin=1, stdout=1, stderr=1) as wire:
        filler = fill(small)
        for number in range(50):
            word = b"word%d" % number
            wire.send(word + b" " * 2000 + b"\n")
            assert next(wire.frames()) == (1, b"got " + word + b"\n")
        os.unlink(filler)
        wire.half_close()
        assert wire.rest() == b""
    assert small.wait(container) == 3


def test_an_end_on_a_full_disk_is_not_forgotten(small: Engine) -> None:
    container = small.running(["sh", "-c", "read x; exit 7"], OpenStdin=True)
    filler = fill(small)
    with small.attach(container, stream=1, stdin=1) as wire:
        wire.send(b"\n")
    assert small.wait(container) == 7
    assert small.state(container)["ExitCode"] == 7
    small.kill_daemon()
    os.unlink(filler)
    small.start_daemon()
    assert small.state(container)["ExitCode"] == 7


def test_a_load_that_does_not_fit_is_told_and_leaves_nothing(small: Engine, busybox_archive: str) -> None:
    used = os.statvfs(small.root_dir).f_bfree
    filler = fill(small)
    with open(busybox_archive, "rb") as file:
        archive = file.read()
    small.ask("DELETE", "/images/busybox")
    reply = small.ask("POST", "/images/load", archive, {"Content-Type": "application/x-tar"})
    assert reply.status >= 400 or b"errorDetail" in reply.body or b"Loaded image" in reply.body
    os.unlink(filler)
    assert os.statvfs(small.root_dir).f_bfree >= used - 64
    small.load_image(busybox_archive)
    container = small.create(["echo", "hi"])
    with small.attach(container) as wire:
        small.start(container)
        assert split_streams(wire.rest())[0] == b"hi\n"
