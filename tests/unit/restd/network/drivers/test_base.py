from dataclasses import replace

from restd.model.network import Network, Pool
from restd.network.drivers.base import host_local

POOLS = (Pool("10.1.0.0/16", gateway="10.1.0.1"), Pool("fd00::/64", gateway="fd00::1"))


def test_each_pool_is_a_range_with_its_gateway() -> None:
    network = Network("a" * 64, "web", 1, "bridge", pools=POOLS)
    assert host_local(network, "/leases", way_out=True) == {
        "type": "host-local",
        "dataDir": "/leases",
        "ranges": [
            [{"subnet": "10.1.0.0/16", "gateway": "10.1.0.1"}],
            [{"subnet": "fd00::/64", "gateway": "fd00::1"}],
        ],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
    }


def test_without_a_way_out_there_are_no_routes_and_without_pools_no_addresses() -> None:
    network = Network("a" * 64, "web", 1, "bridge", pools=POOLS)
    assert "routes" not in host_local(network, "/leases", way_out=False)
    assert "routes" not in host_local(replace(network, internal=True), "/leases", way_out=True)
    assert host_local(Network("a" * 64, "web", 1, "bridge"), "/leases", way_out=True) == {}
