import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.errors import InvalidParameter, SystemFailure
from restd.model.container import PortBinding
from restd.model.network import PortMapping
from restd.network.ports import Ports, Wish, exposed, wishes


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def ports() -> Iterator[Ports]:
    made = Ports()
    yield made
    made.close()


def test_exposed_ports_come_one_by_one_in_the_order_of_their_numbers() -> None:
    assert exposed({"8001-8002/tcp": {}, "53/UDP": {}, "53": {}}) == [
        (53, "tcp"), (53, "udp"), (8001, "tcp"), (8002, "tcp"),
    ]  # fmt: skip


@pytest.mark.parametrize("key", ["", "x", "0", "65536", "9-8", "1-2-3", "80/", "80/tcp/udp", "-1", "80 "])
def test_what_is_no_port_is_refused_by_its_text(key: str) -> None:
    with pytest.raises(InvalidParameter, match="invalid port specification"):
        exposed({key: {}})


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="invalid proto: icmp"):
        exposed({"80/icmp": {}})


def test_bindings_as_docker_reads_them() -> None:
    wanted = wishes(
        (),
        {
            "80/tcp": (PortBinding("", "8080"), PortBinding("127.0.0.1", "")),
            "53/udp": None,
            "443": (),
            "1000-1001/tcp": (PortBinding("", "2000-2001"),),
            "90/tcp": (PortBinding("::1", "3000-3010"), PortBinding("", "0")),
        },
        publish_all=False,
    )
    assert wanted == [
        Wish(53, "udp"),
        Wish(80, "tcp", "", 8080, 8080),
        Wish(80, "tcp", "127.0.0.1"),
        Wish(90, "tcp", "::1", 3000, 3010),
        Wish(90, "tcp"),
        Wish(443, "tcp"),
        Wish(1000, "tcp", "", 2000, 2000),
        Wish(1001, "tcp", "", 2001, 2001),
    ]


def test_publish_all_takes_what_is_exposed_and_has_no_binding() -> None:
    wanted = wishes(("80/tcp", "81/tcp"), {"80/tcp": (PortBinding("", "8080"),)}, publish_all=True)
    assert wanted == [Wish(80, "tcp", "", 8080, 8080), Wish(81, "tcp")]


@pytest.mark.parametrize("port", ["a", "70000", "9-8", "-5", "80-"])
def test_a_wrong_host_port_is_refused(port: str) -> None:
    with pytest.raises(InvalidParameter, match="invalid port specification"):
        wishes((), {"80/tcp": (PortBinding("", port),)}, publish_all=False)


def test_a_wrong_host_address_is_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"invalid IP address in a port binding: 1\.2\.3"):
        wishes((), {"80/tcp": (PortBinding("1.2.3", "80"),)}, publish_all=False)


@given(st.text(max_size=12))
def test_any_text_is_a_port_or_refused(text: str) -> None:
    try:
        found = exposed({text: {}})
    except InvalidParameter:
        return
    assert all(0 < port < 65536 for port, _ in found)


def test_one_port_on_both_families(ports: Ports) -> None:
    port = free_port()
    mappings = ports.reserve("a", [Wish(80, "tcp", "", port, port)], ipv4=True, ipv6=True)
    assert mappings == [PortMapping(80, "tcp", "0.0.0.0", port), PortMapping(80, "tcp", "::", port)]


def test_an_address_of_a_family_that_the_container_has_not_is_left_out(ports: Ports) -> None:
    assert ports.reserve("a", [Wish(80, "tcp", "::1")], ipv4=True, ipv6=False) == []


def test_a_port_of_another_container_is_taken_also_on_one_address_of_all(ports: Ports) -> None:
    port = free_port()
    ports.reserve("a", [Wish(80, "tcp", "127.0.0.1", port, port)], ipv4=True, ipv6=False)
    with pytest.raises(SystemFailure, match=rf"Bind for 0\.0\.0\.0:{port} failed: port is already allocated"):
        ports.reserve("b", [Wish(80, "tcp", "", port, port)], ipv4=True, ipv6=False)
    ports.release("a")
    assert ports.reserve("b", [Wish(80, "tcp", "", port, port)], ipv4=True, ipv6=False)


