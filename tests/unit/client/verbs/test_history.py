from __future__ import annotations

import pytest

from tests.unit.client.fake_engine import FakeEngine

STEP = {"Id": "sha256:" + "e" * 64, "Created": 1000, "CreatedBy": "RUN\t" + "x" * 60, "Size": 1_000_000, "Comment": "c"}


def test_steps_are_listed(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"GET /images/box/history": (200, [STEP, {**STEP, "Id": "<missing>"}])}) as fake:
        assert fake.run("history", "box") == 0
        assert fake.run("history", "-q", "--no-trunc", "box") == 0
        assert fake.run("history", "--human=false", "--format", "{{.Size}} {{.CreatedSince}}", "box") == 0
    head, first, second, *rest = capfd.readouterr().out.splitlines()
    assert head.split() == ["IMAGE", "CREATED", "CREATED", "BY", "SIZE", "COMMENT"]
    assert first.startswith("e" * 12) and "RUN " + "x" * 40 + "…" in first and first.endswith("1MB       c")
    assert second.startswith("<missing>")
    assert rest[:2] == [str(STEP["Id"]), "<missing>"]
    assert rest[2] == "1000000 1970-01-01T00:16:40Z"
