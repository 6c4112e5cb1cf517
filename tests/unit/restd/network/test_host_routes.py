import ipaddress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from restd.network.host_routes import host_subnets, ipv4_routes, ipv6_routes, name_servers

ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0102A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0002A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""
_ZERO = "0" * 32
ROUTES6 = f"""fd000000000000000000000000000000 40 {_ZERO} 00 {_ZERO} 0 0 0 1     eth0
fe800000000000000000000000000000 40 {_ZERO} 00 {_ZERO} 0 0 0 1     eth0
ff000000000000000000000000000000 08 {_ZERO} 00 {_ZERO} 0 0 0 1     eth0
{_ZERO} 00 {_ZERO} 00 {_ZERO} 0 0 0 1       lo
"""


def test_default_routes_are_in_nobodys_way() -> None:
    assert [str(subnet) for subnet in ipv4_routes(ROUTES)] == ["192.168.2.0/24", "172.17.0.0/16"]


def test_of_ipv6_only_what_is_routed_counts() -> None:
    assert [str(subnet) for subnet in ipv6_routes(ROUTES6)] == ["fd00::/64"]


def test_name_servers_count_unless_they_are_the_hosts_own() -> None:
    text = "# nameserver 1.1.1.1\nnameserver 10.0.0.53\nnameserver 127.0.0.53\nnameserver fe80::1%eth0\nnameserver x\n"
    assert list(name_servers(text)) == [ipaddress.ip_network("10.0.0.53/32")]


@given(st.text(max_size=200))
def test_whatever_stands_there_is_read_without_an_error(text: str) -> None:
    list(ipv4_routes(text)), list(ipv6_routes(text)), list(name_servers(text))


def test_a_host_without_the_files_has_none(tmp_path: Path) -> None:
    assert host_subnets(str(tmp_path)) == []
