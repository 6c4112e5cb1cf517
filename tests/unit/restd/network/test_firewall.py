import asyncio
from typing import Any

import pytest

from restd.errors import Unavailable
from restd.lib.processes import Completed
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


def test_rules_dropped_while_others_are_being_dropped_go_too(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs: list[str] = []
    commits = 0

    async def program(arguments: Any, seconds: float, *, stdin: bytes = b"", limit: int = 0) -> Completed:
        nonlocal commits
        await asyncio.sleep(0)
        if stdin:
            inputs.append(stdin.decode())
            commits += stdin.count(b"COMMIT")
        return Completed(0, b"", b"")

    monkeypatch.setattr("restd.network.firewall.run", program)
    monkeypatch.setattr("restd.network.stamp.generation", lambda: commits.to_bytes(4, "big"))
    monkeypatch.setattr("restd.network.firewall.shutil.which", lambda name, path: f"/sbin/{name}")

    async def scenario() -> None:
        firewall = Firewall(Names("t"), off=(6,))
        owners = ("network:1", "ports:a", "ports:b", "ports:c")
        for owner in owners:
            await firewall.set(owner, [RULE])
        inputs.clear()
        await asyncio.gather(*(firewall.drop(owner) for owner in owners[1:]))
        deleted = [line for text in inputs for line in text.splitlines() if line.startswith("-D")]
        assert len(deleted) == 3 and all(any(owner in line for line in deleted) for owner in owners[1:])

    asyncio.run(scenario())
