from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restd.errors import InvalidParameter
from restd.image.selection import ImageFilter, matches_labels, select
from restd.model.image import Image, ImageConfig


def image(number: int, *tags: str, labels: dict[str, str] | None = None) -> Image:
    config = ImageConfig(labels=labels or {})
    return Image(f"sha256:{number:064x}", "sha256:m", (), config, {}, repo_tags=tags, created=number)


IMAGES = [image(1, "a:1", "b:1"), image(2, "me/a:2", labels={"x": "1", "y": ""}), image(3)]


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (ImageFilter(), [3, 2, 1]),
        (ImageFilter(dangling=True), [3]),
        (ImageFilter(dangling=False), [2, 1]),
        (ImageFilter(before=2), [1]),
        (ImageFilter(since=2), [3]),
        (ImageFilter(until=2), [2, 1]),
        (ImageFilter(labels=("x",)), [2]),
        (ImageFilter(labels=("x=1", "y")), [2]),
        (ImageFilter(labels=("x=2",)), []),
        (ImageFilter(labels_not=("x",)), [3, 1]),
        (ImageFilter(references=("me/*",)), [2]),
        (ImageFilter(references=("none", "b")), [1]),
    ],
)
def test_each_filter_selects(chosen: ImageFilter, found: list[int]) -> None:
    assert [one.created for one in select(IMAGES, chosen)] == found


def test_a_reference_filter_shows_only_what_fits() -> None:
    assert select(IMAGES, ImageFilter(references=("b:*",))) == [replace(IMAGES[0], repo_tags=("b:1",))]


def test_a_malformed_glob_is_refused() -> None:
    with pytest.raises(InvalidParameter):
        select(IMAGES, ImageFilter(references=("[",)))


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(max_size=3), st.text(max_size=3)))
def test_every_image_has_the_labels_it_has(labels: dict[str, str]) -> None:
    wanted = [f"{key}={value}" for key, value in labels.items() if "=" not in key]
    assert matches_labels(labels, wanted)
    assert not wanted or not matches_labels(labels, (), wanted)
