"""The conflists that people put into `cni-conf-dir`."""

from __future__ import annotations

import os
from collections.abc import Iterator

from restd.errors import InvalidParameter, NotFound
from restd.network.cni.configuration import ConfList, parse

_ENDINGS = (".conflist", ".conf", ".json")
_LIMIT = 1 << 20


def find_conflist(directory: str, name: str) -> ConfList:
    """The network called `name` in the files of `directory`, read in the order of their names.

    Raises NotFound, and InvalidParameter if the file with that name can't be used. Others that can't be read are passed
    over: they may be somebody else's.
    """
    broken: InvalidParameter | None = None
    for path in _files(directory):
        try:
            with open(path, "rb") as file:
                found = parse(file.read(_LIMIT + 1), path)
        except OSError:
            continue
        except InvalidParameter as error:
            if os.path.basename(path).rpartition(".")[0] == name:
                broken = error
            continue
        if found.name == name:
            return found
    if broken is not None:
        raise broken
    raise NotFound(f"there is no CNI network {name!r} in {directory}")


def _files(directory: str) -> Iterator[str]:
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return
    for name in names:
        path = os.path.join(directory, name)
        if name.endswith(_ENDINGS) and os.path.isfile(path):
            yield path
