import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from restd.container.create import check_platform
from restd.errors import Conflict, InvalidParameter, NotFound, NotImplementedYet, SystemFailure
from restd.model.container import Config, CreateRequest, HostConfig, Status
from restd.model.health import Healthcheck
from restd.model.image import ImageConfig
from tests.unit.restd.container.room import Room
from tests.unit.restd.container.sample import HOST, ID, image

ASK = CreateRequest(Config(image="busybox"), name="made")


def test_a_created_container_is_on_disk_before_the_answer(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        created = await room.creator.create(ASK)
        entry = room.registry.find("made")
        assert (entry.container.id, created.warnings) == (created.id, ())
        assert entry.container.state.status is Status.CREATED and entry.exited.is_set()
        assert (entry.container.path, entry.container.config.hostname) == ("sh", created.id[:12])
        assert room.records.load(next(room.records.found())) == entry.container
        assert room.images.overlay.has(created.id) and room.actions() == ["create"]

    asyncio.run(attempt())


def test_a_missing_image_is_told_before_anything_else(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        ask = CreateRequest(Config(image="other"), HostConfig(network_mode="bridge", memory=1), name="?")
        with pytest.raises(NotFound, match="No such image: other:latest"):
            await room.creator.create(ask)
        with pytest.raises(InvalidParameter, match="image name cannot be blank"):
            await room.creator.create(CreateRequest(Config()))

    asyncio.run(attempt())


def test_of_many_creates_with_one_name_exactly_one_wins(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        results = await asyncio.gather(*(room.creator.create(ASK) for _ in range(10)), return_exceptions=True)
        conflicts = [item for item in results if isinstance(item, Conflict)]
        assert len(conflicts) == 9 and 'The container name "/made" is already in use by container' in str(conflicts[0])
        assert len(room.registry) == 1 and len(list(room.records.found())) == 1

    asyncio.run(attempt())


def test_a_container_without_a_name_gets_one(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        for _ in range(20):
            await room.creator.create(replace(ASK, name=""))
        assert len({entry.container.name for entry in room.registry}) == 20

    asyncio.run(attempt())


@pytest.mark.parametrize(
    ("ask", "kind", "words"),
    [
        (replace(ASK, name="a b"), InvalidParameter, "Invalid container name"),
        (replace(ASK, host_config=HostConfig(memory=1)), InvalidParameter, "6MB"),
        (replace(ASK, host_config=HostConfig(cpuset_mems="0")), NotImplementedYet, "CpusetMems"),
        (
            replace(ASK, host_config=HostConfig(links=("gone:db",))),
            InvalidParameter,
            "could not get container for gone",
        ),
        (replace(ASK, host_config=HostConfig(pid_mode="container:x")), NotFound, "No such container: x"),
        (replace(ASK, platform="linux/s390x"), NotFound, "does not match the specified platform"),
    ],
)
def test_a_refused_create_leaves_nothing(tmp_path: Path, ask: CreateRequest, kind: type[Exception], words: str) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        with pytest.raises(kind, match=words):
            await room.creator.create(ask)
        assert len(room.registry) == 0 and not room.registry.name_taken("made")
        assert not list(room.records.found()) and room.images.overlay.containers() == []

    asyncio.run(attempt())


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)

        def fails(_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(room.records, "create", fails)
        with pytest.raises(SystemFailure, match="No space left"):
            await room.creator.create(ASK)
        assert room.images.overlay.containers() == [] and not room.registry.name_taken("made")

    asyncio.run(attempt())


def test_a_joined_container_is_kept_by_id(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        room.add()
        created = await room.creator.create(replace(ASK, host_config=HostConfig(network_mode="container:box")))
        made = room.registry.find(created.id).container
        assert made.host_config.network_mode == f"container:{ID}" and made.endpoints == {}

    asyncio.run(attempt())


def test_what_an_image_asks_and_does_not_get_is_warned_of(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        room.images.image = image(ImageConfig(cmd=("sh",), healthcheck={"Test": ["curl x"]}))
        created = await room.creator.create(ASK)
        (health,) = created.warnings
        assert "healthcheck type" in health

    asyncio.run(attempt())


def test_the_health_check_of_the_image_is_taken_and_a_senseless_one_refused(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        room.images.image = image(ImageConfig(cmd=("sh",), healthcheck={"Test": ["CMD", "true"], "Retries": 7}))
        created = await room.creator.create(ASK)
        assert created.warnings == ()
        assert room.registry.find(created.id).container.config.healthcheck == Healthcheck(("CMD", "true"), retries=7)
        for wrong in ({"Test": 5}, {"Interval": "5s"}, {"Test": ["CMD"]}, {"Timeout": 1}):
            room.images.image = image(ImageConfig(cmd=("sh",), healthcheck=wrong))
            with pytest.raises(InvalidParameter, match="Healthcheck"):
                await room.creator.create(replace(ASK, name=""))

    asyncio.run(attempt())


@pytest.mark.parametrize("platform", ["linux/amd64", "linux", "amd64", "LINUX/x86_64", "linux/amd64/v2"])
def test_a_platform_has_many_spellings(platform: str) -> None:
    assert list(check_platform(replace(ASK, platform=platform), image(), HOST)) == []


def test_another_platform_is_refused_if_asked_and_warned_of_if_not() -> None:
    other = image(architecture="arm64", variant="v8")
    with pytest.raises(NotFound, match=r"its platform \(linux/arm64/v8\) does not match .* \(linux/amd64\)"):
        list(check_platform(replace(ASK, platform="linux/amd64"), other, HOST))
    (warning,) = check_platform(ASK, other, HOST)
    assert "does not match the detected host platform (linux/amd64)" in warning
    with pytest.raises(InvalidParameter):
        list(check_platform(replace(ASK, platform="a/b/c/d"), other, HOST))
