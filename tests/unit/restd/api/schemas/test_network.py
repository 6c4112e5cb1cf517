from __future__ import annotations

from typing import Any

import pytest

from restd.api.schemas.network import read_connection, read_disconnection, read_network
from restd.errors import InvalidParameter
from restd.model.container import Endpoint, IPAMConfig
from restd.model.network import ConfigReference, Ipam, Pool


def test_a_request_is_read_as_compose_sends_it() -> None:
    body = {
        "Name": "web",
        "CheckDuplicate": True,
        "Driver": None,
        "Options": {"a": "b"},
        "IPAM": {
            "Driver": "default",
            "Options": {},
            "Config": [{"Subnet": "10.1.0.0/16", "AuxiliaryAddresses": {"r": "10.1.0.9"}}],
        },
        "EnableIPv6": True,
        "Labels": {"com.docker.compose.project": "p"},
        "ConfigFrom": {"Network": "base"},
    }
    request = read_network(body, (1, 50))
    assert request.name == "web" and request.driver == "" and request.enable_ipv6 and request.enable_ipv4 is None
    pool = Pool("10.1.0.0/16", auxiliary_addresses={"r": "10.1.0.9"})
    assert request.ipam == Ipam("default", {}, (pool,)) and request.config_from == ConfigReference("base")


def test_ipv4_could_not_be_denied_before_1_48() -> None:
    assert read_network({"Name": "web", "EnableIPv4": False}, (1, 47)).enable_ipv4 is None
    assert read_network({"Name": "web", "EnableIPv4": False}, (1, 48)).enable_ipv4 is False


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"Name": 5}, "Name: a string"),
        ({"Internal": "yes"}, "Internal: true or false"),
        ({"IPAM": []}, "IPAM: an object"),
        ({"IPAM": {"Config": [{"Subnet": 5}]}}, r"IPAM\.Config\[0\]\.Subnet: a string"),
        ({"Labels": {"a": 1}}, r"Labels\.a: a string"),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(body: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        read_network(body, (1, 50))


def test_a_connection_is_a_container_and_its_place() -> None:
    body = {"Container": "c1", "EndpointConfig": {"IPAMConfig": {"IPv4Address": "10.1.0.9"}, "Aliases": ["db"]}}
    assert read_connection(body) == ("c1", Endpoint(IPAMConfig("10.1.0.9"), aliases=("db",)))
    assert read_connection({"Container": "c1"}) == ("c1", Endpoint())
    assert read_disconnection({"Container": "c1", "Force": True}) == ("c1", True)
    for read in (read_connection, read_disconnection):
        with pytest.raises(InvalidParameter, match="invalid container name or ID"):
            read({})
