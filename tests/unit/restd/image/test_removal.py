from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from restd.errors import Conflict, NotFound
from restd.events import Events
from restd.image.catalogue import Catalogue
from restd.image.configuration import build_image
from restd.image.layers import Layer
from restd.image.ledger import Ledger
from restd.image.references import parse_reference
from restd.image.removal import Removal, is_single_reference
from restd.image.selection import ImageFilter
from restd.model.image import Deleted, Image, ImageUse, Untagged
from tests.unit.restd.image.building import configuration, digest

M = digest(b"m")
CONTAINER = "c" * 64


def image(text: str, parent: str = "", **more: Any) -> Image:
    data = configuration([], author=text, **more)
    return build_image(digest(data), digest(b"manifest" + data), json.loads(data), (), size=1, parent=parent)


class House:
    """A catalogue with images and names, and a removal over it."""

    def __init__(self, root: Path, *named: tuple[Image, Sequence[str]]) -> None:
        self.catalogue, self.events = Catalogue(str(root)), Events()
        self.catalogue.open()
        self.collected: set[str] = set()
        for one, names in named:
            self.catalogue.write_image(one)
            self.catalogue.add(one)
            for name in names:
                self.catalogue.point(parse_reference(name).with_default_tag(), one.id, 1)
        self.removal = Removal(self.catalogue, Ledger(self.catalogue), self.events, self.collect)

    def collect(self, digests: Iterable[str]) -> list[Layer]:
        self.collected |= set(digests)
        return [Layer("chain", "diff", "", 10)]

    def remove(self, name: str, force: bool = False, noprune: bool = False, uses: Sequence[ImageUse] = ()) -> list[str]:
        return shown(asyncio.run(self.removal.remove(name, force, noprune, uses)))


def shown(records: Iterable[Untagged | Deleted]) -> list[str]:
    return [f"-{record.reference}" if isinstance(record, Untagged) else f"x{record.digest[-8:]}" for record in records]


ONE = image("one")
SHORT, END = ONE.id[7:19], "x" + ONE.id[-8:]
USED = "image is being used by"
UNTAG = 'unable to remove repository reference "a:latest" (must force)'
IN_USE = "container cccccccccccc is using its referenced image"
BY, MANY = "container cccccccccccc", "image is referenced in multiple repositories"
RUNNING, STOPPED = ImageUse(CONTAINER, True, ONE.id), ImageUse(CONTAINER, False, ONE.id)


def test_the_last_reference_takes_the_image_along(tmp_path: Path) -> None:
    house = House(tmp_path, (ONE, ["a", "b"]))
    assert house.remove("a") == ["-a:latest"]
    assert house.remove("b") == ["-b:latest", END, "xchain"]
    assert ONE.id in house.collected
    actions = [event.action for event in house.events.subscribe(0)._queue]
    assert actions == ["untag", "untag", "delete"]
    with pytest.raises(NotFound):
        house.remove("b")


def test_digests_of_a_repository_go_with_its_last_tag(tmp_path: Path) -> None:
    house = House(tmp_path, (ONE, ["a:1", f"a@{M}"]))
    assert house.remove("a:1") == ["-a:1", f"-a@{M}", END, "xchain"]


def test_an_id_takes_all_names_of_one_repository(tmp_path: Path) -> None:
    house = House(tmp_path, (ONE, ["a:1", f"a@{M}"]))
    assert house.remove(SHORT) == ["-a:1", f"-a@{M}", END, "xchain"]


def test_an_image_goes_by_its_digest_reference(tmp_path: Path) -> None:
    house = House(tmp_path, (ONE, [f"a@{M}"]))
    assert house.remove(f"a:9@{M}") == [f"-a@{M}", END, "xchain"]


