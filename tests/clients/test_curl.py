"""curl over the engine's socket: what a person types to try an API."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from tests.engine import Engine
from tests.wire import split_streams

pytestmark = [pytest.mark.root, pytest.mark.peer, pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")]


class Curl:
    """Runs `curl -sS --unix-socket …`; returns (status, headers, body)."""

    def __init__(self, engine: Engine) -> None:
        self._base = ["curl", "-sS", "--max-time", "30", "--unix-socket", engine.socket_path, "-D", "-"]

    def __call__(self, path: str, *options: str) -> tuple[int, dict[str, str], bytes]:
        done = subprocess.run(
            [*self._base, *options, f"http://localhost{path}"], capture_output=True, check=True, timeout=40
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        return int(lines[0].split()[1]), {k.lower(): v for k, v in headers.items()}, body

    def post(self, path: str, body: object = None) -> tuple[int, dict[str, str], bytes]:
        data = [] if body is None else ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        return self(path, "-X", "POST", *data)


@pytest.fixture
def curl(engine: Engine) -> Curl:
    return Curl(engine)


def test_ping_answers_two_bytes_and_the_headers_clients_negotiate_with(curl: Curl) -> None:
    status, headers, body = curl("/_ping")
    assert (status, body) == (200, b"OK")
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["ostype"] == "linux"
    assert headers["docker-experimental"] == "false"
    assert headers["cache-control"] == "no-cache, no-store, must-revalidate"
    assert headers["pragma"] == "no-cache"
    assert headers["api-version"].count(".") == 1


def test_head_ping_has_the_headers_and_no_body(curl: Curl) -> None:
    status, headers, body = curl("/_ping", "-I", "-o", "/dev/null")
    assert (status, body) == (200, b"")
    assert headers["content-length"] == "0"
    assert "api-version" in headers


def test_a_container_from_create_to_delete(curl: Curl) -> None:
    status, headers, body = curl.post(
        "/v1.41/containers/create?name=curled",
        {"Image": "busybox", "Cmd": ["echo", "hi"], "HostConfig": {"NetworkMode": "none"}},
    )
    assert status == 201, body
    assert headers["content-type"] == "application/json"
    created = json.loads(body)
    assert created["Warnings"] == [] and len(created["Id"]) == 64
    assert curl.post("/v1.41/containers/curled/start")[0] == 204
    status, _, body = curl.post("/v1.41/containers/curled/wait")
    assert (status, json.loads(body)["StatusCode"]) == (200, 0)
    assert split_streams(curl("/v1.41/containers/curled/logs?stdout=1")[2]) == (b"hi\n", b"")
    assert curl("/v1.41/containers/curled", "-X", "DELETE")[0] == 204
    assert curl("/v1.41/containers/curled/json")[0] == 404


def test_attach_without_upgrade_streams_until_the_end(curl: Curl, engine: Engine) -> None:
    container = engine.create(["sh", "-c", "read x; echo out; echo err >&2"], OpenStdin=True, StdinOnce=True)
    engine.start(container)
    path = f"/containers/{container}/attach?stream=1&stdin=1&stdout=1&stderr=1"
    # curl takes its input as a request body; the attach's own stdin is another connection's.
    process = subprocess.Popen(
        [
            "curl",
            "-sS",
            "--no-buffer",
            "--unix-socket",
            engine.socket_path,
            "-X",
            "POST",
            "-D",
            "-",
            f"http://localhost{path.replace('stdin=1&', '')}",
        ],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += process.stdout.read(1)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"application/vnd.docker.raw-stream" in head
    with engine.attach(container, stream=1, stdin=1) as stdin:
        stdin.send(b"go\n")
        body = process.stdout.read()
        process.stdout.close()
        assert process.wait(20) == 0
    assert split_streams(body) == (b"out\n", b"err\n")


def test_events_send_their_head_before_any_event(engine: Engine) -> None:
    process = subprocess.Popen(
        ["curl", "-sS", "--no-buffer", "-D", "-", "--unix-socket", engine.socket_path, "http://localhost/events"],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += process.stdout.read(1)
        assert b"Content-Type: application/json\r\n" in head
        container = engine.create(["true"])
        event = json.loads(process.stdout.readline())
        assert (event["Type"], event["Action"], event["id"]) == ("container", "create", container)
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def test_wait_sends_its_head_before_the_container_ends(engine: Engine) -> None:
    container = engine.running(["sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.05; done"])
    process = subprocess.Popen(
        [
            "curl",
            "-sS",
            "--no-buffer",
            "-D",
            "-",
            "--unix-socket",
            engine.socket_path,
            "-X",
            "POST",
            f"http://localhost/containers/{container}/wait",
        ],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += process.stdout.read(1)
    assert process.poll() is None
    engine.post(f"/containers/{container}/stop")
    body = process.stdout.read()
    process.stdout.close()
    assert process.wait(10) == 0
    assert json.loads(body)["StatusCode"] == 5
