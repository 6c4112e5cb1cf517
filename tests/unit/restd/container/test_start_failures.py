import pytest

from restd.container.start_failures import failure_of, in_dockers_words
from restd.errors import InvalidParameter, SystemFailure
from restd.runtime.base import RuntimeFailure
from tests.unit.restd.container.sample import container

RUNC = "runc create failed: unable to start container process"


@pytest.mark.parametrize(
    ("message", "kind", "code", "status"),
    [
        (f'{RUNC}: exec: "nope": executable file not found in $PATH', "not-found", 127, InvalidParameter),
        (f'{RUNC}: exec: "/x": stat /x: no such file or directory', "not-found", 127, InvalidParameter),
        (f'{RUNC}: exec: "/etc": permission denied', "not-executable", 126, InvalidParameter),
        ("executable file `nope` not found in $PATH: No such file or directory", "not-found", 127, InvalidParameter),
        ("open executable: Operation not permitted", "runtime", 126, InvalidParameter),
        (f"{RUNC}: error mounting: not a directory", "runtime", 127, InvalidParameter),
        (f"{RUNC}: cgroup: something broke", "runtime", 128, SystemFailure),
        ("runc did not end within 120 s", "timeout", 128, SystemFailure),
    ],
)
def test_a_runtimes_words_become_dockers_status_and_code(
    message: str, kind: str, code: int, status: type[Exception]
) -> None:
    failure = failure_of(RuntimeFailure(message, kind), container())
    assert failure.exit_code == code
    assert type(failure.error) is status
    assert str(failure.error).startswith(
        "failed to create task for container: failed to create shim task: OCI runtime create failed: "
    )


@pytest.mark.parametrize(
    ("message", "kind", "program", "words"),
    [
        ("executable file `x` not found", "not-found", "x", "executable file not found in $PATH"),
        ("executable file `/x` not found", "not-found", "/x", "no such file or directory"),
        ("open executable: Permission denied", "not-executable", "/etc/passwd", "permission denied"),
    ],
)
def test_the_words_that_clients_look_for_are_always_there(message: str, kind: str, program: str, words: str) -> None:
    assert words in in_dockers_words(message, kind, program)


def test_the_engines_own_errors_stay_what_they_are() -> None:
    error = InvalidParameter("unable to find user x: no matching entries in passwd file")
    assert failure_of(error, container()).error is error
    assert isinstance(failure_of(OSError("disk"), container()).error, SystemFailure)
