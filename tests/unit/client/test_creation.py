from __future__ import annotations

from pathlib import Path

import pytest

from client.creation import start_code
from tests.unit.client.fake_engine import Answer, FakeEngine, chunked

MADE: Answer = (201, {"Id": "f" * 64, "Warnings": ["careful"]})
MISSING: Answer = (404, {"message": "No such image: box:latest"})


def test_a_container_is_made_and_warnings_are_told(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"POST /containers/create": MADE}) as fake:
        assert fake.run("create", "--name", "n", "box") == 0
        assert fake.lines() == ["POST /containers/create?name=n"]
    assert capfd.readouterr() == ("f" * 64 + "\n", "WARNING: careful\n")


def test_a_missing_image_is_pulled(capfd: pytest.CaptureFixture[str]) -> None:
    pulled = chunked(b'{"status":"Pulling from box","id":"latest"}\r\n', b'{"status":"done"}\r\n')
    with FakeEngine({"POST /containers/create": [MISSING, MADE], "POST /images/create": pulled}) as fake:
        assert fake.run("create", "reg:5000/box") == 0
        assert fake.lines()[1] == "POST /images/create?fromImage=reg:5000/box&tag=latest"
    assert "Unable to find image 'reg:5000/box' locally" in capfd.readouterr().err


@pytest.mark.parametrize("refusal", [(501, {"message": "no pulls yet"}), (404, {"message": "page not found"})])
def test_an_engine_that_does_not_pull_says_that_the_image_is_missing(
    refusal: Answer, capfd: pytest.CaptureFixture[str]
) -> None:
    with FakeEngine({"POST /containers/create": MISSING, "POST /images/create": refusal}) as fake:
        assert fake.run("create", "box") == 125
    assert "Error response from daemon: No such image: box:latest" in capfd.readouterr().err


def test_pull_never_does_not_ask() -> None:
    with FakeEngine({"POST /containers/create": MISSING}) as fake:
        assert fake.run("create", "--pull", "never", "box") == 125
        assert len(fake.requests) == 1


def test_pull_always_asks_first() -> None:
    with FakeEngine({"POST /containers/create": MADE, "POST /images/create": chunked()}) as fake:
        assert fake.run("create", "--pull=always", "box@sha256:00") == 0
        assert fake.lines()[0] == "POST /images/create?fromImage=box&tag=sha256:00"


def test_a_wrong_pull_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({}) as fake:
        assert fake.run("create", "--pull", "often", "box") == 125
    assert 'invalid --pull "often"' in capfd.readouterr().err


def test_the_id_is_written_to_a_file_that_must_not_exist(tmp_path: Path) -> None:
    with FakeEngine({"POST /containers/create": MADE}) as fake:
        assert fake.run("create", "--cidfile", f"{tmp_path}/id", "box") == 0
        assert (tmp_path / "id").read_text() == "f" * 64
        assert fake.run("create", "--cidfile", f"{tmp_path}/id", "box") == 125
        assert len(fake.requests) == 1


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('exec: "x": executable file not found in $PATH', 127),
        ("stat /x: no such file or directory", 127),
        ('exec: "/etc": permission denied', 126),
        ("/etc is a directory", 126),
        ("out of memory", 125),
    ],
)
def test_the_code_of_a_failed_start_is_told_by_its_words(message: str, code: int) -> None:
    assert start_code(message) == code
