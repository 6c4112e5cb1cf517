from __future__ import annotations

from tests.unit.client.fake_engine import FakeEngine


def test_force_and_volumes_are_passed_on_and_a_leading_slash_is_not() -> None:
    with FakeEngine({"DELETE /containers/a": (204, None)}) as fake:
        assert fake.run("rm", "-fv", "/a") == 0
        assert fake.lines() == ["DELETE /containers/a?force=1&v=1"]
