"""`tag`: another name for an image."""

from __future__ import annotations

from client import paths
from client.errors import ClientError
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Name the image."""
    source, target = arguments.words
    if "@" in target:
        raise ClientError(f'invalid name "{target}": a digest cannot be given')
    repository, colon, tag = target.rpartition(":")
    if not colon or "/" in tag:
        repository, tag = target, "latest"
    engine.call("POST", paths.image(source, "/tag"), {"repo": repository, "tag": tag})
    return 0


VERB = Verb(run, (), words="IMAGE NEW_NAME[:TAG]", least=2, most=2, example="isula-rest tag busybox app:1.0")
