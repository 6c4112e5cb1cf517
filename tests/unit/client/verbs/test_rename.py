from __future__ import annotations

import pytest

from tests.unit.client.fake_engine import FakeEngine


def test_the_new_name_is_sent(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"POST /containers/a/rename": (204, None)}) as fake:
        assert fake.run("rename", "a", "b") == 0
        assert fake.lines() == ["POST /containers/a/rename?name=b"]
        assert fake.run("rename", "a", " ") == 1
    assert capfd.readouterr().err == "isula-rest: the new name is empty\n"
