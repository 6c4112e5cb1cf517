import asyncio
import json
import os
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest

from restd.errors import Conflict, InvalidParameter, NotFound, SystemFailure
from restd.events import Events, Subscription
from restd.filters import Filters
from restd.volume import mounting
from restd.volume.volumes import Volumes

BOX, OTHER = "b" * 64, "c" * 64


class Place:
    """An engine's volumes; `users` says which containers have one."""

    def __init__(self, tmp_path: Path) -> None:
        self.root = tmp_path
        self.having: dict[str, list[str]] = {}
        self.build()

    def build(self) -> None:
        self.events = Events()
        self.watcher: Subscription = self.events.subscribe()
        self.volumes = Volumes(str(self.root), self.events)

    def users(self, name: str) -> Sequence[str]:
        return self.having.get(name, [])

    def names(self, **filters: list[str]) -> list[str]:
        parsed = Filters.parse(json.dumps(filters) if filters else "")
        return [volume.name for volume in self.volumes.list(parsed, self.users)]

    def told(self) -> list[tuple[str, str]]:
        return [(event.action, event.actor) for event in self.watcher._queue]

    async def again(self, *containers: str) -> None:
        """The daemon ends and another comes; these containers are on disk."""
        await self.volumes.close()
        self.build()
        await self.volumes.open()
        await self.volumes.settle(containers, self.users)


def run(tmp_path: Path, attempt: Any) -> None:
    async def whole() -> None:
        place = Place(tmp_path)
        await place.volumes.open()
        await attempt(place)
        await place.volumes.close()

    asyncio.run(whole())


def test_a_volume_is_made_once_and_stays(tmp_path: Path) -> None:
    async def attempt(place: Place) -> None:
        made = await place.volumes.create("vol", "local", {}, {"a": "b"})
        assert (made.name, made.labels, made.options) == ("vol", {"a": "b"}, {})
        assert await place.volumes.create("vol", labels={"other": ""}) == made
        assert place.volumes.get("vol") == made and place.told() == [("create", "vol")]
        await place.again()
        assert place.volumes.get("vol") == made and place.names() == ["vol"]

    run(tmp_path, attempt)


def test_of_many_creates_at_once_one_makes_it(tmp_path: Path) -> None:
    async def attempt(place: Place) -> None:
        made = await asyncio.gather(*(place.volumes.create("vol", labels={str(n): ""}) for n in range(8)))
        assert len({id(one) for one in made}) == 1 and place.told() == [("create", "vol")]

    run(tmp_path, attempt)


def test_one_without_a_name_is_anonymous(tmp_path: Path) -> None:
    async def attempt(place: Place) -> None:
        made = await place.volumes.create(labels={"a": "b"})
        assert len(made.name) == 64 and made.anonymous
        assert made.labels == {"a": "b", "com.docker.volume.anonymous": ""}

    run(tmp_path, attempt)


def test_what_can_not_be_made_leaves_nothing(tmp_path: Path) -> None:
    async def attempt(place: Place) -> None:
        wrong: list[tuple[Coroutine[Any, Any, Any], type[Exception]]] = [
            (place.volumes.create("a"), InvalidParameter),
            (place.volumes.create("vol", "nfs"), NotFound),
            (place.volumes.create("vol", "", {"odd": "1"}), InvalidParameter),
        ]
        for work, kind in wrong:
            with pytest.raises(kind):
                await work
        os.rmdir(tmp_path / "volumes")
        with pytest.raises(SystemFailure, match="create vol: "):
            await place.volumes.create("vol")
        assert place.names() == [] and place.told() == []

    run(tmp_path, attempt)


def test_removal_waits_for_nobody_who_has_it(tmp_path: Path) -> None:
    async def attempt(place: Place) -> None:
        await place.volumes.create("vol")
        place.having["vol"] = [BOX, OTHER]
        for force in (False, True):
            with pytest.raises(Conflict, match=rf"remove vol: volume is in use - \[{BOX}, {OTHER}\]"):
                await place.volumes.remove("vol", place.users, force=force)
        place.having.clear()
        await place.volumes.remove("vol", place.users)
        with pytest.raises(NotFound, match="get vol: no such volume"):
            place.volumes.get("vol")
        with pytest.raises(NotFound, match="get vol: no such volume"):
            await place.volumes.remove("vol", place.users)
        await place.volumes.remove("vol", place.users, force=True)
        assert place.told() == [("create", "vol"), ("destroy", "vol")]
        await place.volumes.create("vol")

    run(tmp_path, attempt)


