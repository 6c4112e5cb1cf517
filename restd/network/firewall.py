"""The engine's rules in the host's iptables: kept in chains of its own, set in batches, put back when they vanish.

The chains, by short names; their names in the kernel begin with the engine's tag (`ISULA-`, and more for an instance
that is not the host's main one):

    filter  INTERNAL   of FORWARD, first: what keeps internal networks closed
    filter  IN         of FORWARD, second: what may come into a network; its rules decide about all that does
    filter  OUT        of FORWARD, third: what may leave
    filter  INPUT      of INPUT: what containers may ask of the host (names) though its policy may be DROP
    nat     DNAT       of PREROUTING and OUTPUT, for packets to one of the host's own addresses: published ports
    nat     POSTROUTING  of POSTROUTING: masquerading
    raw     PREROUTING   of PREROUTING

Packets whose connection was redirected by a DNAT rule are let into every network that publishes ports by that network's
own rules: published ports need nothing in `filter`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `chain` is one of ours by its short name (see `restd.network.chains`); `text` as iptables(8) takes it.

    `ipv6` says which of iptables and ip6tables it is for. `text` is `-o br0 -j ACCEPT`, without `-A CHAIN`.
    """

    table: str
    chain: str
    text: str
    ipv6: bool = False


class Firewall:
    """Rules by owner. An owner's rules are set and dropped together, with one program call a family."""

    async def set(self, owner: str, rules: Sequence[Rule]) -> None:
        """Have exactly `rules` for this owner (`network:ID`, `ports:CONTAINERID`), in their order. SystemFailure."""
        raise NotImplementedError

    async def drop(self, owner: str) -> None:
        """Take the owner's rules away; it may have none. SystemFailure."""
        raise NotImplementedError

    async def verify(self) -> None:
        """Look, cheaply, whether somebody changed the host's rules; put ours back if they are gone."""
        raise NotImplementedError
