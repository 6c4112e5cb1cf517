"""Volumes: made, filled, shared, mounted by options, and gone with whom they belong to; after crashes too."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.calls import Refused
from tests.engine import Engine
from tests.waiting import wait_until

pytestmark = [pytest.mark.root, pytest.mark.peer]

DATA = "/data"


@pytest.fixture(autouse=True)
def no_volumes(request: pytest.FixtureRequest) -> Any:
    """The shared engine has no volumes before and after."""
    engine: Engine | None = request.getfixturevalue("engine") if "engine" in request.fixturenames else None
    yield
    if engine is not None:
        engine.remove_all()
        for volume in names(engine):
            engine.delete(f"/volumes/{volume}")


def names(engine: Engine, **filters: list[str]) -> list[str]:
    found = engine.get("/volumes", filters=filters)["Volumes"]
    return sorted(str(volume["Name"]) for volume in found or [])


def files(engine: Engine, volume: str) -> Path:
    return Path(engine.get(f"/volumes/{volume}")["Mountpoint"])


def test_the_life_of_a_named_volume(engine: Engine) -> None:
    made = engine.post("/volumes/create", {"Name": "vol", "Labels": {"a": "b"}}).json()
    assert (made["Name"], made["Driver"], made["Scope"], made["Labels"]) == ("vol", "local", "local", {"a": "b"})
    assert engine.post("/volumes/create", {"Name": "vol"}).json() == made == engine.get("/volumes/vol")
    assert names(engine, label=["a=b"]) == names(engine, dangling=["true"]) == ["vol"]
    container = engine.create(["true"], host={"Binds": [f"vol:{DATA}"]})
    assert names(engine, dangling=["true"]) == []
    reply = engine.ask("DELETE", "/volumes/vol")
    assert reply.status == 409 and reply.message == f"remove vol: volume is in use - [{container}]"
    engine.remove(container)
    engine.delete("/volumes/vol")
    assert engine.ask("GET", "/volumes/vol").message == "get vol: no such volume"


def test_what_one_container_writes_another_reads(engine: Engine, runtime: str) -> None:
    write = ["sh", "-c", f"echo hi > {DATA}/file"]
    assert engine.run(write, host={"Binds": [f"vol:{DATA}"]}).code == 0
    assert engine.run(["cat", "/x/file"], host={"Binds": ["vol:/x:ro"]}).stdout == b"hi\n"
    refused = engine.run(["touch", "/x/file"], host={"Binds": ["vol:/x:ro"]})
    assert refused.code != 0 and b"Read-only" in refused.stderr
    mounts = [{"Type": "volume", "Source": "vol", "Target": "/x", "ReadOnly": True}]
    assert engine.run(["touch", "/x/file"], host={"Mounts": mounts}).code != 0
    assert (files(engine, "vol") / "file").read_text() == "hi\n"


def test_anonymous_volumes_go_with_their_container_if_asked(engine: Engine) -> None:
    for query, left in (({"v": 1}, 0), ({}, 1)):
        container = engine.create(["true"], host={"Binds": ["vol:/named"]}, Volumes={DATA: {}})
        engine.delete(f"/containers/{container}", **query)
        assert len(names(engine)) == 1 + left and "vol" in names(engine)


def test_auto_remove_takes_anonymous_volumes(engine: Engine) -> None:
    container = engine.running(host={"AutoRemove": True, "Binds": ["vol:/named"]}, Volumes={DATA: {}})
    assert len(names(engine)) == 2
    engine.post(f"/containers/{container}/kill")
    wait_until(lambda: names(engine) == ["vol"])


def test_volumes_from_another_container(engine: Engine, runtime: str) -> None:
    donor = engine.create(["true"], host={"Binds": [f"vol:{DATA}"]}, Volumes={"/anon": {}})
    (files(engine, "vol") / "file").write_text("x")
    host = {"VolumesFrom": [f"{donor}:ro"]}
    assert engine.run(["cat", f"{DATA}/file"], host=host).stdout == b"x"
    assert engine.run(["touch", "/anon/x"], host=host).code != 0
    heir = engine.create(["true"], host={"VolumesFrom": [donor]})
    engine.delete(f"/containers/{donor}", v=1)
    assert len(names(engine)) == 2, "the heir has it still"
    engine.delete(f"/containers/{heir}", v=1)
    assert names(engine) == ["vol"]


def test_an_empty_volume_gets_what_the_image_has(engine: Engine) -> None:
    engine.create(["true"], host={"Binds": ["vol:/etc", "plain:/etc2", "bare:/tmp:nocopy"]})
    engine.create(["true"], host={"Binds": ["tmp:/tmp"]})
    assert "passwd" in os.listdir(files(engine, "vol"))
    assert os.listdir(files(engine, "plain")) == []
    assert os.stat(files(engine, "tmp")).st_mode & 0o7777 == 0o1777
    assert os.stat(files(engine, "bare")).st_mode & 0o7777 == 0o755
    (files(engine, "vol") / "passwd").write_text("mine")
    engine.create(["true"], host={"Binds": ["vol:/etc"]})
    assert (files(engine, "vol") / "passwd").read_text() == "mine"


def test_what_the_options_name_is_mounted_while_somebody_runs(engine: Engine, runtime: str) -> None:
    options = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,uid=7"}
    engine.post("/volumes/create", {"Name": "mem", "DriverOpts": options})
    path = str(files(engine, "mem"))

    def mounted() -> bool:
        return f" {path} " in Path("/proc/self/mountinfo").read_text()

    first, second = (engine.running(host={"Binds": [f"mem:{DATA}"]}) for _ in range(2))
    assert mounted() and engine.exec(first, ["stat", "-c", "%u", DATA]).stdout == b"7\n"
    engine.exec(first, ["touch", f"{DATA}/file"])
    engine.post(f"/containers/{first}/kill")
    assert engine.exec(second, ["ls", DATA]).stdout == b"file\n" and mounted()
    engine.post(f"/containers/{second}/kill")
    wait_until(lambda: not mounted())


def test_options_that_can_not_be_mounted_say_so_at_the_start(engine: Engine) -> None:
    options = {"type": "none", "device": "/nonexistent", "o": "bind"}
    engine.post("/volumes/create", {"Name": "gone", "DriverOpts": options})
    container = engine.create(["true"], host={"Binds": [f"gone:{DATA}"]})
    reply = engine.ask("POST", f"/containers/{container}/start")
    assert reply.status == 500 and "failed to mount local volume: mount /nonexistent:" in reply.message
    assert "no such file or directory" in reply.message


def test_prune_leaves_what_is_used(engine: Engine) -> None:
    used = engine.create(["true"], Volumes={DATA: {}})
    engine.post("/volumes/create", {})
    engine.post("/volumes/create", {"Name": "named"})
    pruned = engine.call("POST", "/v1.41/volumes/prune").json()
    assert len(pruned["VolumesDeleted"]) == 2 and "named" in pruned["VolumesDeleted"]
    assert len(names(engine)) == 1
    engine.remove(used)


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ({"Binds": ["a:/data"]}, "volume name is too short"),
        ({"Binds": ["./x:/data"]}, "If you intended to pass a host directory, use absolute path"),
        ({"Binds": ["vol:data"]}, "mount path must be absolute"),
        ({"Binds": ["vol:/data", "two:/data"]}, "Duplicate mount point: /data"),
        ({"Binds": ["vol:/data:fast"]}, "invalid mode: fast"),
        ({"VolumesFrom": ["nobody"]}, "No such container: nobody"),
        ({"VolumeDriver": "nope", "Binds": ["vol:/data"]}, 'plugin "nope" not found'),
        ({"Mounts": [{"Type": "volume", "Target": "/x", "ReadOnly": True}]}, "must not set ReadOnly mode when using"),
        ({"Binds": ["vol:/bin/busybox"]}, "is not directory"),
    ],
)
def test_what_can_not_be_had_is_refused_in_dockers_words(engine: Engine, host: dict[str, Any], words: str) -> None:
    reply = engine.ask("POST", "/containers/create", engine.create_body(["true"], host, {}))
    assert 400 <= reply.status <= 500 and words in reply.message
    assert engine.get("/containers/json", all=1) == []


@pytest.mark.ours("20.10 does not know it")
def test_a_part_of_a_volume(engine: Engine, runtime: str) -> None:
    engine.post("/volumes/create", {"Name": "vol"})
    mounts = [{"Type": "volume", "Source": "vol", "Target": "/x", "VolumeOptions": {"Subpath": "a/b"}}]
    container = engine.create(["cat", "/x/file"], host={"Mounts": mounts})
    reply = engine.ask("POST", f"/containers/{container}/start")
    assert "cannot access path" in reply.message
    (files(engine, "vol") / "a/b").mkdir(parents=True)
    (files(engine, "vol") / "a/b/file").write_text("part")
    assert engine.run(["cat", "/x/file"], host={"Mounts": mounts}).stdout == b"part"
    assert (files(engine, "vol") / "a/b/file").exists()


# -- over the daemon's end ---------------------------------------------------------------------------------------------


@pytest.mark.ours("it has no way to be killed in a test without its containerd")
def test_a_killed_daemon_forgets_no_volume_and_mounts_none_twice(fresh_engine: Engine) -> None:
    engine = fresh_engine
    engine.post("/volumes/create", {"Name": "mem", "DriverOpts": {"type": "tmpfs", "device": "tmpfs"}})
    container = engine.running(host={"Binds": [f"mem:{DATA}", "vol:/v"]}, Volumes={"/anon": {}})
    engine.exec(container, ["touch", f"{DATA}/file"])
    before = [engine.get(f"/volumes/{name}") for name in names(engine)]
    engine.kill_daemon()
    engine.start_daemon()
    assert [engine.get(f"/volumes/{name}") for name in names(engine)] == before
    assert engine.exec(container, ["ls", DATA]).stdout == b"file\n"
    assert engine.ask("DELETE", "/volumes/vol").status == 409
    path = str(files(engine, "mem"))
    engine.kill_daemon()
    os.kill(int(wait_until(lambda: pid_of(engine, container))), 9)
    engine.start_daemon()
    wait_until(lambda: f" {path} " not in Path("/proc/self/mountinfo").read_text())
    engine.delete(f"/containers/{container}", v=1)
    for name in ("mem", "vol"):
        engine.delete(f"/volumes/{name}")
    assert names(engine) == []


def remove_some(engine: Engine) -> None:
    for item in engine.get("/containers/json", all=1)[:3]:
        engine.remove(item["Id"])


def pid_of(engine: Engine, container: str) -> str:
    return Path(engine.state_dir, "runc", container, "pid").read_text()


@pytest.mark.ours("a test of what we promise")
def test_kills_under_churn_leave_no_anonymous_volume_and_no_mount(fresh_engine: Engine) -> None:
    engine = fresh_engine
    seed = random.Random(7)
    stop = threading.Event()
    churn: list[Callable[[], object]] = [
        lambda: engine.running(["true"], host={"Binds": [f"n{seed.randrange(4)}x:{DATA}"]}, Volumes={"/a": {}}),
        lambda: engine.create(["true"], Volumes={"/a": {}, "/b": {}}),
        lambda: engine.running(["true"], host={"AutoRemove": True}, Volumes={"/a": {}}),
        lambda: remove_some(engine),
        lambda: engine.delete(f"/volumes/n{seed.randrange(4)}x"),
    ]

    def work() -> None:
        while not stop.is_set():
            try:
                seed.choice(churn)()
            except (Refused, OSError, EOFError, ValueError):
                time.sleep(0.01)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(8):
            time.sleep(seed.uniform(0.2, 0.8))
            engine.kill_daemon()
            engine.start_daemon()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    engine.remove_all()
    wait_until(lambda: not [name for name in names(engine) if len(name) == 64], 20, "anonymous volumes gone")
    for name in names(engine):
        engine.delete(f"/volumes/{name}")
    assert names(engine) == [] and not os.listdir(f"{engine.root_dir}/volumes")
