import asyncio

import pytest

from restd.errors import SystemFailure
from restd.model.network import Network
from restd.network.chains import Names
from restd.network.drivers.builtin import BuiltinDriver
from restd.network.firewall import Firewall
from restd.network.upkeep import Upkeep

NETWORK = Network("a" * 64, "web", 1, "bridge", interface="no-such-link", made_interface=True)


class Fragile(BuiltinDriver):
    """Can't be brought up until told otherwise."""

    def __init__(self) -> None:
        self.broken = True
        self.ups = 0

    async def up(self, network: Network) -> None:
        self.ups += 1
        if self.broken:
            raise SystemFailure("out of bridges")


def test_what_fails_at_start_is_said_and_tried_again_when_it_is_needed(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        driver = Fragile()
        upkeep = Upkeep({"bridge": driver}, Firewall(Names("t"), off=(4, 6)))
        await upkeep.raise_all([NETWORK])
        assert "network web can't be used: out of bridges" in caplog.text
        with pytest.raises(SystemFailure):
            await upkeep.ready(NETWORK)
        driver.broken = False
        await upkeep.ready(NETWORK)
        assert driver.ups == 3
        await upkeep.ready(NETWORK)  # its interface isn't there: somebody took it away
        assert driver.ups == 4
        upkeep.forget(NETWORK)

    asyncio.run(scenario())


def test_a_network_that_is_up_is_left_alone() -> None:
    async def scenario() -> None:
        driver = Fragile()
        upkeep = Upkeep({"bridge": driver}, Firewall(Names("t"), off=(4, 6)))
        await upkeep.ready(Network("a" * 64, "web", 1, "bridge", interface="lo", made_interface=True))
        assert driver.ups == 0

    asyncio.run(scenario())
