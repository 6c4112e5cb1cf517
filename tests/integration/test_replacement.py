"""HUP and USR2: new configuration, new code, a new master; and what happens when the new one is no good."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine import REPOSITORY, Engine, Isula, tree
from tests.waiting import wait_until
from tests.wire import request

pytestmark = [pytest.mark.root]


@pytest.fixture
def isula(fresh_engine: Engine) -> Isula:
    assert isinstance(fresh_engine, Isula)
    return fresh_engine


def log_of(engine: Engine) -> str:
    with open(engine.log_file) as file:
        return file.read()


def configure(engine: Engine, **settings: Any) -> None:
    """Write daemon.json anew; dashes for underscores."""
    engine.settings.update({key.replace("_", "-"): value for key, value in settings.items()})
    engine.write_settings()


# -- HUP: the configuration --------------------------------------------------------------------------------------------


def test_a_reload_takes_up_what_may_change_and_says_what_may_not(isula: Isula) -> None:
    isula.create(["true"], name="before")
    configure(
        isula,
        labels=["a=b"],
        default_shm_size=1 << 20,
        log_opts={"max-size": "1m"},
        log_level="debug",
        graph=f"{isula.place}/other",
        pidfile=f"{isula.place}/pid",
    )
    isula.reload()
    assert isula.get("/info")["Labels"] == ["a=b"]
    isula.create(["true"], name="after")
    sizes = {name: isula.inspect(name)["HostConfig"]["ShmSize"] for name in ("before", "after")}
    assert sizes == {"before": 64 << 20, "after": 1 << 20}
    assert isula.inspect("after")["HostConfig"]["LogConfig"]["Config"] == {"max-size": "1m"}
    assert f"{isula.root_dir}" in isula.get("/info")["DockerRootDir"]
    assert not os.path.exists(f"{isula.place}/other")
    assert not os.path.exists(f"{isula.place}/pid")
    log = log_of(isula)
    assert f"pidfile stays '' instead of '{isula.place}/pid' until a restart: " in log
    # The folders and hosts come from the command line here, which wins: nothing to refuse.
    assert "graph stays" not in log


def test_a_reload_gives_the_socket_to_another_group(isula: Isula) -> None:
    assert os.stat(isula.socket_path).st_gid == 0
    configure(isula, group="daemon")
    isula.reload()
    wait_until(lambda: os.stat(isula.socket_path).st_gid != 0)
    assert stat.S_IMODE(os.stat(isula.socket_path).st_mode) == 0o660


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ('{"labels": 3}', "labels: a list of strings"),
        ('{"no-such-key": 1}', "unknown key 'no-such-key'"),
        ('{"default-runtime": "no-such-runtime"}', "'no-such-runtime' is not installed"),
    ],
)
def test_a_file_that_cannot_be_used_changes_nothing_but_the_log(isula: Isula, content: str, words: str) -> None:
    container = isula.running()
    before = isula.workers()
    with open(isula.config_file, "w") as file:
        file.write(content)
    assert isula.process is not None
    isula.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "not reloaded" in log_of(isula), 20)
    assert words in log_of(isula)
    assert isula.workers() == before
    assert isula.state(container)["Running"]
    isula.write_settings()
    isula.reload()
    assert isula.exec(container, ["echo", "hi"]).stdout == b"hi\n"


def test_a_worker_that_dies_is_replaced_by_one_with_the_same_configuration(isula: Isula) -> None:
    configure(isula, labels=["good"])
    before = isula.reload()
    wait_until(lambda: "reloaded: the new worker serves" in log_of(isula), 20)
    with open(isula.config_file, "w") as file:
        file.write('{"labels": ["bad"], "and": "unusable"}')
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: isula.workers() not in ([], [before]), 20)
    assert isula.get("/info")["Labels"] == ["good"]


def test_many_reloads_at_once_come_to_an_end_with_one_worker(isula: Isula) -> None:
    container = isula.running()
    assert isula.process is not None
    before = isula.workers()
    for number in range(20):
        configure(isula, labels=[f"n={number}"])
        isula.process.send_signal(signal.SIGHUP)
        assert isula.ask("GET", "/_ping").status == 200
    wait_until(lambda: isula.get("/info")["Labels"] == ["n=19"], 20)
    wait_until(lambda: len(isula.workers()) == 1 and isula.workers() != before, 20)
    assert isula.state(container)["Running"]


def test_kept_connections_are_served_by_the_next_worker(isula: Isula) -> None:
    """Ones that wait for their next request, that have said nothing yet, and that are in the middle of a head."""
    kept, silent, half = isula.wire(), isula.wire(), isula.wire()
    ask = request("GET", "/containers/json?all=1")
    kept.send(ask)
    assert kept.answer().json() == []
    half.send(ask[:30])
    wait_until(lambda: isula.ask("GET", "/_ping").status == 200)
    for change in (isula.reload, isula.upgrade):
        change()
        for wire in (kept, silent):
            wire.send(ask)
            assert wire.answer().json() == []
    half.send(ask[30:])
    assert half.answer().json() == []
    for wire in (kept, silent, half):
        wire.close()


def test_a_request_that_takes_long_is_answered_and_others_meanwhile(isula: Isula) -> None:
    """A worker goes when nobody waits for it: not in the middle of a stop that takes its time."""
    container = isula.running(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"])
    wait_until(lambda: b"ready" in isula.logs(container))
    (before,) = isula.workers()
    assert isula.process is not None
    with isula.wire() as wire:
        wire.send(request("POST", f"/containers/{container}/stop?t=3", b""))
        isula.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(isula.workers()) == 2, 10)
        while before in isula.workers():
            assert isula.ask("GET", "/_ping", timeout=2).status == 200
        assert wire.answer().status == 204
    assert isula.wait(container) == 137


def test_streams_that_would_never_end_are_ended_by_a_reload(isula: Isula) -> None:
    container = isula.running()
    paths = ["/events", f"/containers/{container}/logs?stdout=1&follow=1"]
    wires = [isula.wire() for _ in paths]
    for wire, path in zip(wires, paths, strict=True):
        wire.send(request("GET", path))
        assert wire.head().status == 200
    isula.reload()
    for wire in wires:
        list(wire.chunks())
        wire.send(request("GET", "/_ping"))
        assert wire.answer().status == 200
        wire.close()


def test_a_second_daemon_with_the_same_state_is_turned_away(isula: Isula, make_engine: Callable[..., Engine]) -> None:
    other = make_engine()
    other.state_dir = isula.state_dir
    other.spawn()
    assert other.process is not None
    assert other.process.wait(20) != 0
    assert "another daemon that uses the same state folder" in other.log_tail()
    other.process = None
    assert isula.ask("GET", "/_ping").status == 200
    isula.reload()


# -- new code ----------------------------------------------------------------------------------------------------------


class Source:
    """A copy of the engine's source, which the test can change."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        for package in ("restd", "shim"):
            shutil.copytree(f"{REPOSITORY}/{package}", f"{folder}/{package}")

    def edit(self, module: str, old: str, new: str) -> None:
        """Replace text in a module, as an upgrade does: a new file under the old name."""
        path = f"{self.folder}/{module}"
        with open(path) as file:
            text = file.read()
        assert old in text
        with open(f"{path}.new", "w") as file:
            file.write(text.replace(old, new))
        os.rename(f"{path}.new", path)

    def release(self, version: str) -> None:
        """Make it another version."""
        with open(f"{self.folder}/restd/__init__.py", "a") as file:
            file.write(f'__version__ = "{version}"\n')


