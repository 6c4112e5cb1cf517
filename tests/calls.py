"""What tests ask of an engine over HTTP: plain calls, and the few sequences that most tests begin with."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.wire import UPGRADE, Reply, Wire, post_json, request, split_streams

IMAGE = "busybox:latest"


class Refused(Exception):
    """The engine answered with an error."""

    def __init__(self, call: str, reply: Reply) -> None:
        super().__init__(f"{call}: {reply.status} {reply.body[:500]!r}")
        self.reply = reply


@dataclass(frozen=True)
class Outcome:
    """How a command ended: exit code and its two streams (a TTY has only `stdout`)."""

    code: int | None
    stdout: bytes
    stderr: bytes


class Calls:
    """Calls to the engine that listens at `socket_path`. `runtime` goes into every create that names none."""

    def __init__(self, socket_path: str) -> None:
        self.socket_path = socket_path
        self.runtime: str | None = None

    def wire(self, timeout: float = 30.0, receive_buffer: int | None = None) -> Wire:
        """A new raw connection."""
        return Wire(self.socket_path, timeout, receive_buffer)

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, timeout: float = 60.0
    ) -> Reply:
        """One call on a connection of its own; any status is returned. `body`: bytes as they are, else JSON."""
        fields = {"Connection": "close", **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            fields.setdefault("Content-Type", "application/json")
        if body is None and method == "POST":
            fields["Content-Length"] = "0"
        with self.wire(timeout) as wire:
            wire.send(request(method, path, body, fields))
            return wire.answer(body=method != "HEAD")

    def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
        """As `ask`, but anything that is not 2xx raises Refused."""
        reply = self.ask(method, path, body, headers)
        if not 200 <= reply.status < 300:
            raise Refused(f"{method} {path}", reply)
        return reply

    def get(self, path: str, **query: Any) -> Any:
        """GET, JSON back."""
        return self.call("GET", path + encode(query)).json()

    def post(self, path: str, body: Any = None, **query: Any) -> Reply:
        """POST; Refused unless 2xx."""
        return self.call("POST", path + encode(query), body)

    def delete(self, path: str, **query: Any) -> Reply:
        """DELETE; Refused unless 2xx."""
        return self.call("DELETE", path + encode(query))

    def create_body(
        self, cmd: Sequence[str] | None, host: Mapping[str, Any] | None, config: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The create body that `create` sends."""
        host_config = {"NetworkMode": "none", **(host or {})}
        if self.runtime is not None:
            host_config.setdefault("Runtime", self.runtime)
        return {"Image": IMAGE, "Cmd": cmd, **config, "HostConfig": host_config}

    def create(
        self,
        cmd: Sequence[str] | None = None,
        name: str | None = None,
        host: Mapping[str, Any] | None = None,
        **config: Any,
    ) -> str:
        """Create a container without a network; `host` goes into HostConfig, `config` beside it. Returns the id."""
        query = {} if name is None else {"name": name}
        return str(self.post("/containers/create", self.create_body(cmd, host, config), **query).json()["Id"])

    def start(self, container: str) -> None:
        """Start; Refused unless 204."""
        self.post(f"/containers/{container}/start")

    def running(
        self,
        cmd: Sequence[str] = ("sleep", "1000"),
        name: str | None = None,
        host: Mapping[str, Any] | None = None,
        **config: Any,
    ) -> str:
        """Create and start; returns the id."""
        container = self.create(cmd, name, host, **config)
        self.start(container)
        return container

    def inspect(self, container: str) -> dict[str, Any]:
        """The container's inspect."""
        found: dict[str, Any] = self.get(f"/containers/{container}/json")
        return found

    def state(self, container: str) -> dict[str, Any]:
        """`State` of the container's inspect."""
        state: dict[str, Any] = self.inspect(container)["State"]
        return state

    def wait(self, container: str, timeout: float = 60.0, **query: Any) -> int:
        """The exit code, when the container has ended."""
        path = f"/containers/{container}/wait" + encode(query)
        reply = self.ask("POST", path, timeout=timeout)
        if reply.status != 200:
            raise Refused(path, reply)
        return int(reply.json()["StatusCode"])

    def remove(self, container: str) -> None:
        """Remove by force, with its anonymous volumes."""
        self.delete(f"/containers/{container}", force=1, v=1)

    def logs(self, container: str, **query: Any) -> bytes:
        """The body of a logs call, both streams unless the query says otherwise."""
        query = {"stdout": 1, "stderr": 1, **query}
        return self.call("GET", f"/containers/{container}/logs" + encode(query)).body

    def attach(self, container: str, upgrade: bool = True, timeout: float = 30.0, **query: Any) -> Wire:
        """Attach (stdout and stderr unless the query says otherwise); the head is read, the stream is next."""
        query = query or {"stream": 1, "stdout": 1, "stderr": 1}
        path = f"/containers/{container}/attach" + encode(query)
        return self.hijack(request("POST", path, b"", UPGRADE if upgrade else None), timeout)

    def hijack(self, head: bytes, timeout: float = 30.0) -> Wire:
        """Send a request that turns into a stream; Refused unless 101 or 200."""
        wire = self.wire(timeout)
        try:
            wire.send(head)
            reply = wire.head()
            if reply.status not in (101, 200):
                raise Refused("hijack", wire.body_of(reply))
        except BaseException:
            wire.close()
            raise
        return wire

    def run(
        self,
        cmd: Sequence[str] | None = None,
        stdin: bytes | None = None,
        host: Mapping[str, Any] | None = None,
        **config: Any,
    ) -> Outcome:
        """What `docker run` does: create, attach, start, read to the end, wait, remove."""
        if stdin is not None:
            config = {"OpenStdin": True, "StdinOnce": True, "AttachStdin": True, **config}
        container = self.create(cmd, host=host, **config)
        streams: dict[str, Any] = {"stream": 1, "stdin": 1 if stdin is not None else 0, "stdout": 1, "stderr": 1}
        try:
            with self.attach(container, **streams) as wire:
                self.start(container)
                if stdin is not None:
                    wire.send(stdin)
                    wire.half_close()
                data = wire.rest()
            code = self.wait(container)
        finally:
            self.remove(container)
        return Outcome(code, data, b"") if config.get("Tty") else Outcome(code, *split_streams(data))

    def prepare_exec(self, container: str, cmd: Sequence[str], **config: Any) -> str:
        """Create an exec with its output attached; returns its id."""
        body = {"Cmd": list(cmd), "AttachStdout": True, "AttachStderr": True, **config}
        return str(self.post(f"/containers/{container}/exec", body).json()["Id"])

    def start_exec(self, exec_id: str, upgrade: bool = True, timeout: float = 30.0, **body: Any) -> Wire:
        """Start an exec; its stream is next."""
        return self.hijack(
            post_json(f"/exec/{exec_id}/start", {"Detach": False, "Tty": False, **body}, UPGRADE if upgrade else None),
            timeout,
        )

    def exec(self, container: str, cmd: Sequence[str], stdin: bytes | None = None, **config: Any) -> Outcome:
        """Run a command in a running container to its end."""
        if stdin is not None:
            config["AttachStdin"] = True
        tty = bool(config.get("Tty"))
        exec_id = self.prepare_exec(container, cmd, **config)
        with self.start_exec(exec_id, Tty=tty) as wire:
            if stdin is not None:
                wire.send(stdin)
                wire.half_close()
            data = wire.rest()
        code = self.get(f"/exec/{exec_id}/json")["ExitCode"]
        return Outcome(code, data, b"") if tty else Outcome(code, *split_streams(data))

    def events(self, **query: Any) -> Iterator[dict[str, Any]]:
        """Events as they come; the subscription stands when the first `next` returns, so prefer `since`."""
        with self.wire() as wire:
            wire.send(request("GET", "/events" + encode(query)))
            head = wire.head()
            assert head.status == 200, head
            text = b""
            for chunk in wire.chunks():
                text += chunk
                *lines, text = text.split(b"\n")
                yield from (json.loads(line) for line in lines if line)


def encode(query: Mapping[str, Any]) -> str:
    """A query string with its `?`, or nothing. Values that are not text or numbers become JSON (filters)."""
    if not query:
        return ""
    plain = {k: json.dumps(v) if isinstance(v, (dict, list)) else v for k, v in query.items()}
    return "?" + urllib.parse.urlencode(plain)
