"""What systemd does with the daemon, done by the test: units that verify, sockets passed, notifications heard."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import leftovers
from tests.engine import REPOSITORY, Engine, Isula, tree
from tests.waiting import wait_until

pytestmark = [pytest.mark.root]

UNITS = Path(REPOSITORY) / "contrib/systemd"
LAUNCH = """
import os, sys
for number, descriptor in enumerate(map(int, sys.argv[1].split(","))):
    os.dup2(descriptor, 3 + number)
    count = number + 1
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(count), "WATCHDOG_PID": str(os.getpid())}
os.execv(sys.argv[2], sys.argv[2:])
"""


class Manager:
    """A service manager of one service: its sockets, what it says, and how long it may be silent."""

    def __init__(self, engine: Isula) -> None:
        self.engine = engine
        self.messages: list[dict[str, str]] = []
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(f"{engine.place}/notify")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(engine.socket_path)
        self._listener.listen(64)
        self.extra = socket.socket(socket.AF_UNIX)
        self.extra.bind(f"{engine.place}/extra.sock")
        self.extra.listen(64)
        self._thread = threading.Thread(target=self._hear, daemon=True)
        self._thread.start()

    def _hear(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._notify.recv(4096):
                self.messages.append(dict(line.split("=", 1) for line in data.decode().splitlines()))

    def start(self) -> None:
        """Exec the service with its sockets as descriptors 3 and 4."""
        listeners = [self._listener.fileno(), self.extra.fileno()]
        command = [sys.executable, "-c", LAUNCH, ",".join(map(str, listeners)), *self.engine.command()]
        environment = {**os.environ, "NOTIFY_SOCKET": f"{self.engine.place}/notify", "WATCHDOG_USEC": "30000000"}
        with open(self.engine.log_file, "ab") as log:
            self.engine.process = subprocess.Popen(
                ["nsenter", f"--net={leftovers.NETNS}/{self.engine.name}", *command],
                cwd=self.engine.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=listeners,
                env=environment,
            )

    def said(self, key: str) -> list[str]:
        """The values of one field so far."""
        return [message[key] for message in self.messages if key in message]

    def hears(self, key: str, times: int) -> None:
        """Wait until a field was sent so often."""
        wait_until(lambda: len(self.said(key)) >= times, 20, f"{key} {times} times: {self.messages}")

    def close(self) -> None:
        # shutdown(2) wakes the thread
        self._notify.shutdown(socket.SHUT_RDWR)
        for one in (self._notify, self._listener, self.extra):
            one.close()


def names_in_environment(pid: int) -> set[bytes]:
    return {line.partition(b"=")[0] for line in leftovers.read(f"/proc/{pid}/environ").split(b"\0")}


@pytest.fixture
def manager(make_engine: Callable[..., Engine]) -> Iterator[Manager]:
    engine = make_engine()
    assert isinstance(engine, Isula)
    made = Manager(engine)
    yield made
    made.close()


def test_clients_who_came_before_the_daemon_are_answered_and_then_it_is_ready(manager: Manager) -> None:
    engine = manager.engine
    with engine.wire() as early:
        early.send(b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n")
        manager.start()
        assert early.answer().status == 200
    manager.hears("READY", 1)
    assert engine.process is not None
    assert manager.messages[-1]["MAINPID"] == str(engine.process.pid)
    assert engine.ask("GET", "/_ping").status == 200
    manager.hears("WATCHDOG", 3)
    (worker,) = engine.workers()
    for child in tree(worker)[1:]:
        assert not {b"NOTIFY_SOCKET", b"LISTEN_FDS", b"WATCHDOG_USEC"} & names_in_environment(child)
    engine.stop_daemon()
    assert manager.said("STOPPING") == ["1"]
    assert os.path.exists(engine.socket_path), "the socket is systemd's"


def test_a_reload_is_told_from_its_begin_to_its_end(manager: Manager) -> None:
    manager.start()
    manager.hears("READY", 1)
    manager.engine.reload()
    manager.hears("READY", 2)
    reloading = next(at for at, message in enumerate(manager.messages) if "RELOADING" in message)
    assert int(manager.messages[reloading]["MONOTONIC_USEC"]) > 0
    assert any("READY" in message for message in manager.messages[reloading:])
    with open(manager.engine.config_file, "w") as file:
        file.write("{")
    assert manager.engine.process is not None
    manager.engine.process.send_signal(signal.SIGHUP)
    manager.hears("READY", 3)
    assert "failed" in manager.said("STATUS")[-1]
    assert manager.said("STOPPING") == []


def test_a_new_master_is_the_main_process_and_has_the_sockets(manager: Manager) -> None:
    engine = manager.engine
    engine.settings["hosts"] = [f"unix://{engine.socket_path}", f"unix://{engine.place}/own.sock"]
    engine.write_settings()
    place = engine.socket_path
    engine.command = lambda: [  # type: ignore[method-assign]  # the hosts are in daemon.json
        *engine.program,
        *("--root", engine.root_dir, "--state", engine.state_dir, "--config-file", engine.config_file),
    ]
    manager.start()
    manager.hears("READY", 1)
    for number in range(2, 5):
        master = engine.upgrade()
        manager.hears("READY", number)
        assert manager.said("MAINPID")[-1] == str(master)
        for path in (place, f"{engine.place}/extra.sock", f"{engine.place}/own.sock"):
            engine.socket_path = path
            assert engine.ask("GET", "/_ping").status == 200
        engine.socket_path = place
    beats = len(manager.said("WATCHDOG"))
    manager.hears("WATCHDOG", beats + 2)
    assert manager.said("STOPPING") == []
    engine.stop_daemon()
    assert manager.said("STOPPING") == ["1"]
    assert os.path.exists(place)
    assert os.path.exists(f"{engine.place}/extra.sock")
    assert not os.path.exists(f"{engine.place}/own.sock"), "which the daemon opened itself"


def test_a_daemon_that_was_killed_is_started_again_for_clients_who_wait(manager: Manager) -> None:
    engine = manager.engine
    manager.start()
    manager.hears("READY", 1)
    engine.kill_daemon()
    with engine.wire() as waiting:
        waiting.send(b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n")
        manager.start()
        assert waiting.answer().status == 200


# -- the files ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as `make install` writes them, for commands that exist."""
    (tmp_path / "prefix/bin").mkdir(parents=True)
    shutil.copy("/bin/true", tmp_path / "prefix/bin/isula-restd")
    environment = {**os.environ, "PREFIX": "/prefix", "DESTDIR": str(tmp_path)}
    subprocess.run([UNITS / "install.sh", "install"], env=environment, check=True, timeout=30)
    return tmp_path


