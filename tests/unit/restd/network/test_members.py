from pathlib import Path

import pytest

from restd.model.network import Endpoint
from restd.network.cni.configuration import Attachment, ConfList
from restd.network.members import Member, Members

NET, ONE, TWO = "a" * 64, "1" * 64, "2" * 64
CHAIN = ConfList("net", ({"type": "bridge"},))


def member(container: str, network: str = NET, address: str = "10.0.0.2") -> Member:
    endpoint = Endpoint("e" * 64, container, network, "web", "eth0", ipv4_address=address, dns_names=("a", "b"))
    attachment = Attachment(container, "/run/netns/x", "eth0", (("IP", "10.0.0.2"),), {"ips": ["10.0.0.2"]})
    return Member(endpoint, CHAIN, attachment, {"ips": []}, joined=True)


def opened(folder: Path) -> Members:
    members = Members(str(folder))
    members.load()
    return members


def test_members_are_known_again_in_the_order_of_joining(tmp_path: Path) -> None:
    members = opened(tmp_path)
    second = members.put(member(TWO))
    first = members.put(member(ONE, address="10.0.0.3"))
    again = opened(tmp_path)
    assert again.all() == [second, first] == again.of_network(NET)
    assert again.of_container(ONE) == [first]
    assert again.addresses(NET) == {"10.0.0.2", "10.0.0.3"}
    later = again.put(member(ONE, "b" * 64))
    assert later.order > first.order > second.order


def test_who_is_dropped_leaves_nothing(tmp_path: Path) -> None:
    members = opened(tmp_path)
    noted = members.put(member(ONE))
    members.drop(noted.endpoint)
    members.drop(noted.endpoint)
    assert members.get(NET, ONE) is None and opened(tmp_path).all() == []
    assert list((tmp_path / "networks").iterdir()) == []


def test_who_is_leaving_is_there_but_not_seen(tmp_path: Path) -> None:
    members = opened(tmp_path)
    members.leave(members.put(member(ONE)))
    found = members.get(NET, ONE)
    assert found is not None and found.leaving and not found.present
    assert members.addresses(NET) == {"10.0.0.2"}


def test_a_member_of_a_network_without_plugins_is_remembered_too(tmp_path: Path) -> None:
    noted = opened(tmp_path).put(Member(Endpoint("e" * 64, ONE, NET, "host"), joined=True))
    assert opened(tmp_path).all() == [noted]


@pytest.mark.parametrize("content", ["{", "{}", "[]", '{"version":1,"endpoint":{}}'])
def test_a_record_that_cannot_be_read_is_set_aside(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    members = opened(tmp_path)
    kept = members.put(member(ONE))
    broken = tmp_path / "networks" / NET / f"{TWO}.json"
    broken.write_text(content)
    assert opened(tmp_path).all() == [kept]
    assert "not known any more" in caplog.text and not broken.exists()
