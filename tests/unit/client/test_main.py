from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from client.__main__ import main

ROOT = Path(__file__).resolve().parents[3]


def test_the_process_ends_with_the_commands_code(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["isula-rest", "ps", "--nope"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 125
    assert "unknown option --nope" in capfd.readouterr().err


def test_ctrl_c_while_waiting_for_the_engine_is_130_without_a_word(tmp_path: Path) -> None:
    import socket

    path = f"{tmp_path}/s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        command = [sys.executable, "-m", "client", "-H", path, "ps"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            connection, _ = listener.accept()
            with connection:
                connection.recv(10)
                os.kill(process.pid, signal.SIGINT)
                assert process.communicate(timeout=20) == (b"", b"")
            assert process.returncode == 130
