"""The rows of `GET /images/NAME/history`. Pure."""

from __future__ import annotations

from collections.abc import Callable

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
    for step in image.history:
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
        if parent is None or len(parent.history) >= len(owner.history):
            break
        at += len(owner.history) - len(parent.history)
        owner = parent
    return rows