@pytest.fixture
def installed(make_engine: Callable[..., Engine]) -> tuple[Isula, Source]:
    """A daemon that runs from a copy."""
    engine = make_engine()
    assert isinstance(engine, Isula)
    source = Source(f"{engine.place}/source")
    engine.directory = source.folder
    engine.start_daemon()
    return engine, source


def version_of(engine: Engine) -> str:
    return str(engine.get("/version")["Version"])


def test_a_reload_takes_up_new_code_and_a_broken_release_is_left_alone(installed: tuple[Isula, Source]) -> None:
    engine, source = installed
    source.release("7.7.1")
    source.edit("restd/config.py", '"labels": _texts,', '"labels": _texts,\n    "new-key": _boolean,')
    source.edit("restd/config.py", 'pidfile: str = ""', 'pidfile: str = ""\n    new_key: bool = False')
    configure(engine, new_key=True, labels=["new"])
    engine.reload()
    assert version_of(engine) == "7.7.1"
    assert engine.get("/info")["Labels"] == ["new"]

    source.release("7.7.2")
    source.edit("restd/app.py", "import asyncio", "import asyncio, this_does_not_exist")
    assert engine.process is not None
    before = engine.workers()
    engine.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "not reloaded" in log_of(engine), 20)
    assert "this_does_not_exist" in log_of(engine)
    assert engine.workers() == before
    assert version_of(engine) == "7.7.1"


def test_an_upgrade_runs_the_new_master_and_a_broken_release_is_left_alone(installed: tuple[Isula, Source]) -> None:
    engine, source = installed
    source.release("7.7.1")
    engine.upgrade()
    assert version_of(engine) == "7.7.1"
    assert "isula-restd 7.7.1 listening" in log_of(engine)

    source.release("7.7.2")
    source.edit("restd/app.py", "import asyncio", "import asyncio, this_does_not_exist")
    assert engine.process is not None
    master, before = engine.process.pid, engine.workers()
    engine.process.send_signal(signal.SIGUSR2)
    wait_until(lambda: "not upgraded" in log_of(engine), 20)
    assert "this_does_not_exist" in log_of(engine)
    assert engine.workers() == before
    assert version_of(engine) == "7.7.1"
    source.edit("restd/app.py", "import asyncio, this_does_not_exist", "import asyncio")
    assert engine.upgrade() != master
    assert version_of(engine) == "7.7.2"


