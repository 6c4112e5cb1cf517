"""Unpacked layers: one directory a chain id under `ROOT/overlay`, made once, shared by images and containers.

    overlay/HEX/diff        the layer's own files, in overlayfs form
    overlay/HEX/layer.json  diff id, parent, size: written last, so a directory without it is a leftover
    overlay/l/SHORT         symbolic link to ../HEX/diff: mount options have one page for up to 127 of them

A layer does not depend on the ones below it to be unpacked, so several go at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass

from restd.errors import SystemFailure
from restd.image.unpack import Unpacked, UnpackLimits, Watch, unpack_blob
from restd.lib.files import UnreadableFile, read_json, write_json

_FORMAT = 1
_SHORT = 10
TEMPORARY = "new-"


@dataclass(frozen=True, slots=True)
class Layer:
    """An unpacked layer. `parent` is the chain id below, empty for the lowest; `size` the bytes of its files."""

    chain_id: str
    diff_id: str
    parent: str
    size: int


def chain_id(parent: str, diff_id: str) -> str:
    """The chain id of a layer on top of `parent` (OCI image spec, config.md, "Layer ChainID")."""
    if not parent:
        return diff_id
    return "sha256:" + hashlib.sha256(f"{parent} {diff_id}".encode()).hexdigest()


def chain_ids(diff_ids: Sequence[str]) -> list[str]:
    """The chain ids of a whole stack, lowest first."""
    chains: list[str] = []
    for diff_id in diff_ids:
        chains.append(chain_id(chains[-1] if chains else "", diff_id))
    return chains


class LayerStore:
    """The unpacked layers of one engine. Used from the event loop, but for `open` and `unpack`, which block."""

    def __init__(self, root: str, trash: str, limits: UnpackLimits) -> None:
        self._root = os.path.join(root, "overlay")
        self._links = os.path.join(self._root, "l")
        self._trash = trash
        self._limits = limits
        self._layers: dict[str, Layer] = {}
        self._shorts: dict[str, str] = {}

    def open(self) -> list[str]:
        """Read what is there and put leftovers of a crash into the trash; returns what could not be read."""
        os.makedirs(self._links, 0o711, exist_ok=True)
        os.chmod(self._root, 0o711)
        os.makedirs(os.path.join(self._root, "empty"), 0o755, exist_ok=True)
        problems = []
        for name in os.listdir(self._root):
            if name in ("l", "empty"):
                continue
            if len(name) != 64 or not os.path.exists(os.path.join(self._root, name, "layer.json")):
                self._discard(os.path.join(self._root, name))
                continue
            try:
                record = read_json(os.path.join(self._root, name, "layer.json"))
                layer = Layer("sha256:" + name, record["diff_id"], record["parent"], record["size"])
            except (UnreadableFile, KeyError, TypeError) as error:
                problems.append(f"layer {name}: {error}")
                continue
            self._layers[layer.chain_id] = layer
        self._read_links()
        return problems

    def _read_links(self) -> None:
        for short in os.listdir(self._links):
            name = os.readlink(os.path.join(self._links, short)).split("/")[1]
            if "sha256:" + name in self._layers:
                self._shorts["sha256:" + name] = short
            elif not os.path.isdir(os.path.join(self._root, name)):
                os.unlink(os.path.join(self._links, short))
        for chain in self._layers:
            if chain not in self._shorts:
                self._link(chain)

    def _link(self, chain: str) -> None:
        name = chain.removeprefix("sha256:")
        for length in (_SHORT, 2 * _SHORT, len(name)):
            with contextlib.suppress(FileExistsError):
                os.symlink(f"../{name}/diff", os.path.join(self._links, name[:length]))
                self._shorts[chain] = name[:length]
                return
        raise SystemFailure(f"no free link name for layer {chain}")

    def get(self, chain: str) -> Layer | None:
        """The layer, if it is unpacked."""
        return self._layers.get(chain)

    def all(self) -> list[Layer]:
        """Every layer that is unpacked."""
        return list(self._layers.values())

    def stack(self, chain: str) -> tuple[str, ...]:
        """The chain ids from the lowest up to `chain`; SystemFailure if one of them is missing."""
        chains: list[str] = []
        while chain:
            if (layer := self._layers.get(chain)) is None:
                raise SystemFailure(f"layer {chain} is missing")
            chains.append(chain)
            chain = layer.parent
        return tuple(reversed(chains))

    def directory(self, chain: str) -> str:
        """The directory with the layer's own files; an empty one for the empty chain id."""
        return (
            os.path.join(self._root, chain.removeprefix("sha256:"), "diff")
            if chain
            else os.path.join(self._root, "empty")
        )

    @property
    def links(self) -> str:
        """The directory of the short links."""
        return self._links

    def short(self, chain: str) -> str:
        """The layer's link name in `links`."""
        return self._shorts[chain]

    def stage(self) -> str:
        """A fresh directory to unpack into; `unpack` fills it, then `adopt` or `discard` ends it."""
        path = os.path.join(self._root, f"{TEMPORARY}{secrets.token_hex(8)}")
        os.mkdir(path, 0o700)
        os.mkdir(os.path.join(path, "diff"), 0o755)
        os.chmod(os.path.join(path, "diff"), 0o755)
        return path

    def adopt(self, stage: str, layer: Layer) -> Layer:
        """Give the staged directory its name. If another load was faster, its layer stays and this one goes."""
        if (present := self._layers.get(layer.chain_id)) is not None:
            self._discard(stage)
            return present
        record = {"version": _FORMAT, "diff_id": layer.diff_id, "parent": layer.parent, "size": layer.size}
        write_json(os.path.join(stage, "layer.json"), record, durable=False)
        os.chmod(stage, 0o711)
        os.rename(stage, os.path.join(self._root, layer.chain_id.removeprefix("sha256:")))
        self._layers[layer.chain_id] = layer
        self._link(layer.chain_id)
        return layer

    def discard(self, stage: str) -> None:
        """Throw a staged directory away."""
        self._discard(stage)

    def remove(self, chain: str) -> None:
        """Forget the layer and move its files into the trash; nothing may use it any more."""
        del self._layers[chain]
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self._links, self._shorts.pop(chain)))
        self._discard(os.path.join(self._root, chain.removeprefix("sha256:")))

    def _discard(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.rename(path, os.path.join(self._trash, f"layer-{secrets.token_hex(8)}"))

    def unpack(self, blob: str, stage: str, plain_digest: str | None, watch: Watch) -> Unpacked:
        """Unpack the file `blob` into `stage`. Blocks: call it in a thread. See `unpack_blob`."""
        return unpack_blob(blob, os.path.join(stage, "diff"), self._limits, plain_digest, watch)


def directory_size(path: str) -> int:
    """Bytes of the regular files under `path`, a hard-linked one once, whiteouts not counted. Blocks."""
    total, seen = 0, set()
    pending = [path]
    while pending:
        with contextlib.suppress(FileNotFoundError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    pending.append(entry.path)
                elif stat.S_ISREG(status.st_mode):
                    if status.st_nlink > 1:
                        if status.st_ino in seen:
                            continue
                        seen.add(status.st_ino)
                    total += status.st_size
    return total


def empty_trash(trash: str) -> None:
    """Delete what this room moved into the trash. Blocks; what will not go stays until the next time."""
    for name in os.listdir(trash):
        if name.startswith("layer-"):
            shutil.rmtree(os.path.join(trash, name), ignore_errors=True)