def test_a_create_under_way_keeps_its_volumes(tmp_path: Path) -> None:
    async def attempt(place: Place) -> None:
        await place.volumes.create("vol", owner=BOX)
        with pytest.raises(Conflict, match="in use"):
            await place.volumes.remove("vol", place.users)
        place.volumes.unclaim(["vol", "gone"], BOX)
        place.volumes.claim("vol", OTHER)
        with pytest.raises(Conflict, match=OTHER):
            await place.volumes.remove("vol", place.users)
        with pytest.raises(NotFound):
            place.volumes.claim("none", OTHER)

    run(tmp_path, attempt)


def test_a_volume_with_something_mounted_below_it_is_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def attempt(place: Place) -> None:
        await place.volumes.create("vol")
        monkeypatch.setattr(mounting, "targets_below", lambda path: [f"{path}/_data/deep"])
        with pytest.raises(SystemFailure, match="something is mounted at .*deep"):
            await place.volumes.remove("vol", place.users)
        assert place.names() == ["vol"] and "destroy" not in dict(place.told())

    run(tmp_path, attempt)


def test_a_crash_between_a_create_and_its_end_leaves_no_anonymous_volume(tmp_path: Path) -> None:
    async def attempt(place: Place) -> None:
        lost = await place.volumes.create(owner=BOX)
        named = await place.volumes.create("named", owner=BOX)
        kept = await place.volumes.create(owner=OTHER)
        await place.again(OTHER)
        assert set(place.names()) == {named.name, kept.name} and lost.name not in place.names()
        await place.again()
        assert set(place.names()) == {named.name, kept.name}

    run(tmp_path, attempt)


def test_a_crash_in_a_removal_takes_the_anonymous_volumes_that_nobody_else_has(tmp_path: Path) -> None:
    async def attempt(place: Place) -> None:
        first, shared = await place.volumes.create(owner=BOX), await place.volumes.create(owner=BOX)
        for volume in (first, shared):
            place.volumes.unclaim([volume.name], BOX)
            await place.volumes.disown([volume.name], BOX)
        place.having[shared.name] = [OTHER]
        await place.volumes.doom([first.name, shared.name], BOX)
        await place.again(OTHER)
        assert place.names() == [shared.name]
        place.having.clear()
        await place.again()
        assert place.names() == [shared.name]

    run(tmp_path, attempt)


def test_a_removal_that_begins_while_the_daemon_starts_keeps_its_marks(tmp_path: Path) -> None:
    async def attempt(place: Place) -> None:
        made = await place.volumes.create(owner=BOX)
        place.volumes.unclaim([made.name], BOX)
        await place.volumes.disown([made.name], BOX)
        await place.volumes.close()
        place.build()
        await place.volumes.open()
        await place.volumes.doom([made.name], BOX)
        await place.volumes.settle([BOX], place.users)
        await place.volumes.remove_owned([made.name], BOX, place.users)
        assert place.names() == []

    run(tmp_path, attempt)


def test_prune_takes_anonymous_ones_unless_asked_for_all(tmp_path: Path) -> None:
    async def attempt(place: Place) -> None:
        anonymous = await place.volumes.create()
        Path(anonymous.mountpoint, "file").write_bytes(b"x" * 1000)
        await place.volumes.create("named", labels={"a": ""})
        await place.volumes.create("used")
        await place.volumes.create("other", options={"type": "tmpfs", "device": "tmpfs"})
        place.having["used"] = [BOX]
        assert await place.volumes.prune(Filters(), place.users) == ([anonymous.name], 1000)
        labelled = Filters.parse('{"label!":["a"],"all":["1"]}')
        assert await place.volumes.prune(labelled, place.users) == ([], 0)
        assert await place.volumes.prune(Filters(), place.users, everything=True) == (["named"], 0)
        assert place.names() == ["other", "used"]
        assert place.watcher._queue[-1].attributes["reclaimed"] == "0"
        with pytest.raises(InvalidParameter):
            await place.volumes.prune(Filters.parse('{"dangling":["1"]}'), place.users)

    run(tmp_path, attempt)


