"""API paths with names in them."""

from __future__ import annotations

from client.errors import ClientError
from client.http1 import quote


def container(name: str, rest: str = "") -> str:
    """The path of a container; a leading slash in its name, as old tools show it, is left out."""
    name = name.lstrip("/")
    if not name:
        raise ClientError("the name of a container is empty")
    return f"/containers/{_segment(name)}{rest}"


def image(name: str, rest: str = "") -> str:
    """The path of an image."""
    if not name.strip("/"):
        raise ClientError("the name of an image is empty")
    return f"/images/{quote(name, b'/:@')}{rest}"


def _segment(name: str) -> str:
    """One path segment; a name of dots would be taken for a way up."""
    return quote(name) if name.strip(".") else name.replace(".", "%2E")
