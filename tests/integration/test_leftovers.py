"""The check for leftovers itself: it must find each kind of thing, or it proves nothing."""

from __future__ import annotations

import contextlib
import glob
import os
import subprocess
from collections.abc import Iterator

import pytest

from tests import leftovers
from tests.engine import run
from tests.waiting import wait_until

pytestmark = [pytest.mark.root]

MARK = f"irt-~{os.getpid()}-"  # no run has such a name


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    assert leftovers.find(MARK) == []
    yield
    for _ in range(3):
        leftovers.clear(leftovers.find(MARK))
    assert wait_until(lambda: not leftovers.find(MARK))


@contextlib.contextmanager
def sleeping(*prefix: str, cwd: str | None = None) -> Iterator[None]:
    process = subprocess.Popen([*prefix, "sleep", "1000"], cwd=cwd)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def kinds() -> set[str]:
    return {left.kind for left in leftovers.find(MARK)}


def test_a_process_by_its_network_namespace() -> None:
    run("ip", "netns", "add", f"{MARK}00")
    assert kinds() == {"netns"}
    with sleeping("nsenter", f"--net={leftovers.NETNS}/{MARK}00"):
        wait_until(lambda: kinds() == {"netns", "process"})


def test_a_process_by_its_working_folder_and_command_line() -> None:
    place = f"{leftovers.PLACES}/{MARK}00"
    os.mkdir(place)
    with sleeping(cwd=place):
        wait_until(lambda: kinds() == {"folder", "process"})
    assert kinds() == {"folder"}
    with open(f"{place}/file", "w"), subprocess.Popen(["tail", "-f", f"{place}/file"]) as process:
        wait_until(lambda: kinds() == {"folder", "process"})
        process.kill()


def test_a_process_by_a_mount_of_its_own_namespace() -> None:
    place = f"{leftovers.PLACES}/{MARK}00"
    os.mkdir(place)
    script = f"mount -t tmpfs none {place} && cd / && exec sleep 1000"
    process = subprocess.Popen(["unshare", "-m", "sh", "-c", script])
    try:
        wait_until(lambda: "process" in kinds())
        assert "mount" not in kinds()
    finally:
        process.kill()
        process.wait()


def test_a_process_by_its_cgroup() -> None:
    hierarchy = next(
        path for path in ("/sys/fs/cgroup/pids", "/sys/fs/cgroup") if os.path.exists(f"{path}/cgroup.procs")
    )
    group = f"{hierarchy}/{MARK}00/inner"
    os.makedirs(group)
    with sleeping("sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh"):
        wait_until(lambda: kinds() == {"cgroup", "process"})
    wait_until(lambda: kinds() == {"cgroup"})


def test_a_mount_and_a_loop_device() -> None:
    place = f"{leftovers.PLACES}/{MARK}00"
    os.makedirs(f"{place}/m")
    run("mount", "-t", "tmpfs", "none", f"{place}/m")
    assert kinds() == {"folder", "mount"}
    run("umount", f"{place}/m")
    with open(f"{place}/disk", "wb") as file:
        file.truncate(1 << 20)
    if not glob.glob("/dev/loop-control"):
        pytest.skip("no loop devices here")
    with contextlib.suppress(subprocess.CalledProcessError):
        run("losetup", "-f", f"{place}/disk")
        assert kinds() == {"folder", "loop"}