def test_two_addresses_and_two_protocols_do_not_clash(ports: Ports) -> None:
    port = free_port()
    wanted = [Wish(80, protocol, f"127.0.0.{at}", port, port) for protocol in ("tcp", "udp") for at in (1, 2)]
    assert len(ports.reserve("a", wanted, ipv4=True, ipv6=False)) == 4


def test_what_fails_gives_back_what_it_has_taken(ports: Ports) -> None:
    first, second = free_port(), free_port()
    ports.reserve("a", [Wish(80, "tcp", "", second, second)], ipv4=True, ipv6=False)
    wanted = [Wish(80, "tcp", "", first, first), Wish(81, "tcp", "", second, second)]
    with pytest.raises(SystemFailure):
        ports.reserve("b", wanted, ipv4=True, ipv6=False)
    assert ports.reserve("c", wanted[:1], ipv4=True, ipv6=False)


@pytest.mark.parametrize("reuse", [0, 1])
def test_a_program_that_listens_is_found(ports: Ports, reuse: int) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        port = other.getsockname()[1]
        with pytest.raises(SystemFailure, match=rf"0\.0\.0\.0:{port}.*address already in use"):
            ports.reserve("a", [Wish(80, "tcp", "", port, port)], ipv4=True, ipv6=False)


@pytest.mark.parametrize("reuse", [0, 1])
def test_nobody_else_can_listen_on_a_taken_port_and_clients_are_refused(ports: Ports, reuse: int) -> None:
    port = free_port()
    ports.reserve("a", [Wish(80, "tcp", "", port, port)], ipv4=True, ipv6=False)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)
    with socket.socket() as other, pytest.raises(OSError, match="already in use"):
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
        other.bind(("127.0.0.1", port))
        other.listen(1)


def test_two_engines_find_each_others_ports(ports: Ports) -> None:
    port = free_port()
    ports.reserve("a", [Wish(80, "tcp", "", port, port)], ipv4=True, ipv6=False)
    other = Ports()
    with pytest.raises(SystemFailure, match="address already in use"):
        other.reserve("b", [Wish(80, "tcp", "", port, port)], ipv4=True, ipv6=False)


def test_an_address_that_the_host_has_not_is_told() -> None:
    with pytest.raises(SystemFailure, match="cannot assign requested address"):
        Ports().reserve("a", [Wish(80, "tcp", "198.51.100.7", 8080, 8080)], ipv4=True, ipv6=False)


def test_a_range_gives_its_first_free_port_until_there_is_none() -> None:
    ports = Ports()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        base = holder.getsockname()[1]
    wish = Wish(80, "udp", "127.0.0.1", base, base + 1)
    (first,) = ports.reserve("a", [wish], ipv4=True, ipv6=False)
    (second,) = ports.reserve("b", [wish], ipv4=True, ipv6=False)
    assert (first.host_port, second.host_port) == (base, base + 1)
    with pytest.raises(SystemFailure, match="all ports are allocated"):
        ports.reserve("c", [wish], ipv4=True, ipv6=False)
    ports.close()


def test_free_ports_are_taken_in_turn() -> None:
    ports = Ports((45000, 45100))
    taken = [ports.reserve(str(at), [Wish(80, "tcp")], ipv4=True, ipv6=False)[0].host_port for at in range(3)]
    assert taken == sorted(taken) and taken[0] >= 45000
    ports.release("2")
    assert ports.reserve("3", [Wish(80, "tcp")], ipv4=True, ipv6=False)[0].host_port > taken[2]
    ports.close()


def test_ports_of_a_container_that_runs_are_its_own_even_if_somebody_has_them(ports: Ports) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        port = other.getsockname()[1]
        mapping = PortMapping(80, "tcp", "0.0.0.0", port)
        assert ports.hold("a", [mapping]) == [f"0.0.0.0:{port}/tcp: address already in use"]
        with pytest.raises(SystemFailure, match="already allocated"):
            ports.reserve("b", [Wish(80, "tcp", "", port, port)], ipv4=True, ipv6=False)
