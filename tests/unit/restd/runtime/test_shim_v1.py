import asyncio
import json
import os
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.config import Config, RuntimeConfig
from restd.errors import SystemFailure
from restd.runtime import shim_v1
from restd.runtime.base import Handed, RuntimeFailure
from restd.runtime.cgroups import Cgroups
from restd.runtime.nursery import Nursery
from restd.runtime.shim_v1 import ShimV1, error_text, is_gone
from shim.protocol import Born, ProcessSpec
from tests.unit.restd.container.sample import ID, container

BOX = container(runtime="mine")


class Births:
    """A nursery that answers as it is told."""

    def __init__(self, born: Born) -> None:
        self.born = born
        self.asked: list[Any] = []

    async def birth(self, *arguments: Any) -> tuple[Born, str]:
        self.asked.append(arguments)
        return self.born, "link"


def ops(tmp_path: Path, script: str, nursery: Any = None) -> ShimV1:
    """A runtime that is the shell `script`; its arguments go to the file `calls`."""
    program = tmp_path / "runtime"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n{script}\n')
    program.chmod(0o755)
    config = Config(state=str(tmp_path / "s"), runtimes={"mine": RuntimeConfig(str(program), ("--custom",))})
    return ShimV1(config, cast(Nursery, nursery))


def calls(tmp_path: Path) -> list[str]:
    return (tmp_path / "calls").read_text().splitlines()


def test_every_call_names_the_engines_own_root_and_the_custom_arguments(tmp_path: Path) -> None:
    made = ops(tmp_path, "")
    asyncio.run(made.start(BOX))
    asyncio.run(made.kill(BOX, 15))
    asyncio.run(made.kill(BOX, 9, everyone=True))
    before = f"--custom --root {tmp_path}/s/runtime-root/mine --log-format json"
    assert calls(tmp_path) == [f"{before} start {ID}", f"{before} kill {ID} 15", f"{before} kill --all {ID} 9"]


def test_the_runtimes_own_words_are_the_error(tmp_path: Path) -> None:
    made = ops(tmp_path, """echo '{"level":"error","msg":"cgroup is busy"}' >&2; exit 1""")
    with pytest.raises(RuntimeFailure, match="^cgroup is busy$") as caught:
        asyncio.run(made.pause(BOX))
    assert caught.value.kind == "runtime"


def test_a_silent_failure_says_at_least_which_call_it_was(tmp_path: Path) -> None:
    with pytest.raises(RuntimeFailure, match="mine resume ended with exit code 7"):
        asyncio.run(ops(tmp_path, "exit 7").resume(BOX))


def test_a_call_that_takes_too_long_is_a_timeout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shim_v1, "CALL_SECONDS", 0.05)
    with pytest.raises(RuntimeFailure) as caught:
        asyncio.run(ops(tmp_path, "exec sleep 60").resume(BOX))
    assert caught.value.kind == "timeout"


def test_a_start_may_take_as_long_as_it_is_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shim_v1, "CALL_SECONDS", 0.05)
    asyncio.run(ops(tmp_path, "exec sleep 0.2").start(BOX))


def test_a_runtime_that_talks_without_end_is_cut_short(tmp_path: Path) -> None:
    with pytest.raises(RuntimeFailure) as caught:
        asyncio.run(ops(tmp_path, "head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1").resume(BOX))
    assert len(str(caught.value)) == shim_v1.MESSAGE_LIMIT


def test_cleaning_what_is_gone_is_done_already(tmp_path: Path) -> None:
    asyncio.run(
        ops(tmp_path, """echo '{"level":"error","msg":"container does not exist"}' >&2; exit 1""").clean_resource(BOX)
    )
    with pytest.raises(RuntimeFailure):
        asyncio.run(ops(tmp_path, "echo busy >&2; exit 1").clean_resource(BOX))


def test_a_delete_that_left_its_state_has_failed_whatever_it_says(tmp_path: Path) -> None:
    made = ops(tmp_path, "exit 0")
    asyncio.run(made.clean_resource(BOX))
    os.makedirs(f"{made._root(BOX.runtime)}/{BOX.id}/state")
    with pytest.raises(RuntimeFailure, match="has left"):
        asyncio.run(made.clean_resource(BOX))


def test_a_status_is_the_runtimes_word_or_gone(tmp_path: Path) -> None:
    assert asyncio.run(ops(tmp_path, """echo '{"status":"paused"}'""").status(BOX)) == "paused"
    gone = """echo '{"level":"error","msg":"container does not exist"}' >&2; exit 1"""
    assert asyncio.run(ops(tmp_path, gone).status(BOX)) == "gone"
    with pytest.raises(RuntimeFailure, match="no JSON object with a status"):
        asyncio.run(ops(tmp_path, "echo nonsense").status(BOX))


def test_process_ids_are_read_from_json(tmp_path: Path) -> None:
    assert asyncio.run(ops(tmp_path, "echo '[1, 22]'").listpids(BOX)) == [1, 22]
    assert asyncio.run(ops(tmp_path, "echo null").listpids(BOX)) == []
    with pytest.raises(RuntimeFailure, match="no list of process ids"):
        asyncio.run(ops(tmp_path, "echo PID").listpids(BOX))


