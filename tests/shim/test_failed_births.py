"""What a client sees of a command that can't be run: the runtime complains to the daemon, not into the stream."""

from __future__ import annotations

import asyncio

from shim.protocol import Attach
from tests.shim.rig import Rig, scenario

BOTH = Attach(stdout=True, stderr=True)


@scenario
async def test_the_runtimes_own_error_output_is_no_output_of_the_container(rig: Rig) -> None:
    peer = rig.peer(BOTH)
    container = await rig.create(["nope"], attaches=[peer], expect_failure=True)
    assert await asyncio.to_thread(peer.read_streams) == {}
    assert container.messages() == []


@scenario
async def test_a_failed_exec_says_so_once_in_dockers_words(rig: Rig) -> None:
    container = await rig.create(["sleep", "1000"])
    await container.start()
    peer = rig.peer(BOTH)
    made = await rig.exec(container, ["nope"], attaches=[peer])
    assert made.born is not None
    said = await asyncio.to_thread(peer.read_streams)
    assert said == {1: f"OCI runtime exec failed: {made.born.message}: unknown\r\n".encode()}
