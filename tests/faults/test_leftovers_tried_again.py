"""What can't be cleaned up after a run is tried again, over restarts of the daemon too, and everybody can see it."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine import Engine
from tests.waiting import wait_until

pytestmark = [pytest.mark.root]

STICKY = """#!/bin/sh
for word; do test "$word" = delete && ! test -e {go} && echo "the cgroup is stuck" >&2 && exit 1; done
exec {runc} "$@"
"""


@pytest.fixture
def sticky(make_engine: Callable[..., Engine], busybox_archive: str, tmp_path: Path) -> tuple[Engine, Path]:
    """An engine whose runtime `sticky` deletes nothing before the file `go` is there."""
    go, program = tmp_path / "go", tmp_path / "sticky"
    program.write_text(STICKY.format(go=go, runc=shutil.which("runc")))
    program.chmod(0o755)
    engine = make_engine({"runtimes": {"sticky": {"path": str(program)}}})
    engine.start_daemon()
    engine.load_image(busybox_archive)
    return engine, go


def leftovers(engine: Engine, container: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = engine.inspect(container).get("Leftovers", [])
    return found


def test_a_runtime_that_does_not_clean_up(sticky: tuple[Engine, Path]) -> None:
    engine, go = sticky
    container = engine.create(["true"], host={"Runtime": "sticky"})
    engine.start(container)
    assert engine.wait(container) == 0
    (left,) = wait_until(lambda: leftovers(engine, container))
    assert "stuck" in str(left["Error"]) and container in str(left["What"])
    wait_until(lambda: int(str(leftovers(engine, container)[0]["Attempts"])) >= 3)
    assert any("stuck" in warning for warning in engine.get("/info")["Warnings"])
    assert "still cannot clean up" in engine.log_tail()
    # It blocks nobody else, and this container's start says why it can't be.
    assert engine.run(["echo", "hi"]).stdout == b"hi\n"
    reply = engine.ask("POST", f"/containers/{container}/start")
    assert reply.status == 503 and "stuck" in reply.message
    engine.kill_daemon()
    engine.start_daemon()
    wait_until(lambda: leftovers(engine, container))
    go.touch()
    wait_until(lambda: not leftovers(engine, container), 20)
    assert not [warning for warning in engine.get("/info")["Warnings"] or () if "stuck" in warning]
    engine.start(container)
    assert engine.wait(container) == 0


def test_a_restart_waits_until_the_last_run_is_cleaned_up(sticky: tuple[Engine, Path]) -> None:
    engine, go = sticky
    container = engine.running(["true"], host={"Runtime": "sticky", "RestartPolicy": {"Name": "always"}})
    wait_until(lambda: leftovers(engine, container))
    wait_until(lambda: "can't be restarted yet" in engine.log_tail())
    assert engine.state(container)["Status"] == "restarting"
    engine.post(f"/containers/{container}/stop")
    assert engine.state(container)["Status"] == "exited"
    go.touch()
    wait_until(lambda: not leftovers(engine, container), 20)


def test_a_removed_container_whose_runtime_does_not_clean_up(sticky: tuple[Engine, Path]) -> None:
    engine, go = sticky
    container = engine.running(host={"Runtime": "sticky"})
    engine.remove(container)
    assert engine.ask("GET", f"/containers/{container}/json").status == 404
    wait_until(lambda: any(container in warning for warning in engine.get("/info")["Warnings"]))
    engine.kill_daemon()
    go.touch()
    engine.start_daemon()
    wait_until(lambda: not os.path.exists(f"{engine.state_dir}/runtime-root/sticky/{container}"), 20)


@pytest.mark.parametrize("name", ["runc", "crun"])
def test_a_process_that_was_put_into_the_containers_cgroup_goes_with_it(fresh_engine: Engine, name: str) -> None:
    """runc forgets a container although it can't remove its cgroup."""
    container = fresh_engine.running(host={"Runtime": name})
    pid = fresh_engine.state(container)["Pid"]
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    (where,) = [line for line in lines if ":pids:" in line] or lines[-1:]
    controller, path = where.split(":", 2)[1:]
    folder = f"/sys/fs/cgroup/{controller}{path}/below".replace("//", "/")
    os.mkdir(folder)
    with subprocess.Popen(["sleep", "1000"]) as stranger:
        Path(folder, "cgroup.procs").write_text(str(stranger.pid))
        fresh_engine.post(f"/containers/{container}/kill")
        assert stranger.wait(20) == -9
    wait_until(lambda: not glob.glob(f"/sys/fs/cgroup/*/{fresh_engine.name}/{container}"))
