"""The rows of `GET /images/NAME/history`. Pure."""

from __future__ import annotations

from collections.abc import Callable

from restd.image.configuration import parse_history
from restd.model.image import HistoryRow, Image

MISSING = "<missing>"


def history_rows(
    image: Image, layer_size: Callable[[str], int], find: Callable[[str], Image | None]
) -> list[HistoryRow]:
    """The steps of an image, newest first. `layer_size` is by chain id, `find` gives parents by id.

    Steps that made no layer have size 0. Only the image itself and parents that are still here have an id and tags.
    """
    chains = iter(image.layers)
    rows = []
    for step in parse_history(image.raw):
        layer = None if step.empty else next(chains, None)
        size = layer_size(layer.chain_id) if layer is not None else 0
        rows.append(HistoryRow(MISSING, step.created, step.created_by, (), size, step.comment))
    rows.reverse()
    owner: Image | None = image
    at = 0
    while owner is not None and at < len(rows):
        row = rows[at]
        rows[at] = HistoryRow(owner.id, row.created, row.created_by, owner.repo_tags, row.size, row.comment)
        parent = find(owner.parent) if owner.parent else None
        if parent is None or _steps(parent) >= _steps(owner):
            break
        at += _steps(owner) - _steps(parent)
        owner = parent
    return rows


def _steps(image: Image) -> int:
    return len(image.raw.get("history") or ())
