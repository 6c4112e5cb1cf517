import subprocess
import sys
from pathlib import Path

from restd import __version__


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "restd", *arguments], capture_output=True, text=True, timeout=30, check=False
    )


def test_version_is_printed() -> None:
    assert run("--version").stdout == f"isula-restd {__version__}\n"


def test_a_bad_daemon_json_ends_the_start_with_the_key_and_the_reason(tmp_path: Path) -> None:
    (tmp_path / "daemon.json").write_text('{"grap": "/x"}')
    done = run("--config-file", str(tmp_path / "daemon.json"))
    assert done.returncode == 1
    assert "unknown key 'grap'" in done.stderr
    assert "Traceback" not in done.stderr