@pytest.mark.parametrize(
    ("names", "asked", "use", "force", "message"),
    [
        (["a"], "a", STOPPED, False, f"{UNTAG} - {IN_USE} {SHORT}"),
        (["a"], SHORT, RUNNING, True, f"unable to delete {SHORT} (cannot be forced) - {USED} running {BY}"),
        (["a"], SHORT, STOPPED, False, f"unable to delete {SHORT} (must be forced) - {USED} stopped {BY}"),
        (["a", "b"], SHORT, None, False, f"unable to delete {SHORT} (must be forced) - {MANY}"),
    ],
)  # fmt: skip
def test_a_conflict_is_told_in_dockers_words_and_changes_nothing(
    tmp_path: Path, names: list[str], asked: str, use: ImageUse | None, force: bool, message: str
) -> None:
    house = House(tmp_path, (ONE, names))
    with pytest.raises(Conflict) as caught:
        house.remove(asked, force, uses=[use] if use else [])
    assert str(caught.value) == f"conflict: {message}"
    assert house.catalogue.find(ONE.id).repo_tags == tuple(f"{name}:latest" for name in names)


def test_force_takes_the_name_of_a_used_image_but_not_a_running_containers_image(tmp_path: Path) -> None:
    house = House(tmp_path, (ONE, ["a"]))
    assert house.remove("a", True, uses=[RUNNING]) == ["-a:latest"]
    assert house.catalogue.find(ONE.id).repo_tags == ()
    assert house.remove(SHORT, True, uses=[STOPPED]) == [END, "xchain"]


def test_force_by_id_takes_every_reference(tmp_path: Path) -> None:
    house = House(tmp_path, (ONE, ["a", "b"]))
    assert house.remove(SHORT, True) == ["-a:latest", "-b:latest", END, "xchain"]


def test_a_parent_is_kept_by_its_child_and_goes_with_it(tmp_path: Path) -> None:
    child = image("child", parent=ONE.id)
    house = House(tmp_path, (ONE, []), (child, ["c"]))
    with pytest.raises(Conflict, match="image has dependent child images"):
        house.remove(ONE.id, True)
    assert house.remove("c") == ["-c:latest", "x" + child.id[-8:], "xchain", END, "xchain"]


def test_noprune_keeps_the_parent(tmp_path: Path) -> None:
    child = image("child", parent=ONE.id)
    house = House(tmp_path, (ONE, []), (child, ["c"]))
    assert house.remove("c", noprune=True) == ["-c:latest", "x" + child.id[-8:], "xchain"]


def test_prune_takes_what_is_dangling_or_unused_and_counts_bytes(tmp_path: Path) -> None:
    loose, used, labelled = image("loose"), image("used"), image("labelled", config={"Labels": {"keep": "1"}})
    house = House(tmp_path, (ONE, ["a", "b:1"]), (loose, []), (used, []), (labelled, []))
    uses = [replace(STOPPED, image_id=used.id)]
    chosen = ImageFilter(labels_not=("keep",))
    result = asyncio.run(house.removal.prune(chosen, uses))
    assert shown(result.removed) == ["x" + loose.id[-8:], "xchain"]
    assert result.reclaimed == 10
    result = asyncio.run(house.removal.prune(replace(chosen, dangling=False), uses))
    assert shown(result.removed) == ["-a:latest", "-b:1", END, "xchain"]
    assert asyncio.run(house.removal.prune(ImageFilter(until=1), uses)).removed == ()
    assert {one.id for one in house.catalogue.all()} == {used.id, labelled.id}
    assert house.events.subscribe(0)._queue[-1].attributes == {"reclaimed": "0"}


def test_what_counts_as_one_reference() -> None:
    def single(*names: str) -> bool:
        return is_single_reference([parse_reference(name).with_default_tag() for name in names])

    assert single()
    assert single("a")
    assert single("a", f"a@{M}")
    assert single(f"a@{M}", f"a@{digest(b'n')}")
    assert not single("a", "b")
    assert not single("a:1", "a:2")
    assert not single("a", f"b@{M}")
