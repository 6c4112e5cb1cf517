from __future__ import annotations

import asyncio
from pathlib import Path

from restd.image.catalogue import Catalogue
from restd.image.ledger import Ledger
from restd.image.references import parse_reference
from tests.unit.restd.image.test_removal import image


def reread(root: Path) -> Catalogue:
    catalogue = Catalogue(str(root))
    assert catalogue.open() == []
    return catalogue


def test_what_the_ledger_answered_for_is_on_disk(tmp_path: Path) -> None:
    async def run() -> None:
        ledger, one, name = Ledger(reread(tmp_path)), image("one"), parse_reference("a:1")
        await ledger.add(one)
        await ledger.add(one)
        await ledger.point({name: one.id, parse_reference("b:1"): "sha256:gone"})
        assert reread(tmp_path).find("a:1").repo_tags == ("a:1",)
        await ledger.unpoint([name, name])
        assert reread(tmp_path).find(one.id).repo_tags == ()
        await ledger.point({name: one.id})
        assert await ledger.drop(one.id) is not None
        assert await ledger.drop(one.id) is None
        assert reread(tmp_path).all() == []

    asyncio.run(run())


def test_many_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        ledger, one = Ledger(reread(tmp_path)), image("one")
        await ledger.add(one)
        await asyncio.gather(*(ledger.point({parse_reference(f"a:{number}"): one.id}) for number in range(20)))
        assert len(reread(tmp_path).find(one.id).repo_tags) == 20

    asyncio.run(run())
