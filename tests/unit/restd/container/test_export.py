from __future__ import annotations

import asyncio
from pathlib import Path

from restd.container.export import changed
from restd.container.registry import Entry
from restd.events import Events
from restd.image.store import ImageStore
from tests.unit.restd.container.sample import container


def test_a_container_that_lost_its_layer_has_changed_nothing(tmp_path: Path) -> None:
    async def inside() -> None:
        store = ImageStore(str(tmp_path), Events())
        await store.open()
        try:
            assert await changed(Entry(container()), store) == []
        finally:
            await store.close()

    asyncio.run(inside())
