import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from restd.errors import InvalidParameter, SystemFailure
from restd.filters import Filters
from restd.model.container import Config, Container, CreateRequest, HostConfig, Mount, Status, VolumeOptions
from tests.unit.restd.container.room import Room

ASK = CreateRequest(Config(image="busybox"), HostConfig(network_mode="none"))


def asking(volumes: tuple[str, ...] = (), **host: Any) -> CreateRequest:
    config = replace(ASK.config, volumes={path: {} for path in volumes} if volumes else None)
    return CreateRequest(config, replace(ASK.host_config, **host))


async def opened(tmp_path: Path) -> Room:
    room = Room(tmp_path)
    await room.volumes.open()
    return room


async def made(room: Room, request: CreateRequest) -> Container:
    created = await room.creator.create(request)
    return room.registry.find(created.id).container


def names(room: Room) -> list[str]:
    return [volume.name for volume in room.volumes.list(Filters(), room.volume_mounts.users)]


def test_volumes_are_found_or_made_with_the_container(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = await opened(tmp_path)
        box = await made(room, asking(("/anon", "/bound"), binds=("vol:/data:ro", "/tmp:/bound")))
        points = {point.target: point for point in box.mounts}
        assert set(points) == {"/anon", "/bound", "/data"}
        assert points["/data"].name == "vol" and points["/data"].read_only and points["/data"].named
        assert len(points["/anon"].name) == 64 and not points["/anon"].named
        assert room.volume_mounts.users("vol") == [box.id]
        assert room.volume_mounts.references() == {"vol": [box.id], points["/anon"].name: [box.id]}
        assert room.records.load(next(room.records.found())) == box
        await room.close()

    asyncio.run(attempt())


def test_volumes_of_another_container_come_first_and_give_way(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = await opened(tmp_path)
        donor = await made(room, asking(("/anon",), binds=("vol:/data", "/tmp:/t")))
        heir = await made(room, asking(volumes_from=(f"{donor.id}:ro",), binds=("other:/data",)))
        points = {point.target: point for point in heir.mounts}
        assert points["/data"].name == "other" and not points["/data"].read_only
        assert points["/anon"].read_only and points["/t"].read_only
        assert sorted(room.volume_mounts.users(points["/anon"].name)) == sorted([donor.id, heir.id])
        with pytest.raises(InvalidParameter, match="No such container: nobody"):
            await made(room, asking(volumes_from=("nobody",)))
        await room.close()

    asyncio.run(attempt())


def test_a_create_that_fails_takes_its_anonymous_volumes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def attempt() -> None:
        room = await opened(tmp_path)

        def full(container: Container) -> None:
            raise OSError("the disk is full")

        monkeypatch.setattr(room.records, "create", full)
        with pytest.raises(SystemFailure, match="the disk is full"):
            await made(room, asking(("/anon",), binds=("vol:/data",)))
        assert names(room) == ["vol"]
        await room.volumes.remove("vol", room.volume_mounts.users)
        await room.close()

    asyncio.run(attempt())


def test_an_empty_volume_gets_what_the_image_has_there(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = await opened(tmp_path)
        make = room.images.overlay.create_container_layer

        def with_files(container_id: str, image_id: str) -> None:
            make(container_id, image_id)
            (room.images.overlay.root / container_id / "etc/file").write_text("x")

        room.images.overlay.create_container_layer = with_files
        await made(room, asking(binds=("vol:/etc", "none:/nothing", "plain:/etc/../etc2:nocopy")))
        assert os.listdir(room.volumes.get("vol").mountpoint) == ["file"]
        assert os.listdir(room.volumes.get("none").mountpoint) == []
        assert not room.images.overlay.mounted
        with pytest.raises(InvalidParameter, match="source /etc/file is not directory"):
            await made(room, asking(binds=("vol:/etc/file",)))
        with pytest.raises(InvalidParameter, match="cannot mount volume over existing file, file exists /etc/file"):
            await made(room, asking(("/etc/file",)))
        assert sorted(names(room)) == ["none", "plain", "vol"]
        await room.close()

    asyncio.run(attempt())


def test_removal_takes_anonymous_volumes_only_if_asked(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = await opened(tmp_path)
        for volumes in (False, True):
            box = await made(room, asking(("/anon",), binds=("vol:/data",)))
            before = len(names(room))
            await room.remover.finish(room.registry.find(box.id), volumes=volumes)
            assert len(names(room)) == before - volumes and "vol" in names(room)
        await room.settle()
        await room.close()

    asyncio.run(attempt())


def test_an_anonymous_volume_that_another_container_has_stays(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = await opened(tmp_path)
        donor = await made(room, asking(("/anon",)))
        heir = await made(room, asking(volumes_from=(donor.id,)))
        await room.remover.finish(room.registry.find(donor.id), volumes=True)
        assert len(names(room)) == 1
        await room.remover.finish(room.registry.find(heir.id), volumes=True)
        assert names(room) == []
        await room.settle()
        await room.close()

    asyncio.run(attempt())


def test_a_restart_of_the_daemon_keeps_what_containers_have(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = await opened(tmp_path)
        box = await made(room, asking(("/anon",)))
        lost = await room.volumes.create(owner="d" * 64)
        await room.close()
        room.build()
        await room.volumes.open()
        await room.restorer.restore()
        assert names(room) == [box.mounts[0].name] and lost.name not in names(room)
        await room.settle()
        await room.close()

    asyncio.run(attempt())


@pytest.mark.parametrize("volumes", [True, False])
def test_a_removal_that_was_cut_off_is_finished_as_it_was_begun(tmp_path: Path, volumes: bool) -> None:
    async def attempt() -> None:
        room = await opened(tmp_path)
        box = await made(room, asking(("/anon",)))
        if volumes:
            await room.volume_mounts.doom(box)
        room.set_state(room.registry.find(box.id), Status.REMOVING)
        await room.close()
        room.build()
        await room.volumes.open()
        await room.restorer.restore()
        await room.settle()
        assert len(room.registry) == 0 and len(names(room)) == (0 if volumes else 1)
        await room.close()

    asyncio.run(attempt())


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_part_of_a_volume_is_mounted_apart(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = await opened(tmp_path)
        mount = Mount("volume", "vol", "/part", volume_options=VolumeOptions(subpath="a/b"))
        box = await made(room, asking(mounts=(mount,)))
        with pytest.raises(Exception, match="cannot access path .*a/b: no such file or directory"):
            await room.volume_mounts.take(box)
        await room.volume_mounts.release(box)
        data = Path(room.volumes.get("vol").mountpoint)
        (data / "real").mkdir()
        (data / "real/file").touch()
        (data / "a").mkdir()
        (data / "a/b").symlink_to("/real")
        (point,) = await room.volume_mounts.take(box)
        assert os.listdir(point.source) == ["file"] and not point.source.startswith(str(data))
        await room.volume_mounts.release(box)
        assert not os.path.exists(point.source) and (data / "real/file").exists()
        await room.close()

    asyncio.run(attempt())
