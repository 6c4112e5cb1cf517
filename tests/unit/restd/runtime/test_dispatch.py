from pathlib import Path
from typing import Any, cast

import pytest

from restd.config import Config, RuntimeConfig
from restd.errors import InvalidParameter, NotImplementedYet
from restd.runtime.dispatch import Runtimes
from restd.runtime.nursery import Nursery
from tests.unit.restd.container.sample import container


def runtimes(tmp_path: Path, **changes: Any) -> Runtimes:
    program = tmp_path / "custom"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    config = Config(
        state=str(tmp_path / "s"),
        runtimes={
            "mine": RuntimeConfig(str(program), ("--debug",)),
            "gone": RuntimeConfig("/nonexistent/runtime"),
            "runc": RuntimeConfig(str(program)),
        },
        **changes,
    )
    return Runtimes(config, cast(Nursery, None))


def test_the_name_comes_from_the_request_then_the_configuration(tmp_path: Path) -> None:
    assert runtimes(tmp_path).resolve("mine") == "mine"
    assert runtimes(tmp_path, default_runtime="mine").resolve("") == "mine"
    assert runtimes(tmp_path).resolve("") == "runc"


def test_any_other_name_is_answered_with_the_allowed_ones(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter) as caught:
        runtimes(tmp_path).resolve("hope")
    message = str(caught.value)
    assert message.startswith("unknown or invalid runtime name: hope; allowed: ")
    for name in ("runc", "crun", "runsc", "kata-runtime", "lcr", "io.containerd.NAME.vN", "mine"):
        assert name in message


@pytest.mark.parametrize("name", ["lcr", "io.containerd.runc.v2"])
def test_kinds_that_are_not_there_yet_say_so(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotImplementedYet, match=f"runtime {name} is not supported yet; usable on this host: .*mine"):
        runtimes(tmp_path).resolve(name)


def test_a_runtime_without_its_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="runtime gone: no such program: /nonexistent/runtime"):
        runtimes(tmp_path).resolve("gone")
    assert "gone" not in runtimes(tmp_path).programs()


def test_a_container_whose_runtime_was_taken_out_of_the_configuration_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match=r"needs the runtime former, which daemon\.json no longer has"):
        runtimes(tmp_path).of(container(runtime="former"))


def test_only_what_the_engine_does_not_know_is_a_stray(tmp_path: Path) -> None:
    made = runtimes(tmp_path)
    for name in ("a" * 64, "b" * 64, "not-an-id"):
        (tmp_path / "s/runtime-root/mine" / name).mkdir(parents=True)
    assert made.strays({"a" * 64}) == [("mine", "b" * 64)]
    assert made.keeps(container(runtime="mine", id="a" * 64)) and not made.keeps(container(runtime="mine"))
