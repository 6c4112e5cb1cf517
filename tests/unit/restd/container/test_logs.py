import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from restd.container.logs import read_logs
from restd.container.registry import Entry
from restd.errors import Conflict, InvalidParameter, NotImplementedYet
from restd.logs.query import LogQuery
from restd.model.container import HostConfig, LogConfig, Status
from restd.runtime.nursery import ShimGone
from tests.unit.restd.container.clients import BASE, Shim, container, entry
from tests.unit.restd.logs.written import BOTH, numbered, texts


class Watched(Shim):
    """A shim whose bell rings once, or that has gone."""

    async def log_watch(self) -> AsyncGenerator[None]:
        if self.answer is not None:
            raise self.answer
        yield


def everything(box: Entry, query: LogQuery = BOTH) -> tuple[bool, bytes]:
    async def scenario() -> tuple[bool, bytes]:
        stream = await read_logs(box, query)
        return stream.framed, b"".join([chunk async for chunk in stream])

    return asyncio.run(scenario())


def test_without_a_terminal_messages_are_framed(tmp_path: Path) -> None:
    (tmp_path / "console.log").write_bytes(numbered(0, 2))
    framed, data = everything(entry(container(Status.EXITED, directory=str(tmp_path))))
    assert framed
    assert data == b"\x01\0\0\0\0\0\0\x07line 0\n\x01\0\0\0\0\0\0\x07line 1\n"


@pytest.mark.parametrize("shim", [Watched(), Watched(ShimGone("gone"))])
def test_following_ends_with_the_shim(tmp_path: Path, shim: Watched) -> None:
    (tmp_path / "console.log").write_bytes(numbered(0, 3))
    box = entry(container(Status.RUNNING, directory=str(tmp_path), config=replace(BASE.config, tty=True)), shim)
    assert everything(box, replace(BOTH, follow=True)) == (False, texts(0, 3))


def test_one_stream_at_least() -> None:
    with pytest.raises(InvalidParameter, match="you must choose at least one stream"):
        everything(entry(container()), LogQuery())


def test_a_driver_that_keeps_nothing_can_not_be_read() -> None:
    with pytest.raises(NotImplementedYet, match="configured logging driver does not support reading"):
        everything(entry(container(host_config=HostConfig(log_config=LogConfig("none")))))


@pytest.mark.parametrize("status", [Status.DEAD, Status.REMOVING])
def test_what_is_going_away_has_no_log(status: Status) -> None:
    with pytest.raises(Conflict, match="dead or marked for removal"):
        everything(entry(container(status)))
