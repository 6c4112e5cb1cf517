"""API paths with names in them. A name can't lead out of its place: it is encoded, and one made of dots is refused."""

from __future__ import annotations

from client.errors import ClientError
from client.http1 import quote


def container(name: str, rest: str = "") -> str:
    """The path of a container; a leading slash in its name, as old tools show it, is left out."""
    name = name.lstrip("/")
    if not name.strip("."):
        raise ClientError(f'invalid container name "{name}"')
    return f"/containers/{quote(name)}{rest}"


def network(name: str, rest: str = "") -> str:
    """The path of a network."""
    if not name.strip("."):
        raise ClientError(f'invalid network name "{name}"')
    return f"/networks/{quote(name)}{rest}"


def image(name: str, rest: str = "") -> str:
    """The path of an image."""
    if not all(part.strip(".") for part in name.split("/")):
        raise ClientError(f'invalid image name "{name}"')
    return f"/images/{quote(name, b'/:@')}{rest}"
