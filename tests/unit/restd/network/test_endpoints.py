import pytest

from restd.errors import InvalidParameter, NotImplementedYet
from restd.model.network import EndpointRequest, Ipam, Network, Pool
from restd.network.endpoints import check_endpoint

CHOSEN = Network("a" * 64, "web", 1, "bridge", pools=(Pool("172.18.0.0/16"),))
GIVEN = Network("b" * 64, "own", 1, "bridge", ipam=Ipam(config=(Pool("10.1.0.0/16"),)), pools=(Pool("10.1.0.0/16"),))
BRIDGE = Network("c" * 64, "bridge", 1, "bridge", ipam=Ipam(config=(Pool("172.17.0.0/16"),)))


def test_nothing_special_is_always_possible() -> None:
    for network in (CHOSEN, GIVEN, BRIDGE):
        check_endpoint(network, EndpointRequest(network.name))


def test_a_static_address_needs_a_subnet_that_was_configured() -> None:
    check_endpoint(GIVEN, EndpointRequest("own", ipv4_address="10.1.0.9"))
    with pytest.raises(InvalidParameter, match="supported only when connecting to networks with user configured"):
        check_endpoint(CHOSEN, EndpointRequest("web", ipv4_address="172.18.0.9"))
    with pytest.raises(InvalidParameter, match="supported on user defined networks only"):
        check_endpoint(BRIDGE, EndpointRequest("bridge", ipv4_address="172.17.0.9"))
    with pytest.raises(InvalidParameter, match="no configured subnet or ip-range contain the IP address 10.2.0.9"):
        check_endpoint(GIVEN, EndpointRequest("own", ipv4_address="10.2.0.9"))


@pytest.mark.parametrize(
    "request_",
    [
        EndpointRequest("own", ipv4_address="10.1"),
        EndpointRequest("own", ipv4_address="fd00::1"),
        EndpointRequest("own", ipv6_address="10.1.0.1"),
        EndpointRequest("own", link_local_ips=("x",)),
        EndpointRequest("own", mac_address="02:42"),
    ],
)
def test_what_is_no_address_is_refused(request_: EndpointRequest) -> None:
    with pytest.raises(InvalidParameter, match="invalid config for network own: invalid endpoint settings:\n"):
        check_endpoint(GIVEN, request_)


def test_aliases_are_for_networks_where_names_are_resolved() -> None:
    with pytest.raises(InvalidParameter, match="only supported for user-defined networks"):
        check_endpoint(BRIDGE, EndpointRequest("bridge", aliases=("db",)))


def test_what_is_not_carried_out_is_not_taken() -> None:
    for request in (
        EndpointRequest("own", link_local_ips=("169.254.1.1",)),
        EndpointRequest("own", driver_opts={"com.example": "1"}),
    ):
        with pytest.raises(NotImplementedYet):
            check_endpoint(GIVEN, request)


def test_an_ipvlan_has_its_parents_hardware_address() -> None:
    network = Network("d" * 64, "v", 1, "ipvlan")
    with pytest.raises(InvalidParameter, match="MAC address can't be chosen"):
        check_endpoint(network, EndpointRequest("v", mac_address="02:42:ac:11:00:02"))
