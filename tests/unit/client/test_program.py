from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from client import VERSION
from client.program import run
from tests.unit.client.fake_engine import Answer, FakeEngine

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["imgaes"], 1, "isula-rest: unknown command imgaes; did you mean images?"),
        (["zzzz"], 1, "isula-rest: unknown command zzzz, 'isula-rest --help' lists all"),
        (["network", "mv"], 1, "isula-rest: unknown command network mv; did you mean network rm?"),
        (
            ["network", "zzzzzzzzz"],
            1,
            "isula-rest: unknown command network zzzzzzzzz, 'isula-rest network --help' lists all",
        ),
        (
            ["network", "rm"],
            1,
            "isula-rest: network rm: at least 1 argument wanted, 0 given; see 'isula-rest network rm --help'",
        ),
        (["ps", "--al"], 125, "isula-rest: ps: unknown option --al; did you mean --all? See 'isula-rest ps --help'"),
        (["ps", "-x"], 125, "isula-rest: ps: unknown option -x; see 'isula-rest ps --help'"),
        (["rename", "a"], 1, "isula-rest: rename: 2 arguments wanted, 1 given; see 'isula-rest rename --help'"),
        (["rm"], 1, "isula-rest: rm: at least 1 argument wanted, 0 given; see 'isula-rest rm --help'"),
        (["-H", "x", "ps"], 125, 'isula-rest: invalid address "x": unix:///PATH or tcp://HOST:PORT is wanted'),
        (["--hots", "x"], 125, "isula-rest: unknown option --hots; did you mean --host?"),
    ],
)
def test_mistakes_are_told_on_one_line(
    words: list[str], code: int, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == code
    assert capfd.readouterr() == ("", text + "\n")


def test_help_and_version_need_no_engine(capfd: pytest.CaptureFixture[str]) -> None:
    assert run([]) == run(["--help"]) == run(["help"]) == 0
    assert run(["ps", "--help"]) == run(["help", "ps"]) == 0
    assert run(["network"]) == run(["network", "--help"]) == run(["help", "network"]) == 0
    assert run(["network", "rm", "--help"]) == run(["help", "network", "rm"]) == 0
    assert run(["--version"]) == 0
    assert capfd.readouterr().out.endswith(f"isula-rest version {VERSION}\n")


def test_the_environment_names_the_engine_and_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    ok: Answer = (200, [])
    with FakeEngine({"GET /v1.40/containers/json": ok}) as fake:
        monkeypatch.setenv("ISULA_HOST", f"unix://{fake.path}")
        monkeypatch.setenv("DOCKER_API_VERSION", "1.40")
        assert run(["ps"]) == 0


def test_the_address_may_follow_the_command() -> None:
    ok: Answer = (200, [])
    with FakeEngine({"GET /containers/json": ok, "GET /images/x/history": ok}) as fake:
        assert run(["ps", "-H", fake.path, "-a"]) == 0
        assert run(["history", "-H", "--host", fake.path, "x"]) == 0


def test_an_unforeseen_failure_is_one_line_too(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"GET /containers/json": (200, [{}])}) as fake:
        assert fake.run("ps") == 1
        assert capfd.readouterr().err.startswith("isula-rest: KeyError:")
        with pytest.raises(KeyError):
            fake.run("--debug", "ps")


def test_a_closed_pipe_ends_it_quietly() -> None:
    with FakeEngine({"GET /containers/json": (200, [])}) as fake:
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            [sys.executable, "-m", "client", "-H", fake.path, "ps"],
            cwd=ROOT,
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=20,
            check=False,
        )
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("verb", ["ps", "version", "run"])
def test_start_up_imports_nothing_heavy(verb: str) -> None:
    code = (
        f"import sys; from client import verbs, program; verbs.find_verb({verb!r});"
        "print(*{'typing', 'dataclasses', 'argparse', 'http', 'urllib', 'asyncio', 'subprocess', 'tempfile',"
        " 'logging', 'inspect', 'datetime', 'client.gotemplate', 'client.help'}.intersection(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("path", sorted((ROOT / "client").rglob("*.py")), ids=lambda path: path.stem)
def test_every_module_is_python_3_9(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    assert "from __future__ import annotations" in path.read_text() or not tree.body[1:] or path.stem == "__init__"
