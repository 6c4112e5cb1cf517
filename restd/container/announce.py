"""A container's events, with Docker's attributes: all labels, `image`, `name`, and what the verb adds."""

from __future__ import annotations

from restd.events import Events
from restd.model.container import Container


class Announcer:
    """Publishes what happens to containers."""

    def __init__(self, events: Events) -> None:
        self._events = events

    def __call__(self, container: Container, action: str, **extra: str) -> None:
        """Publish `action` on `container`; `extra` are attributes by their Docker names (`exitCode`, `signal`)."""
        attributes = {**container.config.labels, "image": container.config.image, "name": container.name, **extra}
        self._events.publish("container", action, container.id, attributes)
