import os
from pathlib import Path

import pytest

from restd.model.network import Ipam, Network, Pool
from restd.network.store import NetworkStore

NETWORK = Network(
    "a" * 64, "web", 7, "bridge", ipam=Ipam(config=(Pool("10.1.0.0/16"),)), labels={"a": "b"}, interface="br-aaa"
)


def test_what_was_saved_is_there_again(tmp_path: Path) -> None:
    store = NetworkStore(str(tmp_path))
    assert store.load() == []
    store.save(NETWORK)
    assert NetworkStore(str(tmp_path)).load() == [NETWORK]
    store.erase(NETWORK)
    store.erase(NETWORK)
    assert NetworkStore(str(tmp_path)).load() == []


@pytest.mark.parametrize(
    "content",
    ["{", "[]", "{}", '{"version":1,"network":{}}', '{"version":2,"network":{}}', '{"version":1,"network":[]}'],
)
def test_what_cannot_be_read_is_set_aside_and_stops_nobody(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = NetworkStore(str(tmp_path))
    store.load()
    store.save(NETWORK)
    broken = tmp_path / "networks" / f"{'b' * 64}.json"
    broken.write_text(content)
    assert store.load() == [NETWORK]
    assert "a network is lost" in caplog.text
    assert not broken.exists() and [name for name in os.listdir(tmp_path / "networks") if ".corrupt" in name]


def test_half_a_write_is_cleared_away(tmp_path: Path) -> None:
    store = NetworkStore(str(tmp_path))
    store.load()
    half = tmp_path / "networks" / f"{'b' * 64}.json.new"
    half.write_text("{")
    assert store.load() == [] and not half.exists()
