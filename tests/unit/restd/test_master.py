import os
import signal
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from restd import master
from restd.config import Config
from restd.daemon import Daemon
from restd.master import Master


class FakeWorker:
    """What the master knows of a worker: how old it is, and the file that it beats on."""

    def __init__(self, age: int, folder: Path) -> None:
        self.age = age
        self.tmp = (folder / str(age)).open("w+b", 0)

    def serve(self) -> None:
        os.pwrite(self.tmp.fileno(), b"serves\n", 0)


class Stage:
    """A master whose workers are made by the test."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = folder / "daemon.json"
        self.file.write_text("{}")
        monkeypatch.setattr("sys.argv", ["isula-restd", "--config-file", str(self.file)])
        self.clock = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.clock)
        self.daemon = Daemon(Config(state=str(folder)), b"{}")
        self.master = Master(self.daemon)
        self.master.LISTENERS, self.master.WORKERS = [], {}
        self.folder = folder
        self.spawned = 0
        monkeypatch.setattr(self.master, "spawn_worker", self._spawn)
        self.master.manage_workers()
        self.workers[1].serve()

    def _spawn(self) -> None:
        self.spawned += 1
        self.master.worker_age += 1
        age = self.master.worker_age
        self.master.WORKERS[age] = FakeWorker(age, self.folder)

    @property
    def workers(self) -> dict[int, FakeWorker]:
        found: dict[int, FakeWorker] = self.master.WORKERS
        return found

    def ends(self, age: int) -> None:
        self.workers.pop(age).tmp.close()
        self.master.manage_workers()

    def close(self) -> None:
        for worker in self.workers.values():
            worker.tmp.close()


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    made = Stage(tmp_path, monkeypatch)
    yield made
    made.close()


def labels(stage: Stage) -> list[str]:
    return list(stage.daemon.config.labels)


def test_a_reload_adds_a_worker_and_ends_none(stage: Stage) -> None:
    stage.file.write_text('{"labels": ["new"]}')
    stage.master.handle_hup()
    stage.master.manage_workers()
    assert sorted(stage.workers) == [1, 2]
    assert stage.daemon.load()["file"] == b'{"labels": ["new"]}'
    assert labels(stage) == []
    stage.ends(1)
    assert labels(stage) == [], "it restores still"
    stage.workers[2].serve()
    stage.master.manage_workers()
    assert labels(stage) == ["new"]
    assert not stage.daemon.load()["reload"]


def test_a_new_worker_that_ends_leaves_everything_as_it_was(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.file.write_text('{"labels": 7}')
    stage.master.handle_hup()
    assert stage.daemon.load()["reload"]
    stage.ends(2)
    assert sorted(stage.workers) == [1]
    assert stage.daemon.load()["file"] == b"{}"
    assert "not reloaded" in caplog.text


def test_a_worker_that_replaces_a_dead_one_goes_by_the_file_of_before(stage: Stage) -> None:
    stage.file.write_text("not JSON at all")
    stage.ends(1)
    assert sorted(stage.workers) == [2]
    assert stage.daemon.load() == {
        "arguments": ["--config-file", str(stage.file)],
        "file": b"{}",
        "reload": False,
        "kept": stage.daemon.load()["kept"],
    }


def test_a_file_that_is_gone_changes_nothing(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.file.unlink()
    stage.master.handle_hup()
    assert sorted(stage.workers) == [1]
    assert "no such file" in caplog.text


def test_reloads_in_a_row_are_one_after_the_other(stage: Stage) -> None:
    for _ in range(5):
        stage.master.handle_hup()
        stage.master.manage_workers()
    assert sorted(stage.workers) == [1, 2]
    stage.workers[2].serve()
    stage.ends(1)
    assert sorted(stage.workers) == [2, 3]
    stage.workers[3].serve()
    stage.ends(2)
    assert sorted(stage.workers) == [3]


def test_a_worker_that_does_not_come_up_is_tried_again_with_growing_pauses(stage: Stage) -> None:
    times = []
    for _ in range(4000):
        count = stage.spawned
        for age in list(stage.workers):
            stage.workers.pop(age).tmp.close()
        stage.master.manage_workers()
        if stage.spawned > count:
            times.append(stage.clock)
        stage.clock += 0.01
    pauses = [round(later - before, 1) for before, later in pairwise(times)]
    assert pauses[:5] == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert set(pauses[5:]) == {10.0}


def test_the_new_master_gets_the_command_line_the_sockets_and_what_must_stay(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []

    def spawn(*arguments: Any) -> int:
        asked.append(arguments)
        return 4711

    monkeypatch.setattr(os, "posix_spawn", spawn)
    monkeypatch.setattr("sys.orig_argv", ["python3", "-X", "dev", "-m", "restd", "--state", "/s"])
    monkeypatch.setattr("sys.executable", "/venv/bin/python")
    stage.master.handle_usr2()
    (path, arguments, environment) = asked[0]
    assert (path, arguments) == ("/venv/bin/python", ["/venv/bin/python", "-X", "dev", "-m", "restd", "--state", "/s"])
    assert environment["GUNICORN_PID"] == str(os.getpid())
    assert '"state"' in environment[master.KEPT]
    stage.ends(1)
    assert stage.workers == {}, "the new master's worker has taken over"
    with pytest.raises(StopIteration):
        stage.master.handle_usr1()


def test_a_new_master_that_ends_is_no_loss(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(os, "posix_spawn", lambda *_: 4711)
    statuses = [(4711, 1 << 8), (0, 0)]
    monkeypatch.setattr(os, "waitpid", lambda *_: statuses.pop(0))
    stage.master.handle_usr2()
    stage.workers.pop(1).tmp.close()  # it had handed over already
    stage.master.reap_workers()
    stage.master.manage_workers()
    assert "not upgraded" in caplog.text
    assert sorted(stage.workers) == [2]
    stage.master.handle_usr1()  # means nothing now


def test_a_program_that_cannot_be_started_is_said(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sys.executable", "/no/such/python")
    stage.master.handle_usr2()
    assert "not upgraded: /no/such/python" in caplog.text
    assert stage.master.reexec_pid == 0


@pytest.mark.parametrize("ask", [Master.handle_term, Master.handle_int, Master.handle_quit])
def test_who_ends_a_master_ends_the_one_beside_it_too(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Master], None]
) -> None:
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append((pid, number)))
    monkeypatch.setattr(stage.master, "stop", lambda graceful=True: None)
    stage.master.reexec_pid = 4711
    with pytest.raises(StopIteration):
        ask(stage.master)
    assert [pid for pid, _ in killed] == [4711]
    assert killed[0][1] in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
