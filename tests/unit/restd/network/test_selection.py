import json
from typing import Any

import pytest

from restd.errors import InvalidParameter
from restd.filters import Filters
from restd.model.network import Network
from restd.network.selection import Selection, prunable

BRIDGE = Network("0" * 64, "bridge", 1, "bridge")
WEB = Network("a1" + "0" * 62, "web_front", 10, "bridge", labels={"tier": "front", "x": ""})
DB = Network("b1" + "0" * 62, "db", 20, "macvlan", labels={"tier": "back"})
ALL = (BRIDGE, WEB, DB)


def names(**filters: Any) -> list[str]:
    selection = Selection(Filters.parse(json.dumps(filters)), lambda network_id: network_id == WEB.id)
    return [network.name for network in ALL if selection.passes(network)]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"name": ["web"]}, ["web_front"]),
        ({"name": ["^db$", "front"]}, ["web_front", "db"]),
        ({"name": ["[bd]b"]}, ["web_front", "db"][1:]),
        ({"name": ["("]}, []),
        ({"name": ["(a+)+$"]}, []),
        ({"id": ["^b1"], "name": ["d"]}, ["db"]),
        ({"id": ["a1"]}, ["web_front"]),
        ({"driver": ["macvlan"]}, ["db"]),
        ({"driver": ["mac"]}, []),
        ({"type": ["builtin"]}, ["bridge"]),
        ({"type": ["custom"]}, ["web_front", "db"]),
        ({"scope": ["local"]}, ["bridge", "web_front", "db"]),
        ({"scope": ["swarm"]}, []),
        ({"label": ["tier"]}, ["web_front", "db"]),
        ({"label": ["tier=front", "x"]}, ["web_front"]),
        ({"label": ["tier=front", "nope"]}, []),
        ({"dangling": ["true"]}, ["db"]),
        ({"dangling": ["0"]}, ["bridge", "web_front"]),
        ({"driver": ["bridge"], "label": ["tier"]}, ["web_front"]),
    ],
)
def test_filters_mean_what_they_mean_to_docker(filters: dict[str, Any], found: list[str]) -> None:
    assert names(**filters) == found


@pytest.mark.parametrize("filters", [{"colour": ["red"]}, {"type": ["odd"]}, {"dangling": ["maybe"]}])
def test_what_is_no_filter_is_refused(filters: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter):
        names(**filters)


def pruned(until: int | None = None, /, **filters: Any) -> list[str]:
    means = prunable(Filters.parse(json.dumps(filters)), until)
    return [network.name for network in ALL if means(network)]


def test_a_prune_spares_the_predefined_the_new_and_the_marked() -> None:
    assert pruned() == ["web_front", "db"]
    assert pruned(15) == ["web_front"]
    assert pruned(label=["tier=back"]) == ["db"]
    assert pruned(None, **{"label!": ["tier=back"]}) == ["web_front"]
    with pytest.raises(InvalidParameter):
        pruned(name=["web"])
