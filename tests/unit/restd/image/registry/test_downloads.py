"""What pulls see of downloads is in test_pull.py; here, what they are by themselves."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from restd.errors import InvalidParameter
from restd.image.registry.credentials import ANONYMOUS
from restd.image.registry.downloads import Downloads
from restd.image.registry.endpoints import Endpoint
from restd.image.registry.failures import RegistryError
from restd.image.registry.manifests import Descriptor, digest_of
from restd.image.registry.session import Registry
from restd.lib.tasks import TaskGroup
from tests.unit.restd.image.registry.scripted import ScriptedRegistry


def test_a_blob_becomes_a_file_and_what_happens_is_heard(tmp_path: Path) -> None:
    @contextlib.contextmanager
    def workspace() -> Iterator[str]:
        folder = tmp_path / "work"
        folder.mkdir()
        try:
            yield str(folder)
        finally:
            shutil.rmtree(folder)

    async def inside() -> None:
        async with ScriptedRegistry() as scripted:
            data = b"x" * 1000
            blob = Descriptor(scripted.add_blob(data)["digest"], len(data), "")
            registry = await Registry.connect(Endpoint(f"http://{scripted.address}"), ANONYMOUS, "/nowhere")
            tasks = TaskGroup("test")
            with ThreadPoolExecutor(2) as pool:
                downloads = Downloads(tasks, pool, workspace, 1, 2)
                heard: list[tuple[str, int]] = []
                target = tmp_path / "target"
                await downloads.fetch(registry, "a", blob, str(target), lambda *told: heard.append(told))
                assert target.read_bytes() == data
                assert heard == [("Downloading", 1000), ("Verifying Checksum", 1000), ("Download complete", 1000)]
                with pytest.raises(RegistryError, match="blob unknown"):
                    missing = Descriptor(digest_of(b""), 5, "")
                    await downloads.fetch(registry, "a", missing, str(tmp_path / "none"), lambda *_: None)
                small = Descriptor(blob.digest, 999, "")
                with pytest.raises(InvalidParameter, match="unexpected size"):
                    await downloads.fetch(registry, "a", small, str(tmp_path / "none"), lambda *_: None)
            await registry.release()
            await tasks.close()
        assert sorted(tmp_path.iterdir()) == [tmp_path / "target"]

    asyncio.run(inside())
