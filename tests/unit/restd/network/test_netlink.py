import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from restd.network import netlink


@given(st.dictionaries(st.integers(1, 0x3FFF), st.binary(max_size=40), max_size=8))
def test_attributes_come_back_as_they_were_put_in(given_: dict[int, bytes]) -> None:
    data = b"".join(netlink.attribute(kind, value) for kind, value in given_.items())
    assert len(data) % 4 == 0
    assert netlink.attributes(data) == given_


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_without_an_error(data: bytes) -> None:
    netlink.attributes(data)
    list(netlink.messages(data))


def test_messages_of_a_datagram_are_told_apart() -> None:
    data = netlink.message(16, 1, 7, b"abcd") + netlink.message(2, 0, 8, b"\0" * 4)
    assert list(netlink.messages(data)) == [(16, 7, b"abcd"), (2, 8, b"\0\0\0\0")]


def test_a_new_bridge_says_its_name_kind_and_hardware_address() -> None:
    payload = netlink.new_link("br0", "bridge", mtu=1400, mac=b"\2abcde")
    found = netlink.attributes(payload[16:])
    assert found[3] == b"br0\0" and found[1] == b"\2abcde" and found[4] == struct.pack("=I", 1400)
    assert netlink.attributes(found[18])[1] == b"bridge"


def test_a_new_vlan_says_its_parent_and_number() -> None:
    found = netlink.attributes(netlink.new_link("eth0.50", "vlan", parent=3, vlan=50)[16:])
    assert found[5] == struct.pack("=I", 3)
    data = netlink.attributes(found[18])[2]
    assert netlink.attributes(data)[1] == struct.pack("=H", 50)


def test_an_ipv6_address_is_in_force_at_once() -> None:
    payload = netlink.new_address(4, "fd00::1", 64)
    assert payload[0] == socket.AF_INET6 and payload[1] == 64 and payload[2] & 0x02
    assert netlink.new_address(4, "10.0.0.1", 8)[:3] == bytes([socket.AF_INET, 8, 0])


def test_the_loopback_interface_is_of_no_kind() -> None:
    with netlink.Netlink() as asking:
        assert asking.kind(socket.if_nametoindex("lo")) == ""