# -- USR2: a new master ------------------------------------------------------------------------------------------------


def programs(place: str) -> list[list[str]]:
    """Ways to start the daemon: as a module, by its command, by the command's relative path."""
    command = f"{os.path.dirname(sys.executable)}/isula-restd"
    return [[sys.executable, "-m", "restd"], [command], [os.path.relpath(command, place)]]


@pytest.mark.parametrize("way", range(3), ids=["module", "command", "relative"])
def test_a_new_master_has_the_sockets_the_pidfile_and_the_state(
    make_engine: Callable[..., Engine], busybox_archive: str, way: int
) -> None:
    engine = make_engine({"group": "daemon"})
    assert isinstance(engine, Isula)
    pidfile = f"{engine.place}/pid"
    configure(engine, pidfile=pidfile)
    engine.directory = REPOSITORY if way == 0 else engine.place
    engine.program = programs(engine.place)[way]
    engine.start_daemon()
    engine.load_image(busybox_archive)
    container = engine.create(["true"])
    inode = os.stat(engine.socket_path).st_ino
    for _ in range(2):
        configure(engine, state=f"{engine.place}/elsewhere", labels=["new"], graph="/nowhere")
        master = engine.upgrade()
        wait_until(lambda: Path(pidfile).read_text() == f"{master}\n")  # noqa: B023
        assert engine.state(container)["Status"] == "created"
        assert engine.get("/info")["Labels"] == ["new"]
        found = os.stat(engine.socket_path)
        assert (found.st_ino, stat.S_IMODE(found.st_mode)) == (inode, 0o660)
        assert found.st_gid != 0
        assert tree(master)[1:2] == engine.workers()
    engine.reload()
    engine.stop_daemon()
    assert not os.path.exists(pidfile)
    assert not os.path.exists(engine.socket_path)


def test_what_may_not_change_does_not_change_by_an_upgrade(
    make_engine: Callable[..., Engine], busybox_archive: str
) -> None:
    engine = make_engine()
    assert isinstance(engine, Isula)
    engine.program = [*engine.program]
    configure(engine, graph=engine.root_dir, state=engine.state_dir, hosts=[f"unix://{engine.socket_path}"])
    command = [*engine.program, "--config-file", engine.config_file]
    engine.command = lambda: command  # type: ignore[method-assign]  # no folders among the flags
    engine.start_daemon()
    engine.load_image(busybox_archive)
    container = engine.create(["true"])
    configure(engine, graph="/nowhere", state=f"{engine.place}/t", hosts=["unix:///nowhere.sock"])
    for change in (engine.upgrade, engine.reload):
        change()
        assert engine.state(container)["Status"] == "created"
        log = log_of(engine)
        for key in ("graph", "state", "hosts"):
            assert f"{key} stays" in log
        os.truncate(engine.log_file, 0)


def test_containers_and_attached_sessions_go_on_through_an_upgrade(isula: Isula) -> None:
    container = isula.running(
        ["sh", "-c", "while read x; do echo got $x; done; exit 4"], OpenStdin=True, StdinOnce=True
    )
    with isula.attach(container, stream=1, stdin=1, stdout=1, stderr=1) as wire:
        for number in range(3):
            isula.upgrade()
            wire.send(b"%d\n" % number)
            assert next(wire.frames()) == (1, b"got %d\n" % number)
        wire.half_close()
        assert wire.rest() == b""
    assert isula.wait(container) == 4


def test_who_ends_the_daemon_in_the_middle_of_an_upgrade_ends_all_of_it(isula: Isula) -> None:
    assert isula.process is not None
    isula.process.send_signal(signal.SIGUSR2)
    wait_until(lambda: "upgrading" in log_of(isula), 10)
    isula.process.send_signal(signal.SIGTERM)
    isula.process.wait(20)
    wait_until(lambda: not [left for left in isula.remains() if left.kind == "process"], 20)
    isula.process = None
    isula.start_daemon()


def test_a_master_that_is_killed_in_the_middle_of_an_upgrade_leaves_one_that_serves(isula: Isula) -> None:
    container = isula.running()
    assert isula.process is not None
    old = isula.process.pid
    isula.process.send_signal(signal.SIGUSR2)
    wait_until(lambda: len(isula.workers()) == 2, 10, "a new master beside the worker")
    os.kill(old, signal.SIGKILL)
    isula.process.wait(10)
    wait_until(lambda: _answers(isula), 20)
    assert isula.state(container)["Running"]
    isula.find_master()


def _answers(engine: Engine) -> bool:
    try:
        return engine.ask("GET", "/_ping", timeout=5).status == 200
    except (OSError, EOFError):
        return False
