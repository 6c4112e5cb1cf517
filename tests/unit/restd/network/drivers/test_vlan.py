from dataclasses import replace
from pathlib import Path

import pytest

from restd.errors import InvalidParameter, Unavailable
from restd.model.network import Network, Pool
from restd.network.cni.plugins import Plugins
from restd.network.drivers.vlan import VlanDriver
from tests.unit.restd.network.cni.scripted import Scripted

NETWORK = Network("a" * 64, "lan", 1, "macvlan", pools=(Pool("10.1.0.0/16", gateway="10.1.0.1"),))


@pytest.fixture
def plugins(tmp_path: Path) -> Plugins:
    return Plugins([str(Scripted(tmp_path, "macvlan", "ipvlan", "host-local").folder)])


def test_the_parent_is_the_hosts_or_made(plugins: Plugins) -> None:
    driver = VlanDriver("macvlan", plugins, "/leases", 0)
    own = driver.design(NETWORK)
    assert own.interface == "dm-" + "a" * 12 and own.made_interface
    hosts = driver.design(replace(NETWORK, options={"parent": "lo"}))
    assert hosts.interface == "lo" and not hosts.made_interface
    tagged = driver.design(replace(NETWORK, options={"parent": "lo.50"}))
    assert tagged.interface == "lo.50" and tagged.made_interface


@pytest.mark.parametrize("parent", ["nope0", "nope0.50", "lo.0", "lo.4095", "a/b"])
def test_a_parent_that_is_not_there_is_refused(plugins: Plugins, parent: str) -> None:
    with pytest.raises(InvalidParameter, match="parent"):
        VlanDriver("macvlan", plugins, "/leases", 0).design(replace(NETWORK, options={"parent": parent}))


def test_modes_are_the_drivers_own(plugins: Plugins) -> None:
    macvlan, ipvlan = (VlanDriver(kind, plugins, "/leases", 1400) for kind in ("macvlan", "ipvlan"))
    private = replace(NETWORK, interface="lo", options={"macvlan_mode": "private"})
    (plugin,) = macvlan.chain(private, way_out=True).plugins
    assert plugin["mode"] == "private" and plugin["master"] == "lo" and plugin["mtu"] == 1400
    assert plugin["capabilities"] == {"ips": True, "mac": True}
    assert ipvlan.chain(NETWORK, way_out=True).plugins[0]["mode"] == "l2" and not ipvlan.chain(
        NETWORK, way_out=True
    ).knows("mac")
    with pytest.raises(InvalidParameter, match="requested macvlan mode 'l2' is not valid"):
        macvlan.design(replace(NETWORK, options={"macvlan_mode": "l2"}))
    with pytest.raises(InvalidParameter, match="ipvlan_flag"):
        ipvlan.design(replace(NETWORK, options={"ipvlan_flag": "vepa"}))


def test_without_its_plugin_the_driver_is_not_to_be_had() -> None:
    with pytest.raises(Unavailable, match="containernetworking-plugins"):
        VlanDriver("macvlan", Plugins(["/nowhere"]), "/leases", 0).design(NETWORK)
