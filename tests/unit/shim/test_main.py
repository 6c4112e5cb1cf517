"""`isula-rest-shim` by hand."""

from __future__ import annotations

import subprocess
import sys


def test_it_says_that_the_daemon_starts_it() -> None:
    shown = subprocess.run([sys.executable, "-m", "shim", "--help"], capture_output=True, text=True, check=True)
    assert "started by isula-restd only" in shown.stdout
    refused = subprocess.run([sys.executable, "-m", "shim"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
