"""Which images there are and what they are called: the metadata, in memory and on disk.

    images/HEX.json         one image: manifest digest, parent, layers, configuration as it came
    images/references.json  full reference -> image id and the time it was set

Methods that change something on disk (`write_*`) block for a disk flush: the store runs them in a thread, one at a
time, and then applies the change in memory on the event loop.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace

from restd.errors import EngineError, InvalidParameter, NotFound
from restd.image.configuration import build_image
from restd.image.references import Reference, is_digest, parse_reference
from restd.lib.files import UnreadableFile, read_json, sync_directory, write_json
from restd.model.image import Image, ImageLayer

_FORMAT = 1
_REFERENCES = "references.json"
_HEX = frozenset("0123456789abcdef")


class Catalogue:
    """The images and references of one engine."""

    def __init__(self, root: str) -> None:
        self._root = os.path.join(root, "images")
        self._images: dict[str, Image] = {}
        self._references: dict[Reference, tuple[str, int]] = {}
        self._by_image: dict[str, list[Reference]] = {}
        self._children: Counter[str] = Counter()
        self._diff_ids: dict[str, str] = {}
        self.blob_uses: Counter[str] = Counter()
        self.layer_uses: Counter[str] = Counter()

    def open(self) -> list[str]:
        """Read everything; returns what could not be read. Blocks."""
        os.makedirs(self._root, 0o700, exist_ok=True)
        problems = []
        for name in os.listdir(self._root):
            stem, _, kind = name.rpartition(".")
            if kind == "new":
                os.unlink(os.path.join(self._root, name))
            elif kind == "json" and len(stem) == 64:
                try:
                    self.add(self._read_image("sha256:" + stem))
                except (UnreadableFile, EngineError, KeyError, TypeError) as error:
                    problems.append(f"image {stem}: {error}")
            elif name != _REFERENCES:
                problems.append(f"{os.path.join(self._root, name)} was set aside")
        try:
            stored = read_json(os.path.join(self._root, _REFERENCES))["references"]
            for text, (image_id, time) in stored.items():
                if image_id in self._images:
                    self.point(parse_reference(text), image_id, time)
        except FileNotFoundError:
            pass
        except (UnreadableFile, InvalidParameter, KeyError, TypeError, ValueError, AttributeError) as error:
            problems.append(f"image references: {error}")
        return problems

    def _path(self, image_id: str) -> str:
        return os.path.join(self._root, image_id.removeprefix("sha256:") + ".json")

    def _read_image(self, image_id: str) -> Image:
        record = read_json(self._path(image_id))
        layers = tuple(ImageLayer(**layer) for layer in record["layers"])
        return build_image(
            image_id, record["manifest"], record["config"], layers, size=record["size"], parent=record["parent"]
        )

    def write_image(self, image: Image) -> None:
        """Put the image on disk, durably. Blocks."""
        record = {
            "version": _FORMAT,
            "manifest": image.manifest_digest,
            "parent": image.parent,
            "size": image.size,
            "layers": [asdict(layer) for layer in image.layers],
            "config": image.raw,
        }
        write_json(self._path(image.id), record)

    def erase_image(self, image_id: str) -> None:
        """Take the image off the disk, durably. Blocks."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path(image_id))
        sync_directory(self._root)

    def write_references(self, changes: Mapping[Reference, tuple[str, int] | None]) -> None:
        """Put the references on disk as they will be after `changes` (None: gone). Blocks."""
        after: dict[Reference, tuple[str, int] | None] = {**self._references, **changes}
        references = {str(reference): target for reference, target in after.items() if target is not None}
        write_json(os.path.join(self._root, _REFERENCES), {"version": _FORMAT, "references": references})

    def add(self, image: Image) -> None:
        """Know the image from now on."""
        self._images[image.id] = image
        self._by_image.setdefault(image.id, [])
        self.blob_uses.update(_blobs(image))
        self.layer_uses.update({layer.chain_id for layer in image.layers})
        self._diff_ids.update({layer.digest: layer.diff_id for layer in image.layers})
        if image.parent:
            self._children[image.parent] += 1

    def drop(self, image_id: str) -> Image:
        """Forget the image, which has no references any more."""
        image = self._images.pop(image_id)
        self._by_image.pop(image_id)
        _take_away(self.blob_uses, _blobs(image))
        _take_away(self.layer_uses, {layer.chain_id for layer in image.layers})
        for layer in image.layers:
            if not self.blob_uses[layer.digest]:
                self._diff_ids.pop(layer.digest, None)
        if image.parent:
            _take_away(self._children, [image.parent])
        return image

    def point(self, reference: Reference, image_id: str, time: int) -> None:
        """Make `reference` mean the image, whatever it meant before."""
        self.unpoint(reference)
        self._references[reference] = (image_id, time)
        self._by_image[image_id].append(reference)
        self._show(image_id, time)

    def unpoint(self, reference: Reference) -> None:
        """Forget the reference, if it is known."""
        if (target := self._references.pop(reference, None)) is not None:
            self._by_image[target[0]].remove(reference)
            self._show(target[0], 0)

    def _show(self, image_id: str, time: int) -> None:
        references = sorted(self._by_image[image_id], key=str)
        image = self._images[image_id]
        self._images[image_id] = replace(
            image,
            repo_tags=tuple(reference.familiar for reference in references if not reference.digest),
            repo_digests=tuple(reference.familiar for reference in references if reference.digest),
            last_tag_time=max(image.last_tag_time, time),
        )

    def all(self) -> list[Image]:
        """Every image, in no particular order."""
        return list(self._images.values())

    def children(self, parent: str) -> list[Image]:
        """The images that were made from `parent` here; with an empty id, those made from nothing that was here."""
        return [image for image in self._images.values() if image.parent == parent]

    def get(self, image_id: str) -> Image | None:
        """The image with exactly this id."""
        return self._images.get(image_id)

    def diff_id(self, digest: str) -> str | None:
        """The diff id of a layer blob that an image uses: it was checked when that image came."""
        return self._diff_ids.get(digest) if self.blob_uses[digest] else None

    def has_children(self, image_id: str) -> bool:
        """Whether another image was made from this one."""
        return self._children[image_id] > 0

    def references(self, image_id: str) -> list[Reference]:
        """What the image is called, tags and digests, sorted."""
        return sorted(self._by_image.get(image_id, ()), key=str)

    def tags(self, name: str) -> list[tuple[Image, Reference]]:
        """All tags of a repository (full name), sorted, with their images."""
        found = [reference for reference in self._references if reference.name == name and not reference.digest]
        return [(self._images[self._references[reference][0]], reference) for reference in sorted(found, key=str)]

    def target(self, reference: Reference) -> Image | None:
        """The image a full reference means."""
        target = self._references.get(reference)
        return self._images[target[0]] if target else None

    def find(self, name: str) -> Image:
        """The image `name` means: full id, reference, or unique id prefix (Docker's order). NotFound in Docker's words.

        Raises InvalidParameter for what can be none of them.
        """
        if is_digest(name) or (len(name) == 64 and set(name) <= _HEX):
            full = name if name.startswith("sha256:") else "sha256:" + name
            if (image := self._images.get(full)) is not None:
                return image
            raise NotFound(f"No such image: {full}")
        if name.startswith("sha256:") and set(digits := name[7:]) <= _HEX and digits:
            if (image := self._by_prefix(digits)) is not None:
                return image
            raise NotFound(f"No such image: {name}")
        reference = parse_reference(name).with_default_tag()
        image = self._by_reference(reference)
        if image is None and set(name) <= _HEX:
            image = self._by_prefix(name)
        if image is None:
            raise NotFound(f"No such image: {reference.familiar}")
        return image

    def stored(self, name: str) -> Reference | None:
        """The reference that `name` means, as it is stored; None if `name` is an id or nothing."""
        if is_digest(name):
            return None
        try:
            reference = parse_reference(name).with_default_tag()
        except InvalidParameter:
            return None
        if reference.digest:
            reference = replace(reference, tag=None)
        return reference if reference in self._references else None

    def _by_reference(self, reference: Reference) -> Image | None:
        if not reference.digest:
            return self.target(reference)
        if (image := self.target(replace(reference, tag=None))) is not None:
            return image
        return self._images.get(reference.digest)

    def _by_prefix(self, digits: str) -> Image | None:
        prefix = "sha256:" + digits
        matching = [image for image_id, image in self._images.items() if image_id.startswith(prefix)]
        return matching[0] if len(matching) == 1 else None


def _blobs(image: Image) -> set[str]:
    return {image.id, image.manifest_digest, *(layer.digest for layer in image.layers)}


def _take_away(counter: Counter[str], keys: Iterable[str]) -> None:
    for key in keys:
        counter[key] -= 1
        if counter[key] <= 0:
            del counter[key]
