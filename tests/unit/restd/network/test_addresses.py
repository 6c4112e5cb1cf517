import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.errors import Forbidden, InvalidParameter, Unavailable
from restd.model.network import EndpointRequest, Network, Pool
from restd.network.addresses import choose_addresses, lowest_free, pool_of, reserved

POOL = Pool("10.1.0.0/29", gateway="10.1.0.1", auxiliary_addresses={"printer": "10.1.0.3"})
NETWORK = Network("a" * 64, "web", 1, "bridge", pools=(POOL, Pool("fd00::/64", gateway="fd00::1")))
ANY = EndpointRequest("web")


def test_the_lowest_free_address_is_given() -> None:
    assert choose_addresses(NETWORK, ANY, ()) == ("10.1.0.2", "fd00::2")
    assert choose_addresses(NETWORK, ANY, ("10.1.0.2", "fd00::2")) == ("10.1.0.4", "fd00::3")


def test_a_full_network_says_so_in_dockers_words() -> None:
    taken = [f"10.1.0.{number}" for number in (2, 4, 5, 6)]
    with pytest.raises(
        Unavailable, match=r"no available IPv4 addresses on this network's address pools: web \(a{64}\)"
    ):
        choose_addresses(NETWORK, ANY, taken)


def test_one_asked_for_is_given_if_it_is_free() -> None:
    assert choose_addresses(NETWORK, EndpointRequest("web", ipv4_address="10.1.0.5"), ())[0] == "10.1.0.5"


@pytest.mark.parametrize("address", ["10.1.0.2", "10.1.0.1", "10.1.0.3", "10.1.0.7"])
def test_one_that_is_not_free_is_refused(address: str) -> None:
    with pytest.raises(Forbidden, match="Address already in use"):
        choose_addresses(NETWORK, EndpointRequest("web", ipv4_address=address), ("10.1.0.2",))


def test_one_from_elsewhere_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="no configured subnet or ip-range contain the IP address 10.2.0.2"):
        choose_addresses(NETWORK, EndpointRequest("web", ipv4_address="10.2.0.2"), ())


def test_a_range_limits_what_is_chosen() -> None:
    pool = Pool("10.1.0.0/16", ip_range="10.1.5.0/30", gateway="10.1.0.1")
    given_ = [lowest_free(pool, {int(ipaddress.ip_address("10.1.5.0")) + n for n in range(used)}) for used in range(5)]
    assert [str(address) for address in given_] == ["10.1.5.0", "10.1.5.1", "10.1.5.2", "10.1.5.3", "None"]


def test_networks_without_a_family_give_no_address_of_it() -> None:
    assert choose_addresses(Network("a" * 64, "x", 1, "bridge"), ANY, ()) == ("", "")


def test_a_link_between_two_has_no_ends_to_spare() -> None:
    assert not reserved(Pool("10.0.0.0/31"))


def test_an_address_tells_its_pool() -> None:
    assert pool_of(NETWORK, "fd00::9") == NETWORK.pools[1]
    assert pool_of(NETWORK, "192.0.2.1") is None


@given(st.integers(20, 30), st.sets(st.integers(0, 300), max_size=100))
def test_no_address_is_ever_given_twice(bits: int, used: set[int]) -> None:
    subnet = ipaddress.IPv4Network(("10.0.0.0", bits))
    pool = Pool(str(subnet), gateway="10.0.0.1")
    taken = {int(subnet.network_address) + number for number in used}
    address = lowest_free(pool, taken)
    if address is not None:
        assert address in subnet and int(address) not in taken and int(address) not in reserved(pool)
