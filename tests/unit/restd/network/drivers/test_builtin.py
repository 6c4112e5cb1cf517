import asyncio

from restd.model.network import Network
from restd.network.drivers.builtin import BuiltinDriver


def test_nothing_is_made_and_no_plugin_called() -> None:
    driver, network = BuiltinDriver(), Network("a" * 64, "host", 1, "host")
    assert driver.design(network) is network
    assert driver.chain(network, way_out=True) is None  # type: ignore[func-returns-value]
    asyncio.run(driver.up(network))
    asyncio.run(driver.down(network))
