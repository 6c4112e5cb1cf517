from __future__ import annotations

from pathlib import Path

import pytest

from client.credentials import Credentials
from tests.unit.client.fake_engine import FakeEngine


def test_credentials_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    Credentials().store("reg.example", "me", "x")
    with FakeEngine({}) as fake:
        assert fake.run("logout", "reg.example") == 0
        assert fake.run("logout", "reg.example") == 0
    assert capfd.readouterr().out == ("Removing login credentials for reg.example\nNot logged in to reg.example\n")
    assert Credentials().find("reg.example") == {}