def test_resources_go_to_the_runtimes_input(tmp_path: Path) -> None:
    asyncio.run(ops(tmp_path, f"cat > {tmp_path}/input").update(BOX, {"pids": {"limit": 3}}))
    assert json.loads((tmp_path / "input").read_text()) == {"pids": {"limit": 3}}


def test_a_create_writes_the_bundle_and_asks_for_a_shim(tmp_path: Path) -> None:
    births = Births(Born(True, pid=7))
    made = ops(tmp_path, "", births)
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    box = container(runtime="mine", directory=str(bundle), run_directory=str(tmp_path / "run"))
    started = asyncio.run(made.create(box, {"ociVersion": "1.0.2"}, ProcessSpec(ID, [], ""), Handed()))
    assert started.pid == 7
    assert json.loads((bundle / "config.json").read_text()) == {"ociVersion": "1.0.2"}
    process = json.loads((tmp_path / "run/process.json").read_text())
    assert process["bundle"] == str(bundle)
    assert process["runtime"] == [str(tmp_path / "runtime"), "--custom", "--root", f"{tmp_path}/s/runtime-root/mine"]


@pytest.mark.parametrize(("runtime", "at_once"), [("runc", True), ("crun", True), ("runsc", False), ("mine", False)])
def test_only_runtimes_known_to_can_are_asked_to_start_as_well(tmp_path: Path, runtime: str, at_once: bool) -> None:
    made = ops(tmp_path, "", Births(Born(True, pid=7, at=9)))
    made._programs[runtime] = f"/bin/{runtime}"
    box = container(runtime=runtime, directory=str(tmp_path), run_directory=str(tmp_path / "run"))
    assert asyncio.run(made.create(box, {}, ProcessSpec(ID, [], "", start=True), Handed())).at == 9
    assert json.loads((tmp_path / "run/process.json").read_text())["start"] is at_once


def test_a_shim_that_says_no_is_the_runtimes_failure(tmp_path: Path) -> None:
    births = Births(Born(False, kind="not-found", message="no such program"))
    made = ops(tmp_path, "", births)
    box = container(runtime="mine", run_directory=str(tmp_path / "run"))
    with pytest.raises(RuntimeFailure, match="no such program") as caught:
        asyncio.run(made.exec(box, "e" * 64, ProcessSpec(ID, [], "", exec_id="e" * 64), Handed()))
    assert caught.value.kind == "not-found"
    assert births.asked[0][0] == f"{tmp_path}/run/exec/{'e' * 64}"


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (b"", ""),
        (b"plain words\n", "plain words"),
        (b'{"level":"warning","msg":"hm"}\n{"level":"error","msg":" last "}\n', "last"),
        (b'{"level":"error","msg":"first"}\nplain\n', "first"),
        (b'{"level":"info","msg":"x"}\n', ""),
        (b"[1]\n\xff\n", "\ufffd"),
    ],
)
def test_the_last_error_of_the_output_is_its_text(output: bytes, text: str) -> None:
    assert error_text(output) == text


@given(st.binary(max_size=200))
def test_any_output_has_a_text(output: bytes) -> None:
    assert isinstance(error_text(output), str)


@pytest.mark.parametrize(
    "message",
    [
        "container does not exist",
        "container not running",
        "kill container: No such process",
        "error opening file `/x/crun/ID/status`: No such file or directory",
        "os: process already finished",
    ],
)
def test_both_runtimes_words_for_gone_are_known(message: str) -> None:
    assert is_gone(message) and not is_gone("exec /x: no such file or directory")


def test_a_missing_shim_is_not_a_runtimes_failure(tmp_path: Path) -> None:
    class Dead:
        async def birth(self, *_: Any) -> Any:
            raise SystemFailure("the shim died")

    box = container(runtime="mine", directory=str(tmp_path), run_directory=str(tmp_path / "run"))
    with pytest.raises(SystemFailure):
        asyncio.run(ops(tmp_path, "", Dead()).create(box, {}, ProcessSpec(ID, [], ""), Handed()))


def test_a_cgroup_that_the_runtime_left_is_removed_and_marked_until_it_is(tmp_path: Path) -> None:
    made = ops(tmp_path, "")
    cgroups = FakeCgroups()
    made._cgroups = cast(Cgroups, cgroups)
    asyncio.run(made.clean_resource(BOX))
    assert not made.keeps(BOX) and cgroups.removed == []
    cgroups.there, cgroups.busy = True, True
    with pytest.raises(RuntimeFailure, match="busy"):
        asyncio.run(made.clean_resource(BOX))
    cgroups.there = False
    assert made.keeps(BOX) and ("mine", ID) in list(made.known())
    cgroups.there, cgroups.busy = True, False
    asyncio.run(made.clean_resource(BOX))
    cgroups.there = False
    assert cgroups.removed == [f"/isulad/{ID}"] and not made.keeps(BOX)


class FakeCgroups:
    def __init__(self) -> None:
        self.there = self.busy = False
        self.removed: list[str] = []

    def folders(self, path: str) -> list[str]:
        return ["folder"] if self.there else []

    def remove(self, path: str) -> None:
        if self.busy:
            raise RuntimeFailure("the cgroup is busy")
        self.removed.append(path)
