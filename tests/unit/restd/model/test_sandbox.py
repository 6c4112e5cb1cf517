from dataclasses import replace

from restd.model.network import Endpoint
from restd.model.sandbox import Sandbox

PLACE = Endpoint("e", "c", "n", "blue", gateway="10.0.0.1")


def test_the_way_out_is_the_highest_priority_then_the_first_name() -> None:
    closed = replace(PLACE, network_name="a", gateway="")
    red = replace(PLACE, network_name="red")
    assert Sandbox(endpoints=(closed, red, PLACE)).way_out is PLACE
    first = replace(red, gw_priority=1)
    assert Sandbox(endpoints=(closed, first, PLACE)).way_out is first
    assert Sandbox(endpoints=(closed,)).way_out is None


def test_a_place_is_found_by_the_networks_name() -> None:
    assert Sandbox(endpoints=(PLACE,)).endpoint("blue") is PLACE
    assert Sandbox().endpoint("blue") is None
