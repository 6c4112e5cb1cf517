import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.errors import InvalidParameter
from restd.network.subnets import (
    DEFAULT_CHOICES,
    Choice,
    Subnet,
    choose,
    first_address,
    overlaps,
    prefix_length,
    unique_local,
)


def subnets(*texts: str) -> list[Subnet]:
    return [ipaddress.ip_network(text) for text in texts]


def test_the_first_network_gets_dockers_first_subnet() -> None:
    assert str(choose(DEFAULT_CHOICES, 4, [])) == "172.17.0.0/16"


def test_what_is_taken_is_left_out_whether_larger_or_smaller() -> None:
    taken = subnets("172.17.0.0/16", "172.18.3.0/24", "172.16.0.0/14", "172.20.0.0/14", "fd00::/8")
    assert str(choose(DEFAULT_CHOICES, 4, taken)) == "172.24.0.0/16"


def test_after_the_large_ones_come_the_small_ones() -> None:
    assert str(choose(DEFAULT_CHOICES, 4, subnets("172.16.0.0/12", "192.168.0.0/18"))) == "192.168.64.0/20"


def test_when_nothing_is_left_that_is_said_in_dockers_words() -> None:
    with pytest.raises(InvalidParameter, match="all predefined address pools have been fully subnetted"):
        choose(DEFAULT_CHOICES, 4, subnets("0.0.0.0/0"))


def test_a_host_has_ipv6_subnets_of_its_own() -> None:
    one, other = unique_local("one"), unique_local("other")
    assert one != other and one == unique_local("one")
    subnet = choose([one], 6, [])
    assert subnet.prefixlen == 64 and subnet.is_private
    assert choose([one], 6, [subnet]) != subnet


@given(st.lists(st.integers(0, 255), max_size=60), st.sampled_from([18, 20, 24, 28]))
def test_a_chosen_subnet_overlaps_with_none_that_is_taken(numbers: list[int], size: int) -> None:
    taken = subnets(*{f"10.0.{number}.0/24" for number in numbers})
    choice = Choice(ipaddress.ip_network("10.0.0.0/16"), size)
    try:
        found = choose([choice], 4, taken)
    except InvalidParameter:
        return
    assert found.prefixlen == size and not any(overlaps(found, other) for other in taken)


@given(st.ip_addresses(v=4), st.integers(0, 32), st.ip_addresses(v=4), st.integers(0, 32))
def test_overlapping_goes_both_ways_and_is_what_ipaddress_says(
    one: ipaddress.IPv4Address, n: int, other: ipaddress.IPv4Address, m: int
) -> None:
    a, b = ipaddress.IPv4Network((int(one), n), strict=False), ipaddress.IPv4Network((int(other), m), strict=False)
    assert overlaps(a, b) == overlaps(b, a) == a.overlaps(b)


def test_the_first_address_is_behind_the_networks_own() -> None:
    assert str(first_address(ipaddress.ip_network("10.1.0.0/24"))) == "10.1.0.1"
    assert str(first_address(ipaddress.ip_network("10.1.0.4/31"))) == "10.1.0.4"
    assert prefix_length("fd00::/64") == 64