def test_the_units_verify(installed: Path) -> None:
    units = installed / "prefix/lib/systemd/system"
    service = units / "isula-restd.service"
    service.write_text(service.read_text().replace("/prefix/bin", f"{installed}/prefix/bin"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(service), str(units / "isula-restd.socket")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_group_and_folders_are_made(installed: Path) -> None:
    root = f"--root={installed}"
    (installed / "etc").mkdir()
    lib = installed / "prefix/lib"
    subprocess.run(["systemd-sysusers", root, str(lib / "sysusers.d/isula-rest.conf")], check=True, timeout=30)
    assert any(line.startswith("isula:") for line in (installed / "etc/group").read_text().splitlines())
    subprocess.run(
        ["systemd-tmpfiles", "--create", root, str(lib / "tmpfiles.d/isula-rest.conf")], check=True, timeout=30
    )
    modes = {
        path: stat.S_IMODE((installed / path).stat().st_mode) for path in ("etc/isulad", "var/lib/isulad", "run/isulad")
    }
    assert modes == {"etc/isulad": 0o755, "var/lib/isulad": 0o711, "run/isulad": 0o711}


def test_what_was_installed_is_taken_back(installed: Path) -> None:
    environment = {**os.environ, "PREFIX": "/prefix", "DESTDIR": str(installed)}
    subprocess.run([UNITS / "install.sh", "uninstall"], env=environment, check=True, timeout=30)
    assert not [path for path in (installed / "prefix/lib").rglob("*") if path.is_file()]