def test_two_prunes_at_once_are_refused(tmp_path: Path) -> None:
    async def attempt(place: Place) -> None:
        await place.volumes.create()
        both = await asyncio.gather(
            *(place.volumes.prune(Filters(), place.users) for _ in range(2)), return_exceptions=True
        )
        assert sum(isinstance(one, Conflict) for one in both) == 1

    run(tmp_path, attempt)


def test_usage_counts_bytes_and_containers(tmp_path: Path) -> None:
    async def attempt(place: Place) -> None:
        made = await place.volumes.create("vol")
        Path(made.mountpoint, "file").write_bytes(b"12345")
        os.link(Path(made.mountpoint, "file"), Path(made.mountpoint, "again"))
        await place.volumes.create("other", options={"type": "tmpfs", "device": "tmpfs"})
        place.having["vol"] = [BOX]
        (usage,) = await place.volumes.usage(place.users)
        assert (usage.volume.name, usage.size, usage.references) == ("vol", 5, 1)

    run(tmp_path, attempt)


def test_a_run_takes_a_volume_and_gives_it_back(tmp_path: Path) -> None:
    async def attempt(place: Place) -> None:
        made = await place.volumes.create("vol")
        assert await place.volumes.take("vol", BOX, "/data", read_only=True) == made.mountpoint
        await place.volumes.release("vol", BOX)
        await place.volumes.release("vol", BOX)
        assert [action for action, _ in place.told()] == ["create", "mount", "unmount"]
        mounted = place.watcher._queue[1].attributes
        assert mounted == {
            "driver": "local", "container": BOX, "destination": "/data", "propagation": "", "read/write": "false",
        }  # fmt: skip
        os.rmdir(made.mountpoint)
        with pytest.raises(SystemFailure, match="error while mounting volume '.*_data': .*no such file"):
            await place.volumes.take("vol", BOX, "/data", read_only=False)

    run(tmp_path, attempt)


def test_only_an_empty_volume_is_filled(tmp_path: Path) -> None:
    async def attempt(place: Place) -> None:
        made = await place.volumes.create("vol")
        image = tmp_path / "image"
        image.mkdir()
        (image / "file").write_text("from the image")
        source = os.open(image, os.O_RDONLY | os.O_DIRECTORY)
        try:
            await place.volumes.fill("vol", source)
            assert os.listdir(made.mountpoint) == ["file"]
            Path(made.mountpoint, "file").write_text("mine")
            await place.volumes.fill("vol", source)
            assert Path(made.mountpoint, "file").read_text() == "mine"
            in_use = await place.volumes.create("second")
            await place.volumes.take("second", BOX, "/x", read_only=False)
            inode = os.stat(in_use.mountpoint).st_ino
            await place.volumes.fill("second", source)
            assert os.stat(in_use.mountpoint).st_ino == inode and os.listdir(in_use.mountpoint) == ["file"]
        finally:
            os.close(source)

    run(tmp_path, attempt)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_what_the_options_name_is_mounted_from_the_first_run_to_the_last(tmp_path: Path) -> None:
    async def attempt(place: Place) -> None:
        made = await place.volumes.create("vol", options={"type": "tmpfs", "device": "tmpfs", "o": "size=1m"})
        mounted = mounting.is_mounted
        await place.volumes.take("vol", BOX, "/data", read_only=False)
        Path(made.mountpoint, "file").touch()
        await place.volumes.take("vol", OTHER, "/data", read_only=False)
        await place.volumes.release("vol", BOX)
        assert mounted(made.mountpoint) and os.listdir(made.mountpoint) == ["file"]
        async with place.volumes.borrowed("vol") as path:
            assert os.listdir(path) == ["file"]
        await place.volumes.release("vol", OTHER)
        assert not mounted(made.mountpoint)
        # A daemon that comes later unmounts what nobody uses, and nothing else.
        await place.volumes.take("vol", BOX, "/data", read_only=False)
        await place.volumes.close()
        place.build()
        await place.volumes.open()
        place.volumes.hold("vol", BOX)
        await place.volumes.settle([BOX], place.users)
        assert await place.volumes._tasks.drain(5) and mounted(made.mountpoint)
        await place.again(BOX)
        assert await place.volumes._tasks.drain(5) and not mounted(made.mountpoint)
        await place.volumes.remove("vol", place.users)

    run(tmp_path, attempt)
