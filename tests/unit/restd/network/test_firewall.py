import asyncio

import pytest

from restd.errors import Unavailable
from restd.network.chains import Names
from restd.network.firewall import Firewall, Rule

RULE = Rule("filter", "IN", "-o br0 -j ACCEPT")


def test_rules_are_for_ipv4_unless_said_otherwise() -> None:
    assert not RULE.ipv6


def test_a_host_without_the_programs_is_told_the_package() -> None:
    async def scenario() -> None:
        firewall = Firewall(Names("t"), "/nowhere/iptables")
        assert "install the package iptables" in firewall.missing
        await firewall.open()
        await firewall.drop("network:1")
        with pytest.raises(Unavailable, match="install the package iptables"):
            await firewall.set("network:1", [RULE])
        await firewall.verify(thoroughly=True)
        await firewall.settle()

    asyncio.run(scenario())


def test_where_the_host_cares_for_its_rules_itself_nothing_is_done() -> None:
    async def scenario() -> None:
        firewall = Firewall(Names("t"), "/nowhere/iptables", off=(4, 6))
        assert firewall.missing == ""
        await firewall.open()
        await firewall.set("network:1", [RULE])
        await firewall.verify(thoroughly=True)
        await firewall.guard(4)
        await firewall.drop("network:1")

    asyncio.run(scenario())
