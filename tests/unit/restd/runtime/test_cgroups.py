import os
import subprocess
from pathlib import Path

import pytest

from restd.runtime import cgroups
from restd.runtime.base import RuntimeFailure
from restd.runtime.cgroups import Cgroups


def tree(root: Path, *paths: str) -> Cgroups:
    for path in paths:
        (root / path).mkdir(parents=True)
    return Cgroups(str(root))


def test_a_cgroup_is_found_in_every_hierarchy_and_in_the_one_of_v2(tmp_path: Path) -> None:
    old = tree(tmp_path / "v1", "cpu/isulad/box", "memory/isulad/box/sub", "pids/isulad")
    assert sorted(old.folders("/isulad/box")) == [
        f"{tmp_path}/v1/cpu/isulad/box",
        f"{tmp_path}/v1/memory/isulad/box",
    ]
    new = tree(tmp_path / "v2", "isulad/box")
    assert new.folders("/isulad/box") == [f"{tmp_path}/v2/isulad/box"]
    assert tree(tmp_path / "none").folders("/isulad/box") == []


def test_those_below_go_too(tmp_path: Path) -> None:
    made = tree(tmp_path, "cpu/isulad/box/sub/subsub", "memory/isulad/box")
    made.remove("/isulad/box")
    assert made.folders("/isulad/box") == [] and (tmp_path / "cpu/isulad").exists()


def test_what_is_inside_is_killed_and_named_if_that_does_not_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroups, "GONE_SECONDS", 0.02)
    made = tree(tmp_path, "cpu/isulad/box/sub")
    process = subprocess.Popen(["sleep", "60"])
    # A plain folder with a file in it can't be removed, whatever becomes of the process.
    (tmp_path / "cpu/isulad/box/sub/cgroup.procs").write_text(f"{process.pid}\n")
    with pytest.raises(RuntimeFailure, match=rf"cpu/isulad/box with the processes {process.pid} is busy"):
        made.remove("/isulad/box")
    assert process.wait(5) == -9
    os.unlink(tmp_path / "cpu/isulad/box/sub/cgroup.procs")
    made.remove("/isulad/box")
