import os
from pathlib import Path

import pytest

from restd.lib.cgroups import is_frozen, is_in, thaw

V1 = "7:freezer:/isulad/x\n1:cpu:/\n0::/isulad/x\n"
V2 = "0::/isulad/x\n"


def host(folder: Path, cgroup: str, files: dict[str, str]) -> str:
    (folder / "proc/5").mkdir(parents=True)
    (folder / "proc/5/cgroup").write_text(cgroup)
    for name, text in files.items():
        path = folder / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return str(folder)


@pytest.mark.parametrize(
    ("cgroup", "files", "frozen"),
    [
        (V1, {"freezer/isulad/x/freezer.state": "FROZEN\n"}, True),
        (V1, {"freezer/isulad/x/freezer.state": "THAWED\n"}, False),
        (V2, {"isulad/x/cgroup.freeze": "1\n"}, True),
        (V2, {"isulad/x/cgroup.freeze": "0\n"}, False),
        (V2, {}, None),
        ("nonsense\n", {}, None),
    ],
)
def test_a_frozen_cgroup_is_seen_on_both_versions(
    tmp_path: Path, cgroup: str, files: dict[str, str], frozen: bool | None
) -> None:
    root = host(tmp_path, cgroup, files)
    assert is_frozen(5, root) is frozen
    assert is_frozen(6, root) is None


@pytest.mark.parametrize(
    ("cgroup", "switch", "thawed"),
    [(V1, "freezer/isulad/x/freezer.state", "THAWED"), (V2, "isulad/x/cgroup.freeze", "0")],
)
def test_a_frozen_cgroup_is_thawed(tmp_path: Path, cgroup: str, switch: str, thawed: str) -> None:
    root = host(tmp_path, cgroup, {switch: "FROZEN"})
    thaw(5, root)
    assert (tmp_path / "sys/fs/cgroup" / switch).read_text() == thawed
    thaw(6, root)


def test_a_process_is_found_in_its_cgroup_and_in_no_other(tmp_path: Path) -> None:
    root = host(tmp_path, V1, {})
    assert is_in(5, "x", root) and is_in(5, "isulad", root)
    assert not is_in(5, "isula", root) and not is_in(6, "x", root)
    assert not is_in(os.getpid(), "no-such-group")
