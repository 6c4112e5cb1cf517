import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from restd import systemd


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket that a service manager listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(5)
        monkeypatch.setenv(systemd.NOTIFY, str(tmp_path / "notify"))
        yield listener


def test_what_is_told_arrives_as_fields(manager: socket.socket) -> None:
    systemd.notify(READY=1, MAINPID=12, STATUS="Serving")
    assert manager.recv(256) == b"READY=1\nMAINPID=12\nSTATUS=Serving\n"


def test_a_reload_is_told_with_its_time(manager: socket.socket) -> None:
    systemd.reloading()
    fields = dict(line.split("=", 1) for line in manager.recv(256).decode().splitlines())
    assert fields["RELOADING"] == "1"
    assert int(fields["MONOTONIC_USEC"]) > 0


def test_without_systemd_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(systemd.NOTIFY, raising=False)
    systemd.notify(READY=1)


def test_a_manager_that_is_gone_is_no_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(systemd.NOTIFY, str(tmp_path / "nobody"))
    systemd.notify(READY=1)


def test_the_variables_are_kept_under_names_that_others_do_not_look_for() -> None:
    environment = {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "5000000", "WATCHDOG_PID": str(os.getpid())}
    systemd.adopt(environment)
    assert environment == {systemd.NOTIFY: "/run/n", systemd.WATCHDOG: "5000000"}
    systemd.adopt(environment)  # the master that replaces this one
    assert environment == {systemd.NOTIFY: "/run/n", systemd.WATCHDOG: "5000000"}


def test_a_watchdog_for_another_process_is_not_ours() -> None:
    environment = {"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "1"}
    systemd.adopt(environment)
    assert environment == {}


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A host with systemd, seen from a login session."""
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/user.slice/user-0.slice/session-7.scope\n")
    return tmp_path


def test_a_start_by_hand_is_noticed_and_what_it_means_is_said(host: Path) -> None:
    text = systemd.by_hand({"INVOCATION_ID": "of the shell", "SYSTEMD_EXEC_PID": "1"}, f"{host}/")
    assert "by hand" in text
    assert "session-7.scope" in text
    (host / "proc/self/cgroup").write_text("0::/system.slice/cron.service\n")
    assert "session" not in systemd.by_hand({}, f"{host}/")


def test_a_start_by_systemd_or_without_it_is_nothing_to_tell(host: Path) -> None:
    assert systemd.by_hand({"SYSTEMD_EXEC_PID": str(os.getpid())}, f"{host}/") == ""
    assert systemd.by_hand({systemd.NOTIFY: "/run/n"}, f"{host}/") == ""
    (host / "run/systemd/system").rmdir()
    assert systemd.by_hand({}, f"{host}/") == ""
