"""Which images a list or prune means. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from restd.image.references import matches, parse_reference
from restd.model.image import Image


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """What to select. `until`, `before` and `since` are creation times in nanoseconds.

    `labels` (`KEY` or `KEY=VALUE`) must all match, none of `labels_not` may; one of the `references` globs must.
    """

    references: tuple[str, ...] = ()
    dangling: bool | None = None
    labels: tuple[str, ...] = ()
    labels_not: tuple[str, ...] = ()
    before: int | None = None
    since: int | None = None
    until: int | None = None


def matches_labels(labels: Mapping[str, str], wanted: Sequence[str], unwanted: Sequence[str] = ()) -> bool:
    """Whether `labels` have all of `wanted` and not one of `unwanted`."""
    return all(_has(labels, label) for label in wanted) and not any(_has(labels, label) for label in unwanted)


def _has(labels: Mapping[str, str], label: str) -> bool:
    key, equals, value = label.partition("=")
    return key in labels and (not equals or labels[key] == value)


def select(images: Iterable[Image], chosen: ImageFilter) -> list[Image]:
    """The images that fit, newest first; with a reference filter only the references that fit are shown.

    Raises InvalidParameter for a glob that is none.
    """
    found = []
    for image in images:
        if not (_in_time(image, chosen) and matches_labels(image.config.labels, chosen.labels, chosen.labels_not)):
            continue
        shown = _with_matching(image, chosen.references) if chosen.references else image
        if shown is None or (chosen.dangling is not None and chosen.dangling == bool(shown.repo_tags)):
            continue
        found.append(shown)
    return sorted(found, key=lambda image: (image.created, image.id), reverse=True)


def _in_time(image: Image, chosen: ImageFilter) -> bool:
    return (
        (chosen.before is None or image.created < chosen.before)
        and (chosen.since is None or image.created > chosen.since)
        and (chosen.until is None or image.created <= chosen.until)
    )


def _with_matching(image: Image, globs: Sequence[str]) -> Image | None:
    def fits(text: str) -> bool:
        reference = parse_reference(text)
        return any(matches(glob, reference) for glob in globs)

    tags = tuple(text for text in image.repo_tags if fits(text))
    digests = tuple(text for text in image.repo_digests if fits(text))
    return replace(image, repo_tags=tags, repo_digests=digests) if tags or digests else None
