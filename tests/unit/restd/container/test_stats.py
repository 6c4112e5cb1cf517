import asyncio
import os
from dataclasses import replace

from restd.container.registry import Entry
from restd.container.stats import sample, samples
from restd.model.container import HostConfig, State, Status
from tests.unit.restd.container.sample import container


def test_what_does_not_run_uses_nothing() -> None:
    assert asyncio.run(sample(Entry(container(Status.EXITED)))) is None


def test_a_running_one_has_counters_but_none_of_the_hosts_devices() -> None:
    running = container(Status.RUNNING, state=State(Status.RUNNING, pid=os.getpid()))
    found = asyncio.run(sample(Entry(running)))
    assert found is not None and found.processor.host > 0 and found.processor.online > 0
    on_host = asyncio.run(sample(Entry(replace(running, host_config=HostConfig(network_mode="host")))))
    assert on_host is not None and on_host.networks == {}


def test_the_stream_ends_with_the_removal() -> None:
    async def attempt() -> None:
        entry = Entry(container(Status.EXITED))
        found = []
        async with asyncio.timeout(10):
            async for name, usage in samples(entry):
                found.append((name, usage))
                if len(found) == 2:
                    entry.removed.set()
        assert found == [("box", None)] * 2

    asyncio.run(attempt())
