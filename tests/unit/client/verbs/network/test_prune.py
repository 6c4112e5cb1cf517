from __future__ import annotations

import io
import sys

import pytest

from tests.unit.client.fake_engine import Answer, FakeEngine

ANSWERS: dict[str, Answer | list[Answer]] = {"POST /networks/prune": (200, {"NetworksDeleted": ["web", "db"]})}


def test_with_force_nobody_is_asked(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine(ANSWERS) as fake:
        assert fake.run("network", "prune", "-f", "--filter", "label!=keep") == 0
        assert "label%21" in fake.requests[0].query
    assert capfd.readouterr().out == "Deleted Networks:\nweb\ndb\n\n"


@pytest.mark.parametrize(("answer", "code", "requests"), [("y\n", 0, 1), ("n\n", 1, 0), ("", 1, 0)])
def test_without_it_the_answer_counts(answer: str, code: int, requests: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    with FakeEngine(ANSWERS) as fake:
        assert fake.run("network", "prune") == code
        assert len(fake.requests) == requests
