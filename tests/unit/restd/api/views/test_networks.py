from __future__ import annotations

from restd.api.views.networks import PREDEFINED, network_id, network_view


def test_predefined_networks_have_ids_that_stay() -> None:
    assert {name: len(network_id(name)) for name in PREDEFINED} == {"host": 64, "none": 64}
    assert network_id("none") != network_id("host")


def test_a_network_has_lists_and_objects_where_clients_iterate() -> None:
    view = network_view("none")
    assert view["IPAM"]["Config"] == [] and view["Containers"] == {} and view["Labels"] == {}
