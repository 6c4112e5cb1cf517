"""The chains of the engine in the host's iptables, and how a packet gets into them. Pure.

Short names; in the kernel they begin with the engine's tag (`ISULA-IN`, or `ISULA-a1b2c3-IN` for an instance that is
not the host's main one).

    filter  INTERNAL     of FORWARD, first: what keeps internal networks closed
    filter  IN           of FORWARD, second: what may come into a network; its rules decide about all that does
    filter  BETWEEN      from IN, for networks that let in more than published ports: not from other networks
    filter  OUT          of FORWARD, third: what may leave
    filter  INPUT        of INPUT: what containers may ask of the host (names) though its policy may be DROP
    nat     DNAT         of PREROUTING and OUTPUT, for packets to one of the host's own addresses: published ports
    nat     POSTROUTING  of POSTROUTING: masquerading
    raw     PREROUTING   of PREROUTING

Packets whose connection was redirected by a DNAT rule are let into every network that publishes ports, and those from
the same network or from the host's loopback addresses are masqueraded, by that network's own rules: a published port
needs nothing but its rule in DNAT.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

INTERNAL, IN, BETWEEN, OUT, INPUT = "INTERNAL", "IN", "BETWEEN", "OUT", "INPUT"
DNAT, POSTROUTING, PREROUTING = "DNAT", "POSTROUTING", "PREROUTING"
_FORWARD = "FORWARD"

CHAINS: Mapping[str, tuple[str, ...]] = {
    "filter": (_FORWARD, INTERNAL, IN, BETWEEN, OUT, INPUT),
    "nat": (DNAT, POSTROUTING),
    "raw": (PREROUTING,),
}
"""Table -> the chains in it. FORWARD only leads to the others."""

_LOCAL = "-m addrtype --dst-type LOCAL "


@dataclass(frozen=True, slots=True)
class Hook:
    """A rule in one of the kernel's own chains that leads to one of ours; `first` before all others there."""

    table: str
    builtin: str
    chain: str
    match: str = ""
    first: bool = False


HOOKS = (
    Hook("filter", "FORWARD", _FORWARD, first=True),
    Hook("filter", "INPUT", INPUT, first=True),
    Hook("nat", "PREROUTING", DNAT, _LOCAL),
    Hook("nat", "OUTPUT", DNAT, _LOCAL),
    Hook("nat", "POSTROUTING", POSTROUTING),
    Hook("raw", "PREROUTING", PREROUTING),
)

_STEPS = (INTERNAL, IN, OUT)


@dataclass(frozen=True, slots=True)
class Names:
    """The names in the kernel of one engine's chains. `tag` tells an instance from the host's main one, or is empty."""

    tag: str = ""

    @property
    def prefix(self) -> str:
        """What all names begin with."""
        return f"ISULA-{self.tag}-" if self.tag else "ISULA-"

    def of(self, chain: str) -> str:
        """The name of a chain."""
        return self.prefix + chain

    def has(self, table: str, chain: str) -> bool:
        """Whether a chain in the kernel is one of these; its name may begin like them and be another instance's."""
        short = chain.removeprefix(self.prefix)
        return short != chain and short in CHAINS.get(table, ())

    def hook(self, hook: Hook) -> str:
        """A hook as iptables-save(8) writes it, without `-A CHAIN`."""
        return f"{hook.match}-j {self.of(hook.chain)}"

    def fixed(self, table: str) -> Mapping[str, tuple[str, ...]]:
        """Chains of ours whose rules are always the same, with these rules."""
        if table != "filter":
            return {}
        return {self.of(_FORWARD): tuple(f"-j {self.of(step)}" for step in _STEPS)}

    @property
    def mark(self) -> str:
        """What the comments of this engine's rules begin with."""
        return f"isula{self.tag}:"
