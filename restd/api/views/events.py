"""An event as `GET /events` shows it."""

from __future__ import annotations

from typing import Any

from restd.events import Event


def event_view(event: Event) -> dict[str, Any]:
    """With the old `status`, `id` and `from` for containers and images, which compose v1 reads."""
    attributes = dict(event.attributes)
    view: dict[str, Any] = {}
    if event.kind in ("container", "image"):
        view = {"status": event.action, "id": event.actor}
        if event.kind == "container" and "image" in attributes:
            view["from"] = attributes["image"]
    return view | {
        "Type": event.kind,
        "Action": event.action,
        "Actor": {"ID": event.actor, "Attributes": attributes},
        "scope": "local",
        "time": event.time // 1_000_000_000,
        "timeNano": event.time,
    }
