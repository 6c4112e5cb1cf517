"""The link to a shim's folder, and a nursery without shims; with shims: tests/shim."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from restd.errors import SystemFailure
from restd.lib.processes import session_members
from restd.runtime.nursery import Nursery, ShimGone, ShimLink
from shim import protocol
from shim.folder import start_time
from shim.protocol import ExitRecord, News
from tests.waiting import wait_until


def link(folder: Path) -> ShimLink:
    return ShimLink(str(folder))


async def news_of(shim: ShimLink) -> list[News]:
    return [item async for item in shim.news()]


def test_a_folder_without_a_shim_is_gone(tmp_path: Path) -> None:
    shim = link(tmp_path)
    assert not shim.alive()
    assert shim.read_exit_record() is None
    assert asyncio.run(news_of(shim)) == []
    with pytest.raises(ShimGone):
        asyncio.run(shim.request(protocol.OP_PING))
    with pytest.raises(ShimGone):
        shim.process()


def test_a_pid_that_was_given_to_another_process_is_not_the_shim(tmp_path: Path) -> None:
    (tmp_path / protocol.SHIM_PID_FILE).write_text(f"{os.getpid()} 1\n")
    assert not link(tmp_path).alive()


def test_a_shim_that_is_just_ending_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel closes its files, and so ends the news, before it shows the process as ended."""
    shim = link(tmp_path)
    answers = iter([True, True, False])
    monkeypatch.setattr(shim, "alive", lambda: next(answers))
    assert asyncio.run(shim.ended())
    monkeypatch.setattr(shim, "alive", lambda: True)
    shim.close()
    assert not asyncio.run(shim.ended())


def test_an_exit_nobody_told_of_is_news_too(tmp_path: Path) -> None:
    (tmp_path / protocol.EXIT_RECORD).write_bytes(protocol.encode(ExitRecord(3, 9)))
    assert asyncio.run(news_of(link(tmp_path))) == [News("exit")]
    assert link(tmp_path).read_exit_record() == ExitRecord(3, 9)


def test_a_record_that_cannot_be_read_is_an_unknown_exit(tmp_path: Path) -> None:
    (tmp_path / protocol.EXIT_RECORD).write_text("{torn")
    record = link(tmp_path).read_exit_record()
    assert record is not None
    assert record.exit_code is None
    assert "can't be read" in record.unknown


def test_closing_the_link_ends_the_news(tmp_path: Path) -> None:
    async def main() -> list[News]:
        os.mkfifo(tmp_path / protocol.EXIT_FIFO)
        kept = os.open(tmp_path / protocol.EXIT_FIFO, os.O_RDWR | os.O_NONBLOCK)
        os.write(kept, protocol.encode(News("oom")) + b"junk\n")
        shim = link(tmp_path)
        reading = asyncio.create_task(news_of(shim))
        while b"junk" in await asyncio.to_thread(_peek, kept):
            await asyncio.sleep(0.005)
        shim.close()
        found = await reading
        os.close(kept)
        return found

    assert asyncio.run(main()) == [News("oom")]


def _peek(descriptor: int) -> bytes:
    """What is left in a FIFO, put back."""
    try:
        data = os.read(descriptor, 999)
    except BlockingIOError:
        return b""
    os.write(descriptor, data)
    return data


def test_a_birth_in_no_folder_is_refused_and_the_nursery_ends_on_close(tmp_path: Path) -> None:
    async def main() -> int:
        nursery = Nursery(str(tmp_path))
        born, _ = await nursery.birth("/nonexistent", [], [], [], 10)
        assert not born.ok
        assert "No such file" in born.message
        pid = nursery.pid
        await nursery.close()
        return pid

    assert not os.path.exists(f"/proc/{asyncio.run(main())}")


def test_a_nursery_that_cannot_start_is_an_error(tmp_path: Path) -> None:
    async def main() -> None:
        nursery = Nursery(str(tmp_path), preamble="raise SystemExit\n")
        try:
            with pytest.raises(SystemFailure):
                await nursery.birth("/nonexistent", [], [], [], 10)
        finally:
            await nursery.close()

    asyncio.run(main())


def test_a_shim_is_ended_with_all_that_it_has_called(tmp_path: Path) -> None:
    with subprocess.Popen(["sh", "-c", "sleep 100 & sleep 100"], start_new_session=True) as leader:
        wait_until(lambda: len(session_members(leader.pid)) == 3)
        (tmp_path / protocol.SHIM_PID_FILE).write_bytes(b"%d %d\n" % (leader.pid, start_time(leader.pid)))
        assert link(tmp_path).alive()
        asyncio.run(link(tmp_path).kill())
        assert not session_members(leader.pid)
        assert not link(tmp_path).alive()
