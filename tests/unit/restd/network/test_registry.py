import pytest

from restd.errors import Conflict, InvalidParameter, NotFound
from restd.model.network import Network, Pool
from restd.network.registry import Registry

WEB = Network("a1" + "0" * 62, "web", 2, "bridge", pools=(Pool("10.1.0.0/16"),), interface="br-web")
DB = Network("a2" + "0" * 62, "db", 1, "bridge")


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.settle(WEB)
    registry.settle(DB)
    return registry


def test_networks_are_found_by_id_name_and_unique_beginning(registry: Registry) -> None:
    assert registry.find(WEB.id) is registry.find("web") is registry.find("a1") is WEB
    with pytest.raises(InvalidParameter, match=r"network a is ambiguous \(2 matches found based on ID prefix\)"):
        registry.find("a")
    for unknown in ("nope", "", "b" * 64):
        with pytest.raises(NotFound, match="not found"):
            registry.find(unknown)


def test_a_name_wins_over_the_beginning_of_an_id(registry: Registry) -> None:
    odd = Network("b" * 64, "a1", 3, "bridge")
    registry.settle(odd)
    assert registry.find("a1") is odd


def test_the_oldest_comes_first(registry: Registry) -> None:
    assert [network.name for network in registry] == ["db", "web"]


def test_what_is_being_made_or_removed_is_not_found_but_taken(registry: Registry) -> None:
    new = Network("c" * 64, "new", 3, "bridge", pools=(Pool("10.2.0.0/16"),))
    registry.reserve(new)
    registry.retire(WEB)
    for name in ("new", "web"):
        with pytest.raises(NotFound):
            registry.find(name)
        with pytest.raises(Conflict, match=f"network with name {name} already exists"):
            registry.check_name(name)
    assert {str(subnet) for subnet in registry.subnets()} == {"10.1.0.0/16", "10.2.0.0/16"}
    assert registry.with_interface("br-web") is WEB
    registry.settle(new)
    registry.discard(WEB)
    assert registry.find("new") is new and registry.with_interface("br-web") is None
    registry.check_name("web")
