import ipaddress
import os
import socket
import struct

import pytest

from restd.model.network import PortMapping
from restd.network.conntrack import deletion, forget, is_meant, question
from restd.network.netlink import attribute, attributes

DNS = PortMapping(53, "udp", "0.0.0.0", 5353)


def flow(to: str, port: int, leads_to: str, inside: int, protocol: int = 17) -> dict[int, bytes]:
    """A flow as the kernel tells it: CTA_TUPLE_ORIG and CTA_TUPLE_REPLY."""

    def side(numbers: tuple[int, int], address: str, ports: tuple[int, int]) -> bytes:
        packed = ipaddress.ip_address(address).packed
        names = attribute(numbers[len(packed) == 16], packed)
        ends = attribute(1, bytes([protocol])) + attribute(ports[0], struct.pack(">H", ports[1]))
        return attribute(0x8001, names) + attribute(0x8002, ends)

    return {1: side((2, 4), to, (3, port)), 2: side((1, 3), leads_to, (2, inside))}


@pytest.mark.parametrize(
    ("seen", "meant"),
    [
        (flow("192.0.2.1", 5353, "192.0.2.1", 5353), True),
        (flow("192.0.2.1", 5353, "172.17.0.9", 53), True),
        (flow("192.0.2.1", 5353, "172.17.0.2", 54), True),
        (flow("192.0.2.1", 5353, "172.17.0.2", 53), False),
        (flow("192.0.2.1", 53, "192.0.2.1", 53), False),
        (flow("192.0.2.1", 5353, "192.0.2.1", 5353, protocol=6), False),
        ({}, False),
    ],
)
def test_flows_to_the_port_that_lead_elsewhere_are_meant(seen: dict[int, bytes], meant: bool) -> None:
    assert is_meant(seen, DNS, frozenset(["172.17.0.2"])) is meant


def test_a_port_on_one_address_leaves_the_others_alone() -> None:
    mapping = PortMapping(53, "udp", "127.0.0.1", 5353)
    assert is_meant(flow("127.0.0.1", 5353, "127.0.0.1", 5353), mapping, frozenset())
    assert not is_meant(flow("192.0.2.1", 5353, "192.0.2.1", 5353), mapping, frozenset())
    six = PortMapping(53, "udp", "::", 5353)
    assert is_meant(flow("fd00::1", 5353, "fd00::1", 5353), six, frozenset())


def test_the_messages_have_the_flow_and_its_zone() -> None:
    asked = attributes(question(socket.AF_INET, 5353)[4:])
    assert set(asked) == {1, 25}
    seen = {**flow("192.0.2.1", 5353, "192.0.2.1", 5353), 18: b"\0\7"}
    assert attributes(deletion(socket.AF_INET, seen)[4:]) == {1: seen[1], 18: b"\0\7"}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_the_kernel_takes_the_question() -> None:
    forget([DNS, PortMapping(53, "udp", "::", 5353), PortMapping(53, "tcp", "0.0.0.0", 5353)])
