from __future__ import annotations

from typing import Any

import pytest

from restd.api.schemas.execution import ExecStart, read_exec_create, read_exec_start
from restd.errors import InvalidParameter
from restd.model.container import ExecConfig


@pytest.mark.parametrize("body", [{}, {"Cmd": []}, {"Cmd": None}, {"Tty": True}])
def test_an_exec_needs_a_command(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter, match="^No exec command specified$"):
        read_exec_create(body, (1, 50))


def test_an_exec_is_read() -> None:
    body = {"cmd": ["sh"], "AttachStdin": True, "Env": ["A=1"], "ConsoleSize": [24, 80]}
    assert read_exec_create(body, (1, 50)) == ExecConfig(
        ("sh",), attach_stdin=True, env=("A=1",), console_size=(24, 80)
    )
    assert read_exec_create(body, (1, 41)).console_size is None


def test_a_start_may_say_nothing() -> None:
    assert read_exec_start({}, (1, 50)) == ExecStart()
    assert read_exec_start({"Detach": True, "ConsoleSize": [1, 2]}, (1, 50)) == ExecStart(True, False, (1, 2))
    assert read_exec_start({"ConsoleSize": [1, 2]}, (1, 40)).console_size is None
