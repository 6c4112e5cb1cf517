from pathlib import Path

import pytest

from restd.errors import InvalidParameter
from restd.model.network import Network, Pool
from restd.network.cni.plugins import Plugins
from restd.network.drivers.host_device import HostDeviceDriver
from tests.unit.restd.network.cni.scripted import Scripted


def network(**options: str) -> Network:
    return Network("a" * 64, "dev", 1, "host-device", options=options, pools=(Pool("10.1.0.0/16"),))


@pytest.fixture
def driver(tmp_path: Path) -> HostDeviceDriver:
    return HostDeviceDriver(Plugins([str(Scripted(tmp_path, "host-device", "host-local").folder)]), "/leases")


def test_the_device_is_told_in_one_way(driver: HostDeviceDriver) -> None:
    driver.design(network(hwaddr="02:00:00:00:00:01"))
    for options in ({}, {"device": "eth1", "hwaddr": "02:00:00:00:00:01"}):
        with pytest.raises(InvalidParameter, match="exactly one of the options"):
            driver.design(network(**options))


def test_parent_is_another_word_for_device(driver: HostDeviceDriver) -> None:
    (plugin,) = driver.chain(network(parent="eth1"), way_out=True).plugins
    assert plugin["device"] == "eth1" and plugin["type"] == "host-device"


def test_a_device_keeps_its_own_packet_size(driver: HostDeviceDriver) -> None:
    with pytest.raises(InvalidParameter, match=r"driver\.mtu"):
        driver.design(network(device="eth1", **{"com.docker.network.driver.mtu": "1400"}))
