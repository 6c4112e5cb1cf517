"""Removing images: untag, delete, prune; by Docker's rules and in Docker's words.

A reference goes by itself; the image goes with its last reference. What stands in the way is a conflict: a running
container or a child image always ("hard"), a stopped container or references in several repositories unless forced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from restd.errors import Conflict
from restd.events import Events
from restd.image.catalogue import Catalogue
from restd.image.layers import Layer
from restd.image.ledger import Ledger
from restd.image.references import Reference
from restd.image.selection import ImageFilter, matches_labels
from restd.lib.ids import short_id
from restd.model.image import Deleted, Image, ImageUse, PruneResult, Untagged


def is_single_reference(references: Sequence[Reference]) -> bool:
    """Whether one tag, or digests of one repository with at most one tag of it, is all an image is called."""
    if len(references) <= 1:
        return True
    tags = [reference for reference in references if not reference.digest]
    names = {reference.name for reference in references if reference.digest}
    if len(tags) > 1:
        return False
    return len(names) == 1 and (not tags or tags[0].name in names)


@dataclass(frozen=True, slots=True)
class _Obstacle:
    """What stands in the way of deleting an image."""

    message: str
    hard: bool = False
    used: bool = False

    def error(self, image_id: str) -> Conflict:
        how = "cannot be forced" if self.hard else "must be forced"
        return Conflict(f"conflict: unable to delete {short_id(image_id)} ({how}) - {self.message}")


class Removal:
    """Removes images. `collect` deletes unused blobs and layers, given their digests, and tells which layers went."""

    def __init__(
        self,
        catalogue: Catalogue,
        ledger: Ledger,
        events: Events,
        collect: Callable[[Iterable[str]], Sequence[Layer]],
    ) -> None:
        self._catalogue, self._ledger, self._events, self._collect = catalogue, ledger, events, collect
        self._freed = 0

    async def remove(self, name: str, force: bool, noprune: bool, uses: Sequence[ImageUse]) -> list[Untagged | Deleted]:
        """Remove a reference, or the image if `name` is an id or its last reference. What happened, in order.

        Raises NotFound, and Conflict in Docker's words.
        """
        image = self._catalogue.find(name)
        users = [use for use in uses if use.image_id == image.id]
        records: list[Untagged | Deleted] = []
        reference = self._catalogue.stored(name)
        if reference is not None:
            self._check_reference(reference, image, force, users)
            await self._untag(image, [reference, *self._left_over(reference, image)], records)
            if self._catalogue.references(image.id):
                return records
        elif is_single_reference(references := self._catalogue.references(image.id)):
            obstacle = self._obstacle(image, force, users, by_name=False)
            if obstacle is not None:
                raise obstacle.error(image.id)
            await self._untag(image, references, records)
        await self._delete(image, force, noprune, uses, records, quiet=reference is not None)
        return records

    def _check_reference(self, reference: Reference, image: Image, force: bool, users: Sequence[ImageUse]) -> None:
        if not force and users and is_single_reference(self._catalogue.references(image.id)):
            raise Conflict(
                f'conflict: unable to remove repository reference "{reference.familiar}" (must force) - '
                f"container {short_id(users[0].container_id)} is using its referenced image {short_id(image.id)}"
            )

    def _left_over(self, reference: Reference, image: Image) -> list[Reference]:
        """Digest references of a repository whose last tag goes: they go with it."""
        if reference.digest:
            return []
        others = [known for known in self._catalogue.references(image.id) if known != reference]
        same = [known for known in others if known.name == reference.name]
        return [] if any(not known.digest for known in same) else same

    async def _untag(self, image: Image, references: Sequence[Reference], records: list[Untagged | Deleted]) -> None:
        await self._ledger.unpoint(references)
        for reference in references:
            records.append(Untagged(reference.familiar))
            self._publish("untag", image)

    def _publish(self, action: str, image: Image) -> None:
        self._events.publish("image", action, image.id, {**image.config.labels, "name": image.id})

    def _obstacle(
        self, image: Image, force: bool, users: Sequence[ImageUse], *, by_name: bool = True
    ) -> _Obstacle | None:
        """The first thing in the way; `by_name`: references in several repositories count too."""
        if self._catalogue.has_children(image.id):
            return _Obstacle("image has dependent child images", hard=True)
        if running := [use for use in users if use.running]:
            container = short_id(running[0].container_id)
            return _Obstacle(f"image is being used by running container {container}", hard=True, used=True)
        if force:
            return None
        if by_name and self._catalogue.references(image.id):
            return _Obstacle("image is referenced in multiple repositories")
        if users:
            container = short_id(users[0].container_id)
            return _Obstacle(f"image is being used by stopped container {container}", used=True)
        return None

    async def _delete(
        self,
        image: Image,
        force: bool,
        noprune: bool,
        uses: Sequence[ImageUse],
        records: list[Untagged | Deleted],
        *,
        quiet: bool,
    ) -> None:
        """Delete an image and, unless `noprune`, parents without a name that nothing else needs.

        `quiet`: a container in the way is no error, as long as it is the reference that was to go.
        """
        users = [use for use in uses if use.image_id == image.id]
        obstacle = self._obstacle(image, force, users)
        if obstacle is not None:
            if quiet and (self._catalogue.references(image.id) or obstacle.used):
                return
            raise obstacle.error(image.id)
        references = self._catalogue.references(image.id)
        await self._untag(image, references, records)
        if await self._ledger.drop(image.id) is None:
            return
        self._publish("delete", image)
        records.append(Deleted(image.id))
        layers = [layer.chain_id for layer in reversed(image.layers)]
        gone = self._collect([image.id, image.manifest_digest, *(layer.digest for layer in image.layers), *layers])
        self._freed += sum(layer.size for layer in gone)
        records.extend(Deleted(layer.chain_id) for layer in gone)
        parent = self._catalogue.get(image.parent) if image.parent and not noprune else None
        if parent is not None and not self._catalogue.references(parent.id):
            obstacle = self._obstacle(parent, False, [use for use in uses if use.image_id == parent.id])
            if obstacle is None:
                await self._delete(parent, False, noprune, uses, records, quiet=True)

    async def prune(self, chosen: ImageFilter, uses: Sequence[ImageUse]) -> PruneResult:
        """Remove images that no container uses and the filter selects: untagged ones, or with `dangling=False` all."""
        records: list[Untagged | Deleted] = []
        before = self._freed
        in_use = {use.image_id for use in uses}
        for image in self._catalogue.all():
            if image.id in in_use or self._catalogue.get(image.id) is None or not self._prunable(image, chosen):
                continue
            references = self._catalogue.references(image.id)
            try:
                if not references:
                    await self._delete(image, False, False, uses, records, quiet=False)
                for reference in references:
                    records.extend(await self.remove(str(reference), False, False, uses))
            except Conflict:
                continue
        reclaimed = self._freed - before
        self._events.publish("image", "prune", "", {"reclaimed": str(reclaimed)})
        return PruneResult(tuple(records), reclaimed)

    def _prunable(self, image: Image, chosen: ImageFilter) -> bool:
        if self._catalogue.has_children(image.id):
            return False
        if chosen.until is not None and image.created > chosen.until:
            return False
        if not matches_labels(image.config.labels, chosen.labels, chosen.labels_not):
            return False
        return chosen.dangling is False or not image.repo_tags
