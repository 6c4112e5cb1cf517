import shutil
import subprocess
from pathlib import Path

from restd.network.cni.orphans import end_orphans


def test_only_plugins_of_this_engine_are_ended(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    program = shutil.which("sleep")
    assert program is not None
    shutil.copy(program, folder / "bridge")

    def started(program: str, netns: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([program, "60"], env={"CNI_COMMAND": "ADD", "CNI_NETNS": netns})

    ours = started(str(folder / "bridge"), f"{tmp_path}/run/netns/x")
    others = [started(str(folder / "bridge"), "/run/other/netns/x"), started("sleep", f"{tmp_path}/run/netns/x")]
    try:
        assert end_orphans([str(folder), "/nowhere"], f"{tmp_path}/run") == 1
        assert ours.wait(5) == -9
        assert all(other.poll() is None for other in others)
        assert end_orphans([str(folder)], f"{tmp_path}/run") == 0
    finally:
        for process in (ours, *others):
            process.kill()
            process.wait()
