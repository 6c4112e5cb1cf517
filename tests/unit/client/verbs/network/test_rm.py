from __future__ import annotations

import pytest

from tests.unit.client.fake_engine import Answer, FakeEngine

ANSWERS: dict[str, Answer | list[Answer]] = {
    "DELETE /networks/web": (204, None),
    "DELETE /networks/busy": (403, {"message": "network busy has active endpoints"}),
    "DELETE /networks/nope": (404, {"message": "network nope not found"}),
}


def test_each_is_removed_and_what_fails_told(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine(ANSWERS) as fake:
        assert fake.run("network", "rm", "busy", "web") == 1
        assert fake.run("network", "rm", "nope") == 1
        assert fake.run("network", "rm", "-f", "nope") == 0
        assert fake.run("network", "rm", "..") == 1
    out, err = capfd.readouterr()
    assert out == "web\n" and "active endpoints" in err and err.count("nope not found") == 1
