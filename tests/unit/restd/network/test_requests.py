import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.errors import EngineError, Forbidden, InvalidParameter, NotFound
from restd.model.network import ConfigReference, Ipam, NetworkRequest, Pool
from restd.network.requests import check_pools, check_request, ipv4_enabled, ipv6_enabled


def asked(*pools: Pool, **more: Any) -> NetworkRequest:
    return NetworkRequest("web", ipam=Ipam(config=pools) if pools else None, **more)


def test_a_plain_request_passes() -> None:
    check_request(asked())
    check_request(asked(Pool("10.1.0.0/16", "10.1.2.0/24", "10.1.2.254", {"a": "10.1.0.9"})))


@pytest.mark.parametrize("name", ["bridge", "host", "none", "default"])
def test_predefined_names_are_not_given_again(name: str) -> None:
    with pytest.raises(Forbidden, match=f"operation is not permitted on predefined {name} network "):
        check_request(NetworkRequest(name))


@pytest.mark.parametrize("name", ["", "  ", "a/b", "a\nb", "x" * 256, "container:x"])
def test_names_that_name_nothing_are_refused(name: str) -> None:
    with pytest.raises(InvalidParameter, match="invalid name"):
        check_request(NetworkRequest(name))


def test_drivers_that_there_are_not_are_not_found() -> None:
    with pytest.raises(NotFound, match='plugin "nope" not found'):
        check_request(asked(driver="nope"))
    with pytest.raises(NotFound, match='plugin "nope" not found'):
        check_request(NetworkRequest("web", ipam=Ipam("nope")))


@pytest.mark.parametrize("request_", [asked(driver="overlay"), asked(scope="swarm"), asked(ingress=True)])
def test_a_swarm_is_needed_for_what_spans_hosts(request_: NetworkRequest) -> None:
    with pytest.raises(Forbidden, match="not a swarm manager"):
        check_request(request_)


@pytest.mark.parametrize("driver", ["host", "null"])
def test_there_is_one_network_of_the_hosts_drivers(driver: str) -> None:
    with pytest.raises(Forbidden, match=f'only one instance of "{driver}" network is allowed'):
        check_request(asked(driver=driver))


@pytest.mark.parametrize(
    ("pool", "problem"),
    [
        (Pool("10.1.0.0"), "invalid subnet 10.1.0.0: invalid CIDR block notation"),
        (Pool("10.1.0.0/33"), "invalid subnet 10.1.0.0/33: invalid CIDR block notation"),
        (Pool(""), "invalid subnet : invalid CIDR block notation"),
        (Pool("10.1.2.3/16"), "invalid subnet 10.1.2.3/16: it should be 10.1.0.0/16"),
        (Pool("10.1.0.0/16", "10.2.0.0/24"), "parent subnet 10.1.0.0/16 doesn't contain ip-range"),
        (Pool("10.1.0.0/16", "10.0.0.0/8"), "CIDR block is bigger than its parent subnet 10.1.0.0/16"),
        (Pool("10.1.0.0/16", "10.1.2.3/24"), "invalid ip-range 10.1.2.3/24: it should be 10.1.2.0/24"),
        (Pool("10.1.0.0/16", "fd00::/64"), "invalid ip-range fd00::/64: parent subnet is an IPv4 block"),
        (Pool("10.1.0.0/16", "x"), "invalid ip-range x: invalid CIDR block notation"),
        (Pool("10.1.0.0/16", gateway="10.2.0.1"), "parent subnet 10.1.0.0/16 doesn't contain this address"),
        (Pool("10.1.0.0/16", gateway="gw"), "invalid gateway gw: invalid address"),
        (Pool("10.1.0.0/16", gateway="fd00::1"), "invalid gateway fd00::1: parent subnet is an IPv4 block"),
        (Pool("10.1.0.0/16", auxiliary_addresses={"a": "10.2.0.9"}), "invalid auxiliary address a: parent subnet"),
    ],
)
def test_wrong_pools_are_refused_in_dockers_words(pool: Pool, problem: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_request(asked(pool))
    assert str(caught.value).startswith("invalid network config:\n")
    assert problem in str(caught.value)


def test_all_problems_are_told_together() -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_request(asked(Pool("10.1.0.0/16", gateway="x", ip_range="y")))
    assert str(caught.value).count("\n* ") == 2


def test_pools_of_one_request_must_not_overlap() -> None:
    with pytest.raises(Forbidden, match="Pool overlaps with other one on this address space"):
        check_request(asked(Pool("10.1.0.0/16"), Pool("10.1.2.0/24")))


def test_ipv6_pools_mean_nothing_without_ipv6() -> None:
    check_request(asked(Pool("fd00::7/64")))
    with pytest.raises(InvalidParameter, match="it should be fd00::/64"):
        check_request(asked(Pool("fd00::7/64"), enable_ipv6=True))


def test_families_come_from_the_field_then_the_option_then_the_default() -> None:
    off = {"com.docker.network.enable_ipv4": "false", "com.docker.network.enable_ipv6": "true"}
    assert ipv4_enabled(asked()) and not ipv6_enabled(asked())
    assert not ipv4_enabled(asked(options=off)) and ipv6_enabled(asked(options=off))
    assert ipv4_enabled(asked(options=off, enable_ipv4=True)) and not ipv6_enabled(
        asked(options=off, enable_ipv6=False)
    )
    with pytest.raises(InvalidParameter, match="IPv4 or IPv6 must be enabled"):
        check_request(asked(enable_ipv4=False))


def test_a_configuration_is_nothing_but_a_configuration() -> None:
    check_request(asked(Pool("10.1.0.0/16"), config_only=True))
    for request in (
        asked(config_only=True, internal=True),
        asked(config_only=True, config_from=ConfigReference("other")),
        asked(Pool("10.1.0.0/16"), config_from=ConfigReference("other")),
    ):
        with pytest.raises(Forbidden, match="configuration"):
            check_request(request)


@given(st.lists(st.builds(Pool, st.text(max_size=20), st.text(max_size=20), st.text(max_size=20)), max_size=3))
def test_whatever_is_asked_is_answered_with_a_kind_of_error(pools: list[Pool]) -> None:
    with contextlib.suppress(EngineError):
        check_pools(pools, enable_ipv6=True)
