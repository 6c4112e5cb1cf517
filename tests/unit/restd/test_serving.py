import os
import socket
from pathlib import Path

import pytest

from restd.serving import notify


def test_systemd_is_told_over_its_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("ISULA_NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify("READY=1\n")
        assert systemd.recv(64) == b"READY=1\n"


def test_without_systemd_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ISULA_NOTIFY_SOCKET", raising=False)
    notify("READY=1\n")
    assert "NOTIFY_SOCKET" not in os.environ
