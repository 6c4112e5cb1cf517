"""Published ports as rules of the firewall; pure.

Only the address is rewritten here, for packets to the host itself; that such connections are let in, and their answers
led back (masquerading for containers of the same network and for the host's loopback), is part of each network's own
rules. The kernel can't lead a connection from `::1` to another address, so that one address is refused. Source:
iptables-extensions(8), DNAT.
"""

from __future__ import annotations

from collections.abc import Iterable

from restd.model.network import PortMapping
from restd.network.firewall import Rule
from restd.network.ports import ANY4, ANY6

_LOOPBACK4 = "127."
_LOOPBACK6 = "::1"


def rules(mappings: Iterable[PortMapping], ipv4_address: str, ipv6_address: str) -> list[Rule]:
    """The rules of one container: its `mappings` and its addresses on the network that they lead to."""
    made = []
    for mapping in mappings:
        ipv6 = ":" in mapping.host_ip
        address = ipv6_address if ipv6 else ipv4_address
        if not address:
            continue
        to = f"[{address}]:{mapping.container_port}" if ipv6 else f"{address}:{mapping.container_port}"
        match = f"-p {mapping.protocol} {_destination(mapping.host_ip)}--dport {mapping.host_port}"
        made.append(Rule("nat", "DNAT", f"{match} -j DNAT --to-destination {to}", ipv6))
        if mapping.host_ip.startswith(_LOOPBACK4):
            # Nobody on the wire can mean the host's loopback; a neighbour may try.
            made.append(Rule("raw", "PREROUTING", f"! -i lo {match} -j DROP"))
    return made


def _destination(host_ip: str) -> str:
    if host_ip in ("", ANY4):
        return ""
    if host_ip == ANY6:
        return f"! -d {_LOOPBACK6} "
    return f"-d {host_ip} "
