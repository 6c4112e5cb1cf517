import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from restd.config import Config
from restd.container import exec as exec_verb
from restd.container.exec import Execs
from restd.container.registry import Entry, Registry
from restd.errors import Conflict, InvalidParameter, NotFound, SystemFailure
from restd.lib.host import Host
from restd.model.container import Container, ExecConfig, Status
from restd.runtime.base import Handed, RuntimeFailure, Started
from shim.protocol import EXIT_RECORD, OP_RESIZE, PROCESS_FILE, ExitRecord, News, ProcessSpec, encode
from tests.unit.restd.container.clients import Announced, Client, Heads, Place, Shim, container, until

LS = ExecConfig(("ls", "-l"), attach_stdout=True)


class Runtime:
    """Stands for the runtime: an exec's shim is born, or is not."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.born: list[tuple[ProcessSpec, Handed]] = []
        self.shims: list[Shim] = []
        self.meanwhile: Callable[[str], None] = lambda folder: None

    def of(self, _: Container) -> "Runtime":
        return self

    async def exec(self, box: Container, exec_id: str, process: ProcessSpec, handed: Handed) -> Started:
        folder = f"{box.run_directory}/exec/{exec_id}"
        self.meanwhile(folder)
        if self.failure is not None:
            raise self.failure
        self.born.append((process, handed))
        for descriptor in handed.descriptors:
            os.write(descriptor, b"<shim>")
        shim = Shim(state=folder)
        self.shims.append(shim)
        return Started(77, shim)  # type: ignore[arg-type]  # stands for a link


class Images:
    """Stands for the image store: a root file system with nothing in it."""

    def __init__(self, rootfs: Path) -> None:
        self._rootfs = rootfs
        self.overlay = self

    async def mount(self, _: str) -> str:
        return str(self._rootfs)


class Setting:
    """Execs of one running container."""

    def __init__(self, folder: Path) -> None:
        self.place = Place()
        self.runtime = Runtime()
        self.announced: Announced = self.place.announced
        self.registry = Registry()
        box = container(Status.RUNNING, run_directory=str(folder / "run"))
        self.entry = Entry(replace(box, state=replace(box.state, pid=os.getpid())))  # any process that lives
        self.registry.add(self.entry)
        self.execs = self.another()

    def another(self) -> Execs:
        images: Any = Images(Path("/nowhere"))
        runtimes: Any = self.runtime
        announcer: Any = self.announced
        return Execs(Config(), Host(), self.registry, images, runtimes, announcer, self.place.tasks)

    def folder(self, exec_id: str) -> str:
        return f"{self.entry.container.run_directory}/exec/{exec_id}"

    def record(self, exec_id: str, code: int | None) -> None:
        Path(self.folder(exec_id), EXIT_RECORD).write_bytes(encode(ExitRecord(code, 1)))
        for shim in self.runtime.shims:
            shim.record = ExitRecord(code, 1)

    async def start(self, exec_id: str, client: Client | None = None, **more: Any) -> None:
        options = {"detach": client is None, "tty": False, "console_size": None, **more}
        await self.execs.start(exec_id, connection=client, heads=Heads(), **options)


def play(folder: Path, scene: Callable[[Setting], Awaitable[None]]) -> Setting:
    async def scenario() -> Setting:
        setting = Setting(folder)
        try:
            async with asyncio.timeout(10):
                await scene(setting)
        finally:
            await setting.place.close()
        return setting

    return asyncio.run(scenario())


def test_an_exec_is_known_from_its_creation_on(tmp_path: Path) -> None:
    async def scene(on: Setting) -> None:
        exec_id = await on.execs.create(on.entry, LS)
        found = on.execs.inspect(exec_id)
        assert (found.running, found.exit_code, found.container) == (False, None, on.entry.container.id)
        assert on.announced.actions == ["exec_create: ls -l"]

    play(tmp_path, scene)


def test_the_shim_gets_the_connection_and_the_exit_code_is_read_from_its_record(tmp_path: Path) -> None:
    async def scene(on: Setting) -> None:
        client = Client(b"early")
        exec_id = await on.execs.create(on.entry, LS)
        await on.start(exec_id, client)
        process, handed = on.runtime.born[0]
        assert process.process is not None
        assert process.process["args"] == ["ls", "-l"]
        assert handed.attaches[0].head == "<101 framed>"
        assert client.rest() == b"<shim>"
        assert client.released
        assert on.execs.running(on.entry) == [exec_id]
        assert on.execs.inspect(exec_id).pid == 77
        on.record(exec_id, 3)
        found = on.execs.inspect(exec_id)
        assert (found.running, found.exit_code, found.pid) == (False, 3, 0), "before the shim has told anybody"
        assert on.execs.running(on.entry) == []
        client.close()

    setting = play(tmp_path, scene)
    assert setting.announced.actions[1:] == ["exec_start: ls -l", "exec_die"]


def test_the_news_of_the_end_is_enough_too(tmp_path: Path) -> None:
    async def scene(on: Setting) -> None:
        exec_id = await on.execs.create(on.entry, LS)
        await on.start(exec_id)
        on.record(exec_id, 0)
        on.runtime.shims[0].tell.put_nowait(News("exit"))
        await until(lambda: "exec_die" in on.announced.actions)

    play(tmp_path, scene)


def test_an_exec_that_ends_during_its_start_is_not_running_afterwards(tmp_path: Path) -> None:
    async def scene(on: Setting) -> None:
        exec_id = await on.execs.create(on.entry, LS)

        def ends(folder: str) -> None:
            Path(folder, EXIT_RECORD).write_bytes(encode(ExitRecord(4, 1)))
            assert on.execs.inspect(exec_id).exit_code == 4, "a client has seen the end of the stream by now"

        on.runtime.meanwhile = ends
        await on.start(exec_id)
        assert on.execs.inspect(exec_id).exit_code == 4
        assert not on.execs.inspect(exec_id).running

    play(tmp_path, scene)


@pytest.mark.parametrize(("kind", "code"), [("not-found", 127), ("not-executable", 126), ("runtime", 128)])
def test_what_can_not_be_run_has_an_exit_code_and_its_reason_in_the_stream(
    tmp_path: Path, kind: str, code: int
) -> None:
    async def scene(on: Setting) -> None:
        on.runtime.failure = RuntimeFailure("no such thing", kind)
        client = Client()
        exec_id = await on.execs.create(on.entry, LS)
        await on.start(exec_id, client)
        assert client.released, "the shim has answered"
        assert on.execs.inspect(exec_id).exit_code == code
        detached = await on.execs.create(on.entry, LS)
        with pytest.raises((InvalidParameter, SystemFailure), match="OCI runtime exec failed: no such thing"):
            await on.start(detached)
        client.close()

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("exec failed: cannot exec in a stopped container", "is not running"),
        ("container does not exist", "is not running"),
        ("cannot exec in a paused container (use --ignore-paused to override)", "is paused"),
        ("the container `box` is paused", "is paused"),
    ],
)
def test_a_detached_start_in_a_container_that_moves_just_then_is_a_conflict(
    tmp_path: Path, said: str, text: str
) -> None:
    async def scene(on: Setting) -> None:
        exec_id = await on.execs.create(on.entry, LS)
        on.runtime.failure = RuntimeFailure(said)
        with pytest.raises(Conflict, match=text):
            await on.start(exec_id)
        assert not on.execs.inspect(exec_id).running

    play(tmp_path, scene)


def test_a_detached_start_that_fails_for_the_containers_end_is_a_conflict(tmp_path: Path) -> None:
    async def scene(on: Setting) -> None:
        exec_id = await on.execs.create(on.entry, LS)
        on.runtime.failure = RuntimeFailure("error executing setns process: exit status 1")
        on.entry.container = replace(on.entry.container, state=replace(on.entry.container.state, pid=4_000_001))
        with pytest.raises(Conflict, match="is not running"):
            await on.start(exec_id)

    play(tmp_path, scene)


def test_no_shim_at_all_leaves_the_connection_to_the_door(tmp_path: Path) -> None:
    async def scene(on: Setting) -> None:
        on.runtime.failure = SystemFailure("the nursery dies")
        client = Client()
        exec_id = await on.execs.create(on.entry, LS)
        with pytest.raises(SystemFailure):
            await on.start(exec_id, client)
        assert not client.released
        assert not on.execs.inspect(exec_id).running
        client.close()

    play(tmp_path, scene)


def test_it_runs_once(tmp_path: Path) -> None:
    async def scene(on: Setting) -> None:
        exec_id = await on.execs.create(on.entry, LS)
        await on.start(exec_id)
        with pytest.raises(Conflict, match="already running"):
            await on.start(exec_id)
        on.record(exec_id, 0)
        with pytest.raises(Conflict, match="has already run"):
            await on.start(exec_id)

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("status", "text"),
    [(Status.EXITED, "is not running"), (Status.PAUSED, "is paused"), (Status.RESTARTING, "restarting")],
)
def test_only_a_running_container_can_have_one(tmp_path: Path, status: Status, text: str) -> None:
    async def scene(on: Setting) -> None:
        exec_id = await on.execs.create(on.entry, LS)
        on.entry.container = replace(on.entry.container, state=replace(on.entry.container.state, status=status))
        with pytest.raises(Conflict, match=text):
            await on.execs.create(on.entry, LS)
        with pytest.raises(Conflict, match=text):
            await on.start(exec_id)

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (ExecConfig(()), "No exec command specified"),
        (ExecConfig(("ls",), user="eve"), "unable to find user eve"),
        (ExecConfig(("ls",), detach_keys="ctrl-!"), "Invalid detach keys"),
    ],
)
def test_what_makes_no_sense_is_refused_at_the_creation(tmp_path: Path, config: ExecConfig, text: str) -> None:
    async def scene(on: Setting) -> None:
        with pytest.raises(InvalidParameter, match=text):
            await on.execs.create(on.entry, config)

    play(tmp_path, scene)


def test_a_resize_waits_for_the_start(tmp_path: Path) -> None:
    async def scene(on: Setting) -> None:
        exec_id = await on.execs.create(on.entry, replace(LS, tty=True))
        resizing = asyncio.ensure_future(on.execs.resize(exec_id, 40, 120))
        await asyncio.sleep(0)
        await on.start(exec_id)
        await resizing
        assert on.runtime.shims[0].asked == [(OP_RESIZE, {"height": 40, "width": 120})]
        on.record(exec_id, 0)
        with pytest.raises(Conflict, match="is not running"):
            await on.execs.resize(exec_id, 40, 120)

    play(tmp_path, scene)


def test_the_size_can_come_with_the_start(tmp_path: Path) -> None:
    async def scene(on: Setting) -> None:
        exec_id = await on.execs.create(on.entry, replace(LS, tty=True, console_size=(1, 2)))
        await on.start(exec_id, console_size=(30, 90))
        assert on.runtime.born[0][0].console_size == [30, 90]

    play(tmp_path, scene)


def test_an_ended_one_is_forgotten_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exec_verb, "KEEP_SECONDS", 0.01)

    async def scene(on: Setting) -> None:
        exec_id = await on.execs.create(on.entry, LS)
        await on.start(exec_id)
        on.record(exec_id, 0)
        on.execs.inspect(exec_id)
        await until(lambda: not os.path.exists(on.folder(exec_id)))
        with pytest.raises(NotFound, match=f"No such exec instance: {exec_id}"):
            on.execs.inspect(exec_id)

    play(tmp_path, scene)


def test_a_later_daemon_takes_up_what_an_earlier_one_made(tmp_path: Path) -> None:
    async def scene(on: Setting) -> None:
        waiting = await on.execs.create(on.entry, LS)
        ended = await on.execs.create(on.entry, LS)
        dead = await on.execs.create(on.entry, LS)
        for exec_id in (ended, dead):
            Path(on.folder(exec_id), PROCESS_FILE).write_text("{}")
        on.record(ended, 5)
        os.makedirs(on.folder("junk"))
        on.registry = Registry()
        on.entry = Entry(on.entry.container)
        on.registry.add(on.entry)
        on.execs = on.another()
        on.execs.restore()
        assert on.execs.inspect(waiting).exit_code is None
        assert on.execs.inspect(waiting).config == LS
        assert on.execs.inspect(ended).exit_code == 5
        assert on.execs.inspect(dead).exit_code == 255, "its shim is gone without a record"
        assert not on.execs.running(on.entry)

    play(tmp_path, scene)


# -- probes


def test_a_probe_runs_with_a_limit_and_its_end_comes_with_its_output(tmp_path: Path) -> None:
    async def scene(on: Setting) -> None:
        found = await on.execs.begin_probe(on.entry, ("true", "x"), 4096, 1.5)
        process, handed = on.runtime.born[0]
        assert (process.capture, process.time_limit, process.start_timeout) == (4096, 1.5, 30.0)
        assert process.process is not None and process.process["args"] == ["true", "x"]
        assert handed == Handed()
        assert on.execs.running(on.entry) == [found.record.id]
        os.makedirs(on.folder(found.record.id))
        on.record(found.record.id, 0)
        on.runtime.shims[0].record = ExitRecord(0, 1, output="fine")
        on.runtime.shims[0].tell.put_nowait(News("exit"))
        await found.ended.wait()
        assert found.end == ExitRecord(0, 1, output="fine")
        assert on.announced.actions == ["exec_create: true x", "exec_start: true x", "exec_die"]
        assert not os.path.exists(on.folder(found.record.id))
        assert on.execs.inspect(found.record.id).exit_code == 0
        await on.execs.begin_probe(on.entry, ("true",), 4096, 1.5)
        with pytest.raises(NotFound):
            on.execs.inspect(found.record.id)

    play(tmp_path, scene)


def test_a_probe_that_cannot_be_run_leaves_nothing(tmp_path: Path) -> None:
    async def scene(on: Setting) -> None:
        on.runtime.failure = RuntimeFailure("exec: no such file", "not-found")
        with pytest.raises(InvalidParameter, match="OCI runtime exec failed: exec: no such file: unknown"):
            await on.execs.begin_probe(on.entry, ("nope",), 4096, 1.0)
        assert not on.entry.execs
        on.entry.container = container(Status.PAUSED)
        with pytest.raises(Conflict):
            await on.execs.begin_probe(on.entry, ("true",), 4096, 1.0)

    play(tmp_path, scene)


def test_a_probe_of_an_earlier_daemon_is_forgotten(tmp_path: Path) -> None:
    async def scene(on: Setting) -> None:
        os.makedirs(on.folder("of-a-probe"))
        Path(on.folder("of-a-probe"), PROCESS_FILE).write_text("{}")
        on.execs.restore()
        assert not on.entry.execs and not os.path.exists(on.folder("of-a-probe"))

    play(tmp_path, scene)
