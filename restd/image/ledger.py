"""Changes to the catalogue, one at a time: on disk first (in a thread, flushed), then in memory.

So whoever reads the catalogue on the event loop sees only what a power cut could not take away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from restd.image.catalogue import Catalogue
from restd.image.references import Reference
from restd.lib.times import now_ns
from restd.model.image import Image


class Ledger:
    """The one writer of a catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._writing = asyncio.Lock()

    async def add(self, image: Image) -> None:
        """Add an image; one that is there already stays as it is."""
        async with self._writing:
            if self._catalogue.get(image.id) is None:
                await asyncio.to_thread(self._catalogue.write_image, image)
                self._catalogue.add(image)

    async def drop(self, image_id: str) -> Image | None:
        """Delete an image together with its references; None if it is gone already."""
        async with self._writing:
            if self._catalogue.get(image_id) is None:
                return None
            references = self._catalogue.references(image_id)
            if references:
                await asyncio.to_thread(self._catalogue.write_references, dict.fromkeys(references))
                for reference in references:
                    self._catalogue.unpoint(reference)
            await asyncio.to_thread(self._catalogue.erase_image, image_id)
            return self._catalogue.drop(image_id)

    async def point(self, targets: Mapping[Reference, str]) -> None:
        """Make references mean images, whatever they meant before. An image that has gone meanwhile is left out."""
        time = now_ns()
        async with self._writing:
            present = {
                reference: (image_id, time)
                for reference, image_id in targets.items()
                if self._catalogue.get(image_id) is not None
            }
            await asyncio.to_thread(self._catalogue.write_references, present)
            for reference, (image_id, _) in present.items():
                self._catalogue.point(reference, image_id, time)

    async def unpoint(self, references: Iterable[Reference]) -> None:
        """Forget references; unknown ones are fine."""
        gone = [reference for reference in references if self._catalogue.target(reference) is not None]
        if not gone:
            return
        async with self._writing:
            await asyncio.to_thread(self._catalogue.write_references, dict.fromkeys(gone))
            for reference in gone:
                self._catalogue.unpoint(reference)
