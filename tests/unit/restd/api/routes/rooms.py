"""Containers that note what the door asks of them; the same rows run on the real ones in tests/api."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

from restd.api.engine import Engine
from restd.config import Config
from restd.container.wait import WaitResult
from restd.errors import NotModified
from restd.events import Events
from restd.lib.host import Host
from restd.logs.query import LogQuery
from restd.model.connection import AttachOptions, Connection, Heads
from restd.model.container import CreateRequest, Endpoint, ExecConfig


class Log:
    framed = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"\x01\0\0\0\0\0\0\x02hi"


class Rooms:
    """Every method notes its arguments in `calls`."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    async def create(self, request: CreateRequest) -> Any:
        self.calls.append(("create", request))

        class Created:
            id = "c" * 64
            warnings = ("careful",)

        return Created()

    async def start(self, ref: str, detach_keys: str = "") -> None:
        self.calls.append(("start", ref, detach_keys))
        if ref == "runs":
            raise NotModified("already")

    async def stop(self, ref: str, timeout: int | None, signal: str) -> None:
        self.calls.append(("stop", ref, timeout, signal))

    async def restart(self, ref: str, timeout: int | None, signal: str) -> None:
        self.calls.append(("restart", ref, timeout, signal))

    async def kill(self, ref: str, signal: str) -> None:
        self.calls.append(("kill", ref, signal))

    async def rename(self, ref: str, name: str) -> None:
        self.calls.append(("rename", ref, name))

    async def resize(self, ref: str, height: int, width: int) -> None:
        self.calls.append(("resize", ref, height, width))

    async def remove(self, ref: str, *, force: bool, volumes: bool, link: bool) -> None:
        self.calls.append(("remove", ref, force, volumes, link))

    async def connect(self, ref: str, network: str, endpoint: Endpoint) -> None:
        self.calls.append(("connect", ref, network, endpoint))

    async def disconnect(self, ref: str, network: str, *, force: bool) -> None:
        self.calls.append(("disconnect", ref, network, force))

    async def vacated(self, network_id: str) -> None:
        self.calls.append(("vacated", network_id))

    async def logs(self, ref: str, query: LogQuery) -> Log:
        self.calls.append(("logs", ref, query))
        return Log()

    async def attach(self, ref: str, options: AttachOptions, connection: Connection, heads: Heads) -> None:
        self.calls.append(("attach", ref, options, connection.upgrade))
        connection.release()

    async def wait(self, ref: str, condition: str, connection: Connection, heads: Heads) -> WaitResult | None:
        self.calls.append(("wait", ref, condition))
        return WaitResult(255, "nobody saw it") if ref == "lost" else WaitResult(3)

    async def exec_create(self, ref: str, config: ExecConfig) -> str:
        self.calls.append(("exec_create", ref, config))
        return "e" * 64

    async def exec_start(self, exec_id: str, **given: Any) -> None:
        self.calls.append(("exec_start", exec_id, given["detach"], given["tty"], given["console_size"]))

    async def exec_resize(self, exec_id: str, height: int, width: int) -> None:
        self.calls.append(("exec_resize", exec_id, height, width))


def engine(rooms: Rooms, networks: Any = None) -> Engine:
    return Engine(Config(), Host(), Events(), cast(Any, None), cast(Any, rooms), networks, cast(Any, None))
