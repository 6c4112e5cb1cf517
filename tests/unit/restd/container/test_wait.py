import asyncio
import os
from dataclasses import replace

import pytest

from restd.container.registry import Entry
from restd.container.wait import WaitResult, wait
from restd.errors import InvalidParameter
from restd.model.container import State, Status
from restd.runtime.nursery import ShimGone
from shim.protocol import OP_WAIT, Wait
from tests.unit.restd.container.clients import BASE, Client, Heads, Place, Shim, container, entry

ENDED = replace(BASE, state=State(status=Status.EXITED, exit_code=3))


def run(box: Entry, condition: str, client: Client) -> WaitResult | None:
    async def scenario() -> WaitResult | None:
        place = Place()
        try:
            return await wait(box, condition, client, Heads(), place.held)
        finally:
            await place.close()

    return asyncio.run(scenario())


@pytest.mark.parametrize("condition", ["", "not-running"])
def test_what_has_ended_is_told_at_once(condition: str) -> None:
    client = Client()
    assert run(entry(ENDED), condition, client) == WaitResult(3)
    assert run(entry(container()), condition, client) == WaitResult(0)
    assert not client.released
    client.close()


def test_an_end_that_nobody_saw_says_so() -> None:
    client = Client()
    lost = replace(BASE, state=State(status=Status.EXITED, exit_code=255, exit_unknown=True, error="the shim died"))
    assert run(entry(lost), "", client) == WaitResult(255, "the shim died")
    client.close()


@pytest.mark.parametrize(("condition", "removed"), [("", False), ("next-exit", False), ("removed", True)])
def test_a_running_containers_shim_answers(condition: str, removed: bool) -> None:
    shim, client = Shim(), Client()
    assert run(entry(container(Status.RUNNING), shim), condition, client) is None
    assert shim.asked == [(OP_WAIT, {"head": "<wait>", "removed": removed})]
    assert client.released
    assert client.rest() == b"<shim>"
    client.close()


@pytest.mark.parametrize(("condition", "removed"), [("next-exit", False), ("removed", True)])
def test_before_a_start_the_head_is_sent_and_the_connection_kept(condition: str, removed: bool) -> None:
    box, client = entry(ENDED), Client()
    assert run(box, condition, client) is None
    assert client.end.recv(100) == b"<wait>"
    assert box.held[0].request == Wait(removed=removed)
    os.close(box.held[0].descriptor)
    assert client.rest() == b""
    client.close()


def test_an_unknown_condition_is_refused() -> None:
    client = Client()
    with pytest.raises(InvalidParameter, match='invalid condition: "soon"'):
        run(entry(ENDED), "soon", client)
    client.close()


@pytest.mark.parametrize("condition", ["", "next-exit"])
def test_a_shim_that_has_just_gone_means_the_end_that_comes_to_light(condition: str) -> None:
    box, client = entry(container(Status.RUNNING), Shim(ShimGone("gone"))), Client()

    async def scenario() -> WaitResult | None:
        place = Place()
        going = asyncio.ensure_future(wait(box, condition, client, Heads(), place.held))
        await asyncio.sleep(0)
        box.container = ENDED
        box.exited.set()
        result = await going
        await place.close()
        return result

    assert asyncio.run(scenario()) == WaitResult(3)
    assert not client.released
    client.close()


def test_a_container_that_was_removed_meanwhile_leaves_its_code() -> None:
    box, client = entry(ENDED), Client()
    box.removed.set()
    assert run(box, "removed", client) == WaitResult(3)
    client.close()


def test_a_client_that_has_left_is_not_kept() -> None:
    box, client = entry(ENDED), Client()
    client.end.close()
    assert run(box, "removed", client) is None
    assert box.held == []
    client.close()


@pytest.mark.parametrize("condition", ["", "next-exit"])
def test_a_wait_in_the_pause_before_a_restart_is_kept_for_the_next_end(condition: str) -> None:
    shim = Shim()
    pausing = replace(BASE, state=State(status=Status.RESTARTING, exit_code=3))
    box, client = entry(pausing, shim), Client()
    assert run(box, condition, client) is None
    assert not shim.asked and [held.request for held in box.held] == [Wait()]
    os.close(box.held[0].descriptor)
    assert client.rest() == b"<wait>"
    client.close()
