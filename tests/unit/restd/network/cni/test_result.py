import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.network.cni.result import (
    Address,
    BadResult,
    Failure,
    Interface,
    parse_failure,
    parse_result,
    parse_versions,
)

NEW = {
    "cniVersion": "1.0.0",
    "interfaces": [
        {"name": "br0", "mac": "06:00:00:00:00:01"},
        {"name": "veth1234", "mac": "06:00:00:00:00:02"},
        {"name": "eth0", "mac": "06:00:00:00:00:03", "sandbox": "/run/netns/x"},
    ],
    "ips": [{"interface": 2, "address": "10.0.0.2/16", "gateway": "10.0.0.1"}, {"address": "fd00::2/64"}],
    "routes": [{"dst": "0.0.0.0/0", "gw": "10.0.0.1"}, {"dst": "10.9.0.0/16", "gw": "10.0.0.9"}],
    "dns": {},
}


def test_a_result_tells_interfaces_and_addresses() -> None:
    result = parse_result(json.dumps(NEW).encode())
    assert result.inside("eth0") == Interface("eth0", "06:00:00:00:00:03", "/run/netns/x")
    assert result.inside("br0") is None and result.host_end() == "veth1234"
    assert result.address(ipv6=False) == Address("10.0.0.2", 16, "10.0.0.1", 2)
    assert result.address(ipv6=True) == Address("fd00::2", 64, "", None)
    assert result.gateways == ("10.0.0.1",) and result.raw == NEW


def test_results_of_the_first_versions_are_understood() -> None:
    old = {
        "cniVersion": "0.2.0",
        "ip4": {"ip": "10.0.0.2/16", "gateway": "10.0.0.1", "routes": [{"dst": "0.0.0.0/0", "gw": "10.0.0.1"}]},
        "ip6": {"ip": "fd00::2/64"},
    }
    result = parse_result(json.dumps(old).encode())
    assert [item.address for item in result.addresses] == ["10.0.0.2", "fd00::2"]
    assert result.gateways == ("10.0.0.1",) and result.interfaces == () and result.host_end() == ""


def test_nothing_is_an_empty_result() -> None:
    assert parse_result(b"\n").addresses == ()


@pytest.mark.parametrize(
    "data", [b"[]", b"x", b'{"ips":[{"address":"x"}]}', b'{"ips":5}', b'{"interfaces":[{"name":5}]}', b'{"ips":[{}]}']
)
def test_what_is_no_result_is_told(data: bytes) -> None:
    with pytest.raises(BadResult):
        parse_result(data)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda x: (
            st.lists(x, max_size=3)
            | st.dictionaries(
                st.sampled_from(["ips", "interfaces", "routes", "ip4", "address", "name", "gw", "dst"]), x, max_size=4
            )
        ),
    )
)
def test_any_json_is_a_result_or_none(value: object) -> None:
    try:
        parse_result(json.dumps(value).encode())
    except BadResult:
        return


def test_errors_are_told_in_the_plugins_own_words() -> None:
    failure = parse_failure(b'{"cniVersion":"1.0.0","code":7,"msg":"no bridge","details":"name missing"}', b"")
    assert failure == Failure(7, "no bridge", "name missing") and str(failure) == "no bridge; name missing"
    assert str(parse_failure(b'{"code":11}', b"")) == "try again later"
    assert str(parse_failure(b"", b"panic: out of luck\n")) == "panic: out of luck"
    assert str(parse_failure(b"", b"")) == "it failed without a word"
    assert str(parse_failure(b'{"code":99,"msg":5}', b"")) != ""


def test_versions_are_a_list() -> None:
    assert parse_versions(b'{"supportedVersions":["0.4.0","1.0.0"]}') == ("0.4.0", "1.0.0")
    for data in (b"{}", b'{"supportedVersions":"1.0.0"}', b"x"):
        with pytest.raises(BadResult):
            parse_versions(data)
