from __future__ import annotations

import pytest

from tests.unit.client.fake_engine import Answer, FakeEngine, frame, stream

ID = "a" * 64
MADE: Answer = (201, {"Id": ID, "Warnings": []})
STARTED: Answer = (204, None)


def answers(start: Answer = STARTED, code: int = 0) -> dict[str, Answer | list[Answer]]:
    return {
        "POST /containers/create": MADE,
        f"POST /containers/{ID}/attach": stream(frame(1, b"out\n") + frame(2, b"err\n")),
        f"POST /containers/{ID}/wait": (200, {"StatusCode": code, "Error": None}),
        f"POST /containers/{ID}/start": start,
    }


def test_create_attach_wait_start_in_this_order(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine(answers(code=7)) as fake:
        assert fake.run("run", "--rm", "--network", "none", "box", "sh", "-c", "exit 7") == 7
        create, attach, wait, start = fake.requests
    assert create.json["HostConfig"] == {"NetworkMode": "none", "AutoRemove": True}
    assert attach.path.endswith("/attach") and attach.headers["upgrade"] == "tcp"
    assert sorted(attach.query.split("&")) == ["detachKeys=ctrl-q", "stderr=1", "stdout=1", "stream=1"]
    assert wait.line.endswith("/wait?condition=removed")
    assert start.line == f"POST /containers/{ID}/start"
    assert capfd.readouterr() == ("out\n", "err\n")


def test_in_the_background_the_id_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine(answers()) as fake:
        assert fake.run("run", "-itd", "box") == 0
        assert len(fake.requests) == 2
    assert capfd.readouterr().out == ID + "\n"


@pytest.mark.parametrize(
    ("message", "code"),
    [('exec: "x": executable file not found in $PATH', 127), ("permission denied", 126), ("no memory", 125)],
)
def test_a_failed_start_gives_dockers_code(message: str, code: int, capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine(answers(start=(400, {"message": message}))) as fake:
        assert fake.run("run", "--rm", "box", "x") == code
    assert capfd.readouterr().err == f"Error response from daemon: {message}\n"


def test_an_unknown_option_is_125(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({}) as fake:
        assert fake.run("run", "--memry", "1m", "box") == 125
    assert "did you mean --memory" in capfd.readouterr().err


def test_a_terminal_needs_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({}) as fake:
        assert fake.run("run", "-it", "box") == 1
    assert "the input device is not a TTY" in capfd.readouterr().err


def test_a_session_that_ends_while_the_container_goes_on_was_detached(capfd: pytest.CaptureFixture[str]) -> None:
    import socket
    import threading

    done = threading.Event()

    def wait(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        done.wait(10)

    more: dict[str, Answer | list[Answer]] = {
        f"POST /containers/{ID}/wait": wait,
        f"POST /containers/{ID}/resize": (200, None),
        f"GET /containers/{ID}/json": (200, {"State": {"Running": True}}),
    }
    with FakeEngine({**answers(), **more}) as fake:
        assert fake.run("run", "-t", "box") == 0
        done.set()
    assert capfd.readouterr().err == "INFO: Wait container stopped status timeout.\n"
