from __future__ import annotations

import pytest

from client.program import run
from tests.unit.client.fake_engine import FakeEngine

SERVER = {
    "Version": "0.1.0",
    "ApiVersion": "1.50",
    "Components": [
        {
            "Name": "Engine",
            "Version": "0.1.0",
            "Details": {"ApiVersion": "1.50", "MinAPIVersion": "1.24", "Os": "linux"},
        }
    ],
}


def test_both_sides_are_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"GET /version": (200, SERVER)}) as fake:
        assert fake.run("version") == 0
        assert fake.run("version", "-f", "{{.Server.ApiVersion}} {{.Client.Os}}") == 0
    out = capfd.readouterr().out
    assert " Engine:\n  Version:          0.1.0\n  API version:      1.50 (minimum version 1.24)\n" in out
    assert out.endswith("1.50 linux\n")


def test_without_an_engine_the_client_is_still_shown(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["-H", "/no/such", "version"]) == 1
    out, err = capfd.readouterr()
    assert out.startswith("Client:") and "Server" not in out
    assert "no engine answers at unix:///no/such" in err
