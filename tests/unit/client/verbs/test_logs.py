from __future__ import annotations

import pytest

from tests.unit.client.fake_engine import FakeEngine, chunked, frame


def answers(terminal: bool, data: bytes) -> dict[str, object]:
    return {
        "GET /containers/web/json": (200, {"Config": {"Tty": terminal}}),
        "GET /containers/web/logs": chunked(data),
    }


def test_the_two_streams_are_told_apart(capfd: pytest.CaptureFixture[str]) -> None:
    data = frame(1, b"a\n") + frame(1, b"b\n") + frame(2, b"c\n") + frame(1, b"d\n")
    with FakeEngine(answers(False, data)) as fake:  # type: ignore[arg-type] # dict is invariant
        assert fake.run("logs", "-f", "-t", "--tail", "5", "--since", "1700000000", "web") == 0
        line = next(line for line in fake.lines() if "logs" in line)
    assert line.endswith("/logs?stdout=1&stderr=1&follow=1&timestamps=1&tail=5&since=1700000000")
    assert capfd.readouterr() == ("a\nb\nd\n", "c\n")


def test_a_terminals_log_is_plain(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine(answers(True, b"raw\r\n")) as fake:  # type: ignore[arg-type] # dict is invariant
        assert fake.run("logs", "web") == 0
    assert capfd.readouterr().out == "raw\r\n"


def test_a_bad_moment_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({}) as fake:
        assert fake.run("logs", "--since", "yesterday", "web") == 1
    assert 'invalid value "yesterday" for --since' in capfd.readouterr().err
