"""The networks on disk: `DATA/networks/ID.json`, one file each, written durably. All functions block."""

from __future__ import annotations

import contextlib
import logging
import os
from typing import Any

from restd.lib.files import UnreadableFile, read_json, sync_directory, write_json
from restd.lib.ids import is_id
from restd.model.docker_json import from_docker, to_docker
from restd.model.network import Network

log = logging.getLogger(__name__)

_FORMAT = 1


class NetworkStore:
    """The folder of one engine's networks."""

    def __init__(self, graph: str) -> None:
        self._root = os.path.join(graph, "networks")
        self.problems: list[str] = []

    def load(self) -> list[Network]:
        """All networks. What can't be read is set aside and said in the log; half-written files are removed."""
        os.makedirs(self._root, 0o700, exist_ok=True)
        found = []
        for name in sorted(os.listdir(self._root)):
            stem, _, kind = name.rpartition(".")
            path = os.path.join(self._root, name)
            if kind == "new":
                os.unlink(path)
            elif kind == "json" and is_id(stem):
                network = self._read(path, stem)
                if network is not None:
                    found.append(network)
        return found

    def _lost(self, reason: str) -> None:
        self.problems.append(f"a network is lost: {reason}")
        log.error("%s", self.problems[-1])

    def _read(self, path: str, network_id: str) -> Network | None:
        try:
            record = read_json(path)
        except UnreadableFile as error:
            self._lost(str(error))
            return None
        try:
            network = from_docker(Network, _inner(record))
            if network.id != network_id or not network.name or not network.driver:
                raise ValueError("it is not what its name says")
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            kept = f"{path}.corrupt"
            os.rename(path, kept)
            self._lost(f"{path}: {error}; kept as {kept}")
            return None
        return network

    def save(self, network: Network) -> None:
        """Put a network on disk, durably."""
        write_json(self._path(network), {"version": _FORMAT, "network": to_docker(network)})

    def erase(self, network: Network) -> None:
        """Take it off the disk, durably."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path(network))
        sync_directory(self._root)

    def _path(self, network: Network) -> str:
        return os.path.join(self._root, f"{network.id}.json")


def _inner(record: Any) -> dict[str, Any]:
    value = record["network"]
    if record["version"] != _FORMAT or not isinstance(value, dict):
        raise ValueError("its format is not known")
    return value
