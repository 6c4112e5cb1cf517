"""Keeping what networks have on the host: interfaces and rules, brought back when they are gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping

from restd.errors import EngineError
from restd.model.network import Network
from restd.network import interfaces
from restd.network.drivers.base import Driver
from restd.network.firewall import Firewall

log = logging.getLogger(__name__)

_PAUSE = 5.0
_THOROUGH_EVERY = 60
"""Every how many looks at the packet filter it is read as a whole, whatever the kernel's counters say."""


class Upkeep:
    """Says whether networks are up, and brings them up."""

    def __init__(self, drivers: Mapping[str, Driver], firewall: Firewall) -> None:
        self._drivers = drivers
        self._firewall = firewall
        self._broken: set[str] = set()
        self._locks: dict[str, asyncio.Lock] = {}

    async def raise_all(self, networks: Iterable[Network]) -> None:
        """Bring up all networks, at start. One that can't be had is said in the log, and tried again when needed."""
        await asyncio.gather(*(self._try(network) for network in networks))

    async def _try(self, network: Network) -> None:
        try:
            await self._up(network)
        except EngineError as error:
            log.warning("network %s can't be used: %s", network.name, error)

    async def ready(self, network: Network) -> None:
        """Make sure that a network is up, before a container joins. Errors as the driver's."""
        if network.id in self._broken or (network.made_interface and not interfaces.exists(network.interface)):
            await self._up(network)
        await self._firewall.verify()

    async def _up(self, network: Network) -> None:
        lock = self._locks.setdefault(network.id, asyncio.Lock())
        async with lock:
            self._broken.add(network.id)
            driver = self._drivers[network.driver]
            driver.design(network)  # says in clear words what is missing
            await driver.up(network)
            self._broken.discard(network.id)

    def forget(self, network: Network) -> None:
        """The network is gone."""
        self._broken.discard(network.id)
        self._locks.pop(network.id, None)

    async def watch(self) -> None:
        """Look after the rules, until cancelled."""
        looks = 0
        while True:
            await asyncio.sleep(_PAUSE)
            looks += 1
            await self._firewall.verify(thoroughly=looks % _THOROUGH_EVERY == 0)
