from __future__ import annotations

import pytest

from tests.unit.client.fake_engine import FakeEngine


@pytest.mark.parametrize(
    ("name", "query"),
    [("app:1", "repo=app&tag=1"), ("reg:5000/app", "repo=reg:5000/app&tag=latest")],
)
def test_the_name_is_split_into_repository_and_tag(name: str, query: str) -> None:
    with FakeEngine({"POST /images/box/tag": (201, None)}) as fake:
        assert fake.run("tag", "box", name) == 0
        assert fake.requests[0].query == query


def test_a_digest_cannot_be_given(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({}) as fake:
        assert fake.run("tag", "box", "app@sha256:0") == 1
    assert "a digest cannot be given" in capfd.readouterr().err
