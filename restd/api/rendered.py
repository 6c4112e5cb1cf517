"""Rendered containers, kept as bytes: what makes `inspect` and long lists fast.

Containers are frozen, so bytes made from one hold as long as the same object is there. What changes without it (the
words for an age, running execs, which image a name means) is either part of the key or put in between.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from restd.api import wire
from restd.api.call import Reply, dumps
from restd.api.engine import Engine
from restd.api.versions import Version
from restd.api.views.containers import inspect_view, item_view, shown_images
from restd.api.views.durations import status_text
from restd.errors import EngineError
from restd.lib.times import now_ns
from restd.model.container import Container

_INSPECTED = 256
_LISTED = 4096
_MARK = "\0status\0"
_MARK_BYTES = dumps(_MARK)
_ERAS: tuple[Version, ...] = ((1, 42), (1, 43), (1, 44), (1, 45), (1, 48))
"""API versions at which what is shown of a container changed."""


def era(version: Version) -> int:
    """Versions of one era get the same bytes."""
    return sum(version >= border for border in _ERAS)


class Rendered:
    """Answers `inspect` and `list` from bytes it has made before, the most recently used of them."""

    def __init__(self, engine: Engine) -> None:
        self._containers = engine.containers
        self._images = engine.images
        self._inspected: OrderedDict[tuple[str, int], tuple[Container, list[str], Reply]] = OrderedDict()
        self._items: OrderedDict[tuple[str, int], tuple[Container, str, bytes, bytes]] = OrderedDict()

    def image_now(self, reference: str) -> str | None:
        """The id of the image that a reference means now."""
        try:
            return self._images.resolve(reference).id
        except EngineError:
            return None

    def inspect(self, container: Container, version: Version) -> Reply:
        """The answer of inspect."""
        key = (container.id, era(version))
        execs = self._containers.execs(container.id)
        known = self._inspected.get(key)
        leftovers = self._containers.leftovers(container.id)
        if known is not None and known[0] is container and known[1] == execs and not leftovers:
            self._inspected.move_to_end(key)
            return known[2]
        graph_driver = self._containers.graph_driver(container)
        view = inspect_view(container, execs, graph_driver, version, leftovers=leftovers)
        reply = Reply(200, dumps(view) + b"\n", wire.JSON)
        if leftovers:  # seldom, and they change by themselves
            return reply
        _keep(self._inspected, key, (container, execs, reply), _INSPECTED)
        return reply

    def list(self, containers: Sequence[Container], version: Version) -> Reply:
        """The answer of the list: each container's bytes with its age put in."""
        now = now_ns()
        number = era(version)
        parts = []
        for container, image in zip(containers, shown_images(containers, self.image_now), strict=True):
            known = self._items.get((container.id, number))
            if known is None or known[0] is not container or known[1] != image:
                known = self._render_item(container, image, version)
            parts.append(b'%b"%b"%b' % (known[2], status_text(container.state, now).encode(), known[3]))
        return Reply(200, b"[" + b",".join(parts) + b"]\n", wire.JSON)

    def _render_item(self, container: Container, image: str, version: Version) -> tuple[Container, str, bytes, bytes]:
        before, _, after = dumps(item_view(container, image, _MARK, version)).partition(_MARK_BYTES)
        item = (container, image, before, after)
        _keep(self._items, (container.id, era(version)), item, _LISTED)
        return item


def _keep(cache: OrderedDict[tuple[str, int], Any], key: tuple[str, int], value: Any, limit: int) -> None:
    cache[key] = value
    cache.move_to_end(key)
    if len(cache) > limit:
        cache.popitem(last=False)
