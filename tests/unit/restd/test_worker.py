import os
import subprocess
import sys
from pathlib import Path

import pytest

from restd.worker import FAILED_TO_START, without_certificates


def test_the_master_does_not_load_the_engine() -> None:
    heavy = ("aiohttp", "asyncio", "marshmallow")
    code = f"import restd.__main__, restd.worker, sys; print(any(name in sys.modules for name in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_worker_that_cannot_start_ends_the_master() -> None:
    code = "from gunicorn.arbiter import Arbiter; print(Arbiter.WORKER_BOOT_ERROR)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{FAILED_TO_START}\n"


def test_certificates_are_out_of_sight_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/own/bundle")
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    with without_certificates():
        assert os.environ["SSL_CERT_FILE"] == os.environ["SSL_CERT_DIR"] == os.devnull
    assert os.environ["SSL_CERT_FILE"] == "/own/bundle"
    assert "SSL_CERT_DIR" not in os.environ


def test_a_later_worker_imports_the_engine_as_it_is_on_disk_then(tmp_path: Path) -> None:
    package = tmp_path / "restd"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "late.py").write_text("VALUE = 1")
    code = f"""
import importlib, sys
from restd.worker import forget_our_modules
sys.path.insert(0, {str(tmp_path)!r})
forget_our_modules()
import restd.late
before = restd.late.VALUE
open({str(package / "late.py")!r}, "w").write("VALUE = 2222")
open({str(package / "new.py")!r}, "w").write("VALUE = 3")
forget_our_modules()
import restd.late, restd.new
print(before, restd.late.VALUE, restd.new.VALUE)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1 2222 3\n"
