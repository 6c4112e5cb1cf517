from __future__ import annotations

import pytest

from tests.unit.client.fake_engine import FakeEngine


def test_codes_are_printed_in_the_order_of_the_names(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine(
        {"POST /containers/a/wait": (200, {"StatusCode": 3}), "POST /containers/b/wait": (200, {"StatusCode": 0})}
    ) as fake:
        assert fake.run("wait", "a", "b") == 0
    assert capfd.readouterr().out == "3\n0\n"


def test_an_error_in_the_answer_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"POST /containers/a/wait": (200, {"StatusCode": 0, "Error": {"Message": "lost"}})}) as fake:
        assert fake.run("wait", "a") == 1
    assert capfd.readouterr().err == "isula-rest: lost\n"
