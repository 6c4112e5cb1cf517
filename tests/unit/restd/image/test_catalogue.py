from __future__ import annotations

import json
from pathlib import Path

import pytest

from restd.errors import InvalidParameter, NotFound
from restd.image.catalogue import Catalogue
from restd.image.configuration import build_image
from restd.image.references import parse_reference
from restd.model.image import Image, ImageLayer
from tests.unit.restd.image.building import configuration, digest, small_layer


def image(text: str = "x") -> Image:
    layer = small_layer(text)
    data = configuration([layer])
    part = ImageLayer(digest(layer), len(layer), "kind", digest(layer), digest(layer))
    return build_image(digest(data), digest(b"manifest" + data), json.loads(data), (part,), size=1)


def filled(root: Path, *named: tuple[Image, str]) -> Catalogue:
    catalogue = Catalogue(str(root))
    assert catalogue.open() == []
    for one, name in named:
        if catalogue.get(one.id) is None:
            catalogue.write_image(one)
            catalogue.add(one)
        if name:
            change = {parse_reference(name).with_default_tag(): (one.id, 7)}
            catalogue.write_references(change)
            for reference, (target, time) in change.items():
                catalogue.point(reference, target, time)
    return catalogue


def test_images_and_references_are_there_after_a_restart(tmp_path: Path) -> None:
    one = image()
    filled(tmp_path, (one, "busybox"), (one, "quay.io/me/app:2"), (image("y"), ""))
    again = Catalogue(str(tmp_path))
    assert again.open() == []
    found = again.find("busybox")
    assert (found.id, found.repo_tags, found.last_tag_time) == (one.id, ("busybox:latest", "quay.io/me/app:2"), 7)
    assert (found.layers, found.config, found.created) == (one.layers, one.config, one.created)


def test_an_image_is_found_by_every_name_it_has(tmp_path: Path) -> None:
    one = image()
    catalogue = filled(tmp_path, (one, "busybox"), (one, f"busybox@{digest(b'm')}"))
    digits = one.id[7:]
    names = [
        "busybox",
        "busybox:latest",
        "docker.io/library/busybox",
        one.id,
        digits,
        digits[:12],
        one.id[:19],
        digits[:4],
    ]
    for name in [*names, f"busybox@{digest(b'm')}", f"busybox:9@{digest(b'm')}"]:
        assert catalogue.find(name).id == one.id


def test_a_name_that_looks_like_a_prefix_wins_over_one(tmp_path: Path) -> None:
    one, other = image("1"), image("2")
    catalogue = filled(tmp_path, (one, ""), (other, f"{one.id[7:12]}"))
    assert catalogue.find(one.id[7:12]).id == other.id


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nope", "No such image: nope:latest"),
        ("me/nope:3", "No such image: me/nope:3"),
        ("docker.io/library/nope", "No such image: nope:latest"),
        ("0123456789ab", "No such image: 0123456789ab:latest"),
        ("sha256:0123", "No such image: sha256:0123"),
        ("0" * 64, f"No such image: sha256:{'0' * 64}"),
        (f"sha256:{'0' * 64}", f"No such image: sha256:{'0' * 64}"),
        (f"a@sha256:{'0' * 64}", f"No such image: a@sha256:{'0' * 64}"),
    ],
)
def test_a_missing_image_is_reported_in_dockers_words(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(NotFound) as caught:
        filled(tmp_path, (image(), "busybox")).find(name)
    assert str(caught.value) == message


def test_a_malformed_name_is_refused_and_an_ambiguous_prefix_is_not_found(tmp_path: Path) -> None:
    images = [image(str(number)) for number in range(17)]  # two of them share their first digit
    catalogue = filled(tmp_path, *((one, "") for one in images))
    with pytest.raises(InvalidParameter):
        catalogue.find("UPPER")
    digits = [one.id[7] for one in images]
    shared = next(digit for digit in digits if digits.count(digit) > 1)
    with pytest.raises(NotFound):
        catalogue.find(shared)


def test_a_reference_moves_and_uses_are_counted(tmp_path: Path) -> None:
    one, other = image("1"), image("2")
    catalogue = filled(tmp_path, (one, "a"), (other, "a"))
    assert catalogue.find("a").id == other.id
    assert catalogue.references(one.id) == []
    assert catalogue.layer_uses[one.layers[0].chain_id] == 1
    assert catalogue.diff_id(one.layers[0].digest) == one.layers[0].diff_id
    catalogue.erase_image(one.id)
    catalogue.drop(one.id)
    assert catalogue.blob_uses[one.id] == 0
    assert catalogue.diff_id(one.layers[0].digest) is None


def test_what_cannot_be_read_is_set_aside_and_the_rest_goes_on(tmp_path: Path) -> None:
    one, other = image("1"), image("2")
    filled(tmp_path, (one, "a"), (other, "b"))
    (tmp_path / "images" / f"{one.id[7:]}.json").write_text("not json")
    again = Catalogue(str(tmp_path))
    assert len(again.open()) == 1
    assert [found.id for found in again.all()] == [other.id]
    assert any("corrupt" in path.name for path in (tmp_path / "images").iterdir())


@pytest.mark.parametrize(
    "text", ["[]", "{}", "{", '{"references": 3}', '{"references": {"A B": ["x", 1]}}', '{"references": {"a": 1}}']
)
def test_unreadable_references_leave_the_images_nameless(tmp_path: Path, text: str) -> None:
    one = image()
    filled(tmp_path, (one, "a"))
    (tmp_path / "images/references.json").write_text(text)
    again = Catalogue(str(tmp_path))
    problems = again.open()
    assert again.find(one.id).repo_tags == ()
    assert problems or "A B" in text
