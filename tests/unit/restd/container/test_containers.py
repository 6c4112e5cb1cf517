import asyncio
from pathlib import Path
from typing import Any

import pytest

from restd.config import Config as EngineConfig
from restd.container.containers import Containers, Counts, ListQuery
from restd.errors import NotFound
from restd.events import Events
from restd.model.container import Config, CreateRequest, Status
from restd.volume.volumes import Volumes
from tests.unit.restd.container.nets import Networks
from tests.unit.restd.container.room import Images
from tests.unit.restd.container.sample import HOST


def test_a_container_from_its_create_to_its_removal_through_the_facade(tmp_path: Path) -> None:
    async def attempt() -> None:
        images: Any = Images(tmp_path / "layers")
        networks: Any = Networks()
        config, events = EngineConfig(graph=str(tmp_path / "g"), state=str(tmp_path / "s")), Events()
        volumes = Volumes(config.graph, events)
        await volumes.open()
        containers = Containers(config, HOST, events, images, networks, volumes)
        await containers.open()
        try:
            created = await containers.create(CreateRequest(Config(image="busybox"), name="one"))
            assert containers.get("one").id == created.id
            assert containers.get(created.id[:8]).state.status is Status.CREATED
            assert containers.list(ListQuery()) == []
            assert [item.name for item in containers.list(ListQuery(all=True))] == ["one"]
            assert containers.counts() == Counts(stopped=1)
            (use,) = containers.image_uses()
            assert (use.container_id, use.running) == (created.id, False)
            assert containers.execs(created.id) == []
            await containers.rename("one", "two")
            await containers.remove("two", force=False, volumes=True, link=False)
            with pytest.raises(NotFound, match="No such container: two"):
                containers.get("two")
        finally:
            await containers.close()

    asyncio.run(attempt())
