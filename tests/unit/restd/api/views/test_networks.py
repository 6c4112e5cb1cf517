from __future__ import annotations

from restd.api.views.networks import PREDEFINED, network_id, network_view, settings_view
from tests.unit.restd.api.views.test_containers import CONTAINER


def test_predefined_networks_have_ids_that_stay() -> None:
    assert {name: len(network_id(name)) for name in PREDEFINED} == {"host": 64, "none": 64}
    assert network_id("none") != network_id("host")


def test_a_network_has_lists_and_objects_where_clients_iterate() -> None:
    view = network_view("none")
    assert view["IPAM"]["Config"] == [] and view["Containers"] == {} and view["Labels"] == {}


def test_older_versions_have_fewer_fields() -> None:
    endpoints = {
        version: set(settings_view(CONTAINER, version)["Networks"]["none"]) for version in ((1, 43), (1, 44), (1, 48))
    }
    assert endpoints[1, 44] - endpoints[1, 43] == {"DNSNames"}
    assert endpoints[1, 48] - endpoints[1, 44] == {"GwPriority"}
