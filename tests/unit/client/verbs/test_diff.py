from __future__ import annotations

import pytest

from tests.unit.client.fake_engine import FakeEngine


def test_a_line_a_path(capfd: pytest.CaptureFixture[str]) -> None:
    changes = [{"Path": "/a", "Kind": 0}, {"Path": "/b", "Kind": 1}, {"Path": "/c", "Kind": 2}]
    with FakeEngine({"GET /containers/box/changes": [(200, changes), (200, None)]}) as fake:
        assert fake.run("diff", "box") == 0
        assert fake.run("diff", "box") == 0
    assert capfd.readouterr().out == "C /a\nA /b\nD /c\n"
