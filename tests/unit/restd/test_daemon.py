from pathlib import Path

import pytest

from restd.config import Config
from restd.daemon import SOCKET_UMASK, Daemon


def test_gunicorn_gets_one_worker_a_private_umask_and_no_control_socket() -> None:
    daemon = Daemon(Config(hosts=("unix:///tmp/a.sock", "unix:///tmp/b.sock")))
    assert daemon.cfg.workers == 1
    assert daemon.cfg.umask == SOCKET_UMASK
    assert daemon.cfg.control_socket_disable
    assert daemon.cfg.bind == ["unix:/tmp/a.sock", "unix:/tmp/b.sock"]


def test_a_master_goes_by_the_file_of_the_worker_that_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "daemon.json"
    monkeypatch.setattr("sys.argv", ["isula-restd", "--config-file", str(file)])
    daemon = Daemon(Config(graph="/g"), b"{}")
    file.write_text('{"shutdown-timeout": 7, "graph": "/other"}')
    assert daemon.read_file()
    assert daemon.load()["reload"]
    daemon.drop_file()
    assert not daemon.load()["reload"]
    assert daemon.read_file()
    assert daemon.accept_file()
    assert (daemon.config.graph, daemon.cfg.graceful_timeout) == ("/g", 7)


def test_a_file_that_only_newer_code_understands_is_passed_on_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "daemon.json"
    monkeypatch.setattr("sys.argv", ["isula-restd", "--config-file", str(file)])
    daemon = Daemon(Config(), b"{}")
    file.write_text('{"from-the-future": true}')
    assert daemon.read_file()
    assert not daemon.accept_file()
    assert daemon.load()["file"] == file.read_bytes()
    assert daemon.config == Config()
