import asyncio
import socket
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from restd import app
from restd.app import Application
from restd.config import Config
from restd.succession import Successor

PING = b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n"


def run(scenario: Callable[[Config, socket.socket, str], Coroutine[Any, Any, None]]) -> None:
    async def limited(folder: str) -> None:
        # As root it would make a bridge and rules on the host that runs the tests.
        config = Config(
            graph=f"{folder}/graph", state=f"{folder}/state", bridge="none", iptables=False, ip6tables=False
        )
        for path in (config.graph, config.state):
            Path(path).mkdir()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"{folder}/s")
            listener.listen(64)
            async with asyncio.timeout(30):
                await scenario(config, listener, f"{folder}/s")

    with tempfile.TemporaryDirectory(prefix="app-") as folder:
        asyncio.run(limited(folder))


async def ping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(PING)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert await reader.readexactly(2) == b"OK"


def test_an_engine_follows_another_and_no_client_notices() -> None:
    async def scenario(config: Config, listener: socket.socket, path: str) -> None:
        asked: asyncio.Queue[Successor] = asyncio.Queue()
        first, second = Application(config), Application(config)
        await first.start([listener], asked.put_nowait)
        first._events.publish("daemon", "reload", "x")
        reader, writer = await asyncio.open_unix_connection(path)
        await ping(reader, writer)
        starting = asyncio.create_task(second.start([listener], asked.put_nowait))
        successor = await asked.get()
        assert await first.hand_over(successor, 5)
        await first.stop(1)
        successor.close()
        await starting
        await ping(reader, writer)
        assert [event.actor for event in second._events._ring] == ["x"]
        writer.close()
        await second.stop(1)

    run(scenario)


def test_an_engine_whose_successor_ends_serves_on(monkeypatch: Any) -> None:
    monkeypatch.setattr(app, "QUIET_SECONDS", 0.01)

    async def scenario(config: Config, listener: socket.socket, path: str) -> None:
        asked: asyncio.Queue[Successor] = asyncio.Queue()
        first, second = Application(config), Application(config)
        await first.start([listener], asked.put_nowait)
        reader, writer = await asyncio.open_unix_connection(path)
        await ping(reader, writer)
        starting = asyncio.create_task(second.start([listener], asked.put_nowait))
        successor = await asked.get()
        starting.cancel()
        await asyncio.wait([starting])
        await second.stop(1)
        assert not await first.hand_over(successor, 5)
        successor.close()
        await ping(reader, writer)
        other_reader, other_writer = await asyncio.open_unix_connection(path)
        await ping(other_reader, other_writer)
        for each in (writer, other_writer):
            each.close()
        await first.stop(1)

    run(scenario)
