from __future__ import annotations

from tests.unit.client.fake_engine import FakeEngine


def test_time_and_signal_are_passed_on_in_each_spelling() -> None:
    with FakeEngine({"POST /containers/a/stop": (204, None)}) as fake:
        for words in (["-t", "0"], ["--time", "0"], ["--timeout=0", "-s", "INT"], []):
            assert fake.run("stop", *words, "a") == 0
        assert [request.query for request in fake.requests] == ["t=0", "t=0", "t=0&signal=INT", ""]
