import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from restd import worker


def test_the_master_does_not_load_the_engine() -> None:
    code = "import restd.__main__, restd.worker, sys; print(any(m in sys.modules for m in ('aiohttp', 'marshmallow')))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_systemd_is_told_over_its_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("ISULA_NOTIFY_SOCKET", str(tmp_path / "notify"))
        worker._notify("READY=1\n")
        assert systemd.recv(64) == b"READY=1\n"


def test_without_systemd_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ISULA_NOTIFY_SOCKET", raising=False)
    worker._notify("READY=1\n")
    assert "NOTIFY_SOCKET" not in os.environ
