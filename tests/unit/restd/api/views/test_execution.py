from __future__ import annotations

from restd.api.views.execution import exec_view
from restd.model.container import Exec, ExecConfig

RECORD = Exec("e" * 64, "c" * 64, ExecConfig(("sh", "-c", "x"), attach_stdin=True, tty=True, user="me"))


def test_the_process_has_lower_case_keys() -> None:
    assert exec_view(RECORD)["ProcessConfig"] == {
        "tty": True,
        "entrypoint": "sh",
        "arguments": ["-c", "x"],
        "privileged": False,
        "user": "me",
    }


def test_there_is_no_exit_code_before_the_end() -> None:
    view = exec_view(RECORD)
    assert (view["ExitCode"], view["CanRemove"], view["OpenStdin"]) == (None, False, True)
    ended = exec_view(Exec("e" * 64, "c" * 64, ExecConfig(("true",)), exit_code=0))
    assert (ended["ExitCode"], ended["CanRemove"]) == (0, True)
