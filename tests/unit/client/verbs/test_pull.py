from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from client.verbs.pull import named
from tests.unit.client.fake_engine import FakeEngine

LINES = b'{"status":"Pulling fs layer","id":"abc"}\r\n{"status":"Status: Downloaded newer image for x:latest"}\r\n'


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    auth = base64.b64encode(b"me:hush").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"reg:5000": {"auth": auth}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


def test_a_tag_is_latest_unless_said() -> None:
    assert named("x") == "x:latest"
    assert named("reg:5000/x") == "reg:5000/x:latest"
    assert named("x:1") == "x:1"
    assert named("x@sha256:0") == "x@sha256:0"


def test_credentials_of_the_registry_go_along(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"POST /images/create": (200, LINES)}) as fake:
        assert fake.run("pull", "reg:5000/x") == 0
        assert fake.requests[0].query == "fromImage=reg:5000/x:latest"
        sent = json.loads(base64.urlsafe_b64decode(fake.requests[0].headers["x-registry-auth"]))
    assert (sent["username"], sent["password"]) == ("me", "hush")
    out = capfd.readouterr().out
    assert out.startswith("abc: Pulling fs layer\n")
    assert out.endswith("reg:5000/x:latest\n")


def test_quiet_prints_the_name_alone(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"POST /images/create": (200, LINES)}) as fake:
        assert fake.run("pull", "-q", "x") == 0
    assert capfd.readouterr().out == "x:latest\n"


def test_an_error_in_the_stream_is_one(capfd: pytest.CaptureFixture[str]) -> None:
    line = b'{"errorDetail":{"message":"no space"},"error":"no space"}\r\n'
    with FakeEngine({"POST /images/create": (200, line)}) as fake:
        assert fake.run("pull", "x") == 1
    assert "no space" in capfd.readouterr().err


def test_all_tags_have_no_tag() -> None:
    with FakeEngine({"POST /images/create": (200, LINES)}) as fake:
        assert fake.run("pull", "-a", "x") == 0
        assert fake.requests[0].query == "fromImage=x"
        assert fake.run("pull", "-a", "x:1") == 1
