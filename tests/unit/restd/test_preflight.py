import os
import socket
import threading
from pathlib import Path

import pytest

from restd.config import Config, RuntimeConfig
from restd.preflight import StartError, check, give_to_group

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the daemon itself runs as root only")


def config(folder: Path, **changes: object) -> Config:
    values: dict[str, object] = {
        "graph": str(folder / "data"),
        "state": str(folder / "run"),
        "hosts": (f"unix://{folder}/s.sock",),
        "default_runtime": "sh",
        **changes,
    }
    return Config(**values)  # type: ignore[arg-type]  # a mapping of well-typed settings


def test_folders_are_made_passable_but_not_listable(tmp_path: Path) -> None:
    check(config(tmp_path))
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o711


def test_a_socket_that_someone_answers_on_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restd.preflight.ENDING_SECONDS", 0.1)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "s.sock"))
        other.listen()
        with pytest.raises(StartError, match="taken"):
            check(config(tmp_path))


def test_a_socket_that_is_let_go_in_time_is_free(tmp_path: Path) -> None:
    """As by the worker of a daemon that was killed."""
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "s.sock"))
        other.listen()

        def answer_once() -> None:
            connection, _ = other.accept()
            connection.close()
            other.close()

        ending = threading.Thread(target=answer_once)
        ending.start()
        check(config(tmp_path))
        ending.join()


def passed(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if systemd had opened it."""
    monkeypatch.setattr("restd.systemd._FIRST_PASSED", listener.fileno())
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "1")


def test_sockets_from_systemd_are_not_examined_but_others_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restd.preflight.ENDING_SECONDS", 0.1)
    with socket.socket(socket.AF_UNIX) as ours, socket.socket(socket.AF_UNIX) as other:
        for listener, name in ((ours, "s.sock"), (other, "t.sock")):
            listener.bind(str(tmp_path / name))
            listener.listen()
        passed(ours, monkeypatch)
        check(config(tmp_path))
        with pytest.raises(StartError, match="taken"):
            check(config(tmp_path, hosts=(f"unix://{tmp_path}/s.sock", f"unix://{tmp_path}/t.sock")))


def test_a_socket_of_another_kind_from_systemd_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET) as listener:
        listener.bind(("127.0.0.1", 0))
        passed(listener, monkeypatch)
        with pytest.raises(StartError, match="only unix sockets"):
            check(config(tmp_path))


def test_the_sockets_of_the_master_before_are_not_examined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "s.sock"))
        other.listen()
        monkeypatch.setenv("GUNICORN_FD", "5")
        check(config(tmp_path))


def test_a_pidfile_in_no_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="no folder /no/where"):
        check(config(tmp_path, pidfile="/no/where/pid"))


def test_a_socket_left_by_a_dead_daemon_is_no_obstacle(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "s.sock"))
    check(config(tmp_path))


def test_a_file_in_the_place_of_the_socket_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "s.sock").write_text("precious")
    with pytest.raises(StartError, match="not a socket"):
        check(config(tmp_path))
    assert (tmp_path / "s.sock").read_text() == "precious"


def test_a_root_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(StartError, match="graph folder"):
        check(config(tmp_path))


def test_a_missing_runtime_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="'nope' is not installed"):
        check(config(tmp_path, default_runtime="nope"))
    with pytest.raises(StartError, match="/no/where"):
        check(config(tmp_path, default_runtime="mine", runtimes={"mine": RuntimeConfig("/no/where")}))


def test_an_unknown_group_leaves_the_socket_to_root(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "s.sock"
    path.write_text("")
    give_to_group(str(path), "no-such-group-here")
    assert path.stat().st_gid == 0
    assert path.stat().st_mode & 0o777 == 0o660
    assert "no-such-group-here" in caplog.text
