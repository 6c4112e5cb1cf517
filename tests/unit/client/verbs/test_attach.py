from __future__ import annotations

import pytest

from tests.unit.client.fake_engine import FakeEngine, frame, stream


def about(**state: bool) -> dict[str, object]:
    return {"Id": "i1", "State": {"Running": False, **state}, "Config": {"Tty": False, "OpenStdin": False}}


def test_the_output_is_shown_and_the_code_returned(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine(
        {
            "POST /containers/web/wait": (200, {"StatusCode": 5}),
            "GET /containers/web/json": (200, about(Running=True)),
            "POST /containers/web/attach": stream(frame(1, b"x\n")),
        }
    ) as fake:
        assert fake.run("attach", "--detach-keys", "ctrl-p,ctrl-q", "web") == 5
        assert "detachKeys=ctrl-p,ctrl-q" in fake.requests[2].query
    assert capfd.readouterr().out == "x\n"


@pytest.mark.parametrize(
    ("state", "text"),
    [({}, "a stopped container, start it first"), ({"Running": True, "Paused": True}, "a paused container")],
)
def test_a_container_that_does_not_run_is_refused(
    state: dict[str, bool], text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with FakeEngine(
        {"POST /containers/web/wait": (200, {"StatusCode": 0}), "GET /containers/web/json": (200, about(**state))}
    ) as fake:
        assert fake.run("attach", "web") == 1
    assert text in capfd.readouterr().err
