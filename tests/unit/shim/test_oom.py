"""Where the kernel's OOM count is found, on recorded cgroup trees, and how it is read."""

from __future__ import annotations

from pathlib import Path

from shim import oom
from shim.loop import Loop

V1 = "12:pids:/docker/x\n7:memory:/docker/x\n1:name=systemd:/docker/x\n0::/\n"
V2 = "0::/system.slice/docker-x.scope\n"


def make(root: Path, path: str, text: str) -> str:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return str(file)


def test_v1_and_hybrid_hosts_count_in_the_memory_controller(tmp_path: Path) -> None:
    file = make(tmp_path, "memory/docker/x/memory.oom_control", "")
    assert oom.find(V1, str(tmp_path)) == (file, False)


def test_v2_hosts_count_in_memory_events(tmp_path: Path) -> None:
    file = make(tmp_path, "system.slice/docker-x.scope/memory.events", "")
    assert oom.find(V2, str(tmp_path)) == (file, True)


def test_no_memory_controller_is_no_error(tmp_path: Path) -> None:
    assert oom.find(V1, str(tmp_path)) is None
    assert oom.find(V2, str(tmp_path)) is None
    assert oom.find("", str(tmp_path)) is None


def test_kills_are_read_from_either_file() -> None:
    assert oom.kills("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n") == 3
    assert oom.kills("low 0\nhigh 9\nmax 12\noom 2\noom_kill 1\noom_group_kill 0\n") == 1
    assert oom.kills("oom_kill_disable 0\nunder_oom 1\n") == 0


def test_a_v2_kill_is_told_once(tmp_path: Path) -> None:
    file = make(tmp_path, "memory.events", "oom_kill 0\n")
    told: list[bool] = []

    class Quiet(Loop):
        """A plain file can't be polled for urgent data; a cgroup's can."""

        def watch(self, descriptor: int, events: int, handler: object) -> None:
            pass

    loop = Quiet(lambda error: None)
    watch = oom.Watch(loop, file, True, lambda: told.append(True))
    assert not watch.check()
    Path(file).write_text("oom_kill 2\n")
    assert watch.check()
    assert watch.check()
    assert told == [True]
    watch.close()
    loop.close()
