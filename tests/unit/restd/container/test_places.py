from dataclasses import replace

import pytest

from restd.container.places import (
    Place,
    asked_endpoints,
    dns_names,
    free_interface,
    own_network,
    places,
    user_defined,
)
from restd.errors import InvalidParameter, NotFound
from restd.model.container import Config, Container, Endpoint, HostConfig, IPAMConfig
from tests.unit.restd.container.nets import Networks
from tests.unit.restd.container.sample import ID, container

NETS = Networks()
BLUE = NETS.get("blue")


def on(*names: str, mode: str = "", **endpoints: Endpoint) -> Container:
    asked = {name: Endpoint(network_id=NETS.get(name).id) for name in names} | endpoints
    return container(
        host_config=HostConfig(network_mode=mode or names[0]), endpoints=asked, config=Config(hostname=ID[:12])
    )


def joins(made: list[Place]) -> list[tuple[str, str]]:
    return [(place.network.name, place.interface) for place in made]


def test_the_network_of_the_mode_has_the_first_interface_and_the_way_out_joins_first() -> None:
    assert joins(places(on("blue", "red", "bridge", mode="red"), NETS.get)) == [
        ("blue", "eth1"), ("bridge", "eth2"), ("red", "eth0"),
    ]  # fmt: skip
    first = on("blue", mode="blue", red=Endpoint(gw_priority=5))
    assert joins(places(first, NETS.get)) == [("red", "eth1"), ("blue", "eth0")]


def test_a_closed_network_is_no_way_out() -> None:
    nets = Networks()
    nets.all["blue"] = replace(nets.all["blue"], internal=True)
    assert joins(places(on("blue", "red"), nets.get)) == [("red", "eth1"), ("blue", "eth0")]


def test_a_network_is_found_by_its_id_when_its_name_is_another_ones() -> None:
    asked = on("blue", old=Endpoint(network_id=NETS.get("red").id))
    assert [place.network.name for place in places(asked, NETS.get)] == ["blue", "red"]
    with pytest.raises(NotFound, match="network gone not found"):
        places(on("blue", gone=Endpoint()), NETS.get)
    with pytest.raises(NotFound, match="network gone not found"):
        places(on("blue", gone=Endpoint(network_id="9" * 64)), NETS.get)


def test_what_a_container_asks_of_a_network() -> None:
    asked = Endpoint(
        IPAMConfig("10.4.0.9", "fd00::9", ("169.254.1.1",)),
        links=("db:x",),
        aliases=("web", "box"),
        mac_address="02:00:00:00:00:01",
        gw_priority=3,
    )
    (place,) = places(on(mode="blue", blue=asked), NETS.get)
    request = place.request
    assert (request.ipv4_address, request.ipv6_address, request.link_local_ips) == (
        "10.4.0.9",
        "fd00::9",
        ("169.254.1.1",),
    )
    assert (request.name, request.aliases, request.links) == ("box", ("web", "box"), ("db:x",))
    assert request.dns_names == ("box", "web", ID[:12])
    assert (request.mac_address, request.gw_priority) == ("02:00:00:00:00:01", 3)


def test_a_hostname_of_its_own_is_a_name_too_and_on_the_default_bridge_there_are_none() -> None:
    made = replace(on("blue"), config=Config(hostname="own"))
    assert dns_names(made, Endpoint()) == ("box", ID[:12], "own")
    (place,) = places(on("bridge"), NETS.get)
    assert place.request.dns_names == ()


def test_interfaces_fill_gaps() -> None:
    assert free_interface("eth", set()) == "eth0"
    assert free_interface("eth", {"eth0", "eth2"}) == "eth1"
    assert free_interface("lan", {"eth0"}) == "lan0"


def test_which_networks_are_what() -> None:
    assert [user_defined(name) for name in ("bridge", "none", "host", "blue")] == [False, False, False, True]
    modes = ("bridge", "blue", "none", "host", "", f"container:{ID}")
    assert [own_network(HostConfig(network_mode=mode)) for mode in modes] == [True, True, False, False, False, False]


def asked(
    mode: str, given: dict[str, Endpoint] | None = None, mac: str = "", links: tuple[str, ...] = ()
) -> dict[str, Endpoint]:
    _, made = asked_endpoints(HostConfig(network_mode=mode, links=links), given or {}, mac, NETS.get)
    return made


def test_a_container_that_names_none_is_on_the_network_of_its_mode() -> None:
    assert asked("bridge") == {"bridge": Endpoint(network_id=NETS.get("bridge").id)}
    assert asked("none") == {"none": Endpoint(network_id=NETS.get("none").id)}
    assert asked(f"container:{ID}") == {}
    assert asked("gone") == {"gone": Endpoint()}


def test_networks_have_their_names_whatever_they_were_asked_by() -> None:
    host_config, made = asked_endpoints(HostConfig(network_mode=BLUE.id), {"default": Endpoint()}, "", NETS.get)
    assert host_config.network_mode == "blue" and list(made) == ["blue"]
    assert list(asked("bridge", {BLUE.id: Endpoint(aliases=("a",))})) == ["blue"]


def test_a_hardware_address_for_the_container_is_one_on_its_main_network() -> None:
    assert asked("blue", mac="02:00:00:00:00:01")["blue"].mac_address == "02:00:00:00:00:01"
    assert asked("blue", {"red": Endpoint()}, "02:00:00:00:00:01")["blue"].mac_address == "02:00:00:00:00:01"
    same = Endpoint(mac_address="02:00:00:00:00:AA")
    assert asked("blue", {"blue": same}, "02:00:00:00:00:aa")["blue"].mac_address == "02:00:00:00:00:aa"
    with pytest.raises(InvalidParameter, match="container-wide MAC address must match"):
        asked("blue", {"blue": same}, "02:00:00:00:00:01")


def test_links_on_a_user_defined_network_are_links_of_that_network() -> None:
    assert asked("blue", links=("db:x",))["blue"].links == ("db:x",)
    assert asked("bridge", links=("db:x",))["bridge"].links is None


@pytest.mark.parametrize(
    ("mode", "given", "words"),
    [
        ("none", "blue", "private .none. mode"),
        ("blue", "none", "private .none. mode"),
        ("host", "blue", "host network"),
        (f"container:{ID}", "blue", "sharing network namespace"),
    ],
)
def test_networks_that_do_not_go_together(mode: str, given: str, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        asked(mode, {given: Endpoint()})
