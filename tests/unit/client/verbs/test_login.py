from __future__ import annotations

import io
from pathlib import Path

import pytest

from client.credentials import Credentials
from tests.unit.client.fake_engine import FakeEngine


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


def test_what_the_registry_takes_is_kept(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("hush\n"))
    with FakeEngine({"POST /auth": (200, {"Status": "Login Succeeded"})}) as fake:
        assert fake.run("login", "-u", "me", "--password-stdin", "https://reg.example") == 0
        assert fake.requests[0].json == {"username": "me", "password": "hush", "serveraddress": "reg.example"}
    assert capfd.readouterr().out == "Login Succeeded\n"
    assert Credentials().find("reg.example")["password"] == "hush"


def test_what_it_refuses_is_not_kept(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"POST /auth": (401, {"message": "unauthorized"})}) as fake:
        assert fake.run("login", "-u", "me", "-p", "x", "reg.example") == 1
    assert "unauthorized" in capfd.readouterr().err
    assert not (tmp_path / "config.json").exists()


def test_without_a_terminal_everything_must_be_said(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({}) as fake:
        assert fake.run("login", "--password-stdin") == 1
    assert "--username" in capfd.readouterr().err
