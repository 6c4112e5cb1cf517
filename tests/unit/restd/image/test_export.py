from __future__ import annotations

import asyncio
import io
import json
import tarfile
from pathlib import Path

from restd.image.blobs import BlobStore
from restd.image.configuration import build_image
from restd.image.export import Chosen, docker_manifest, export, index, repositories
from restd.image.references import parse_reference
from restd.model.image import ImageLayer
from tests.unit.restd.image.building import configuration, digest, gathered, manifest, small_layer

LAYER = small_layer()
CONFIG = configuration([LAYER], variant="v8")
MANIFEST = manifest(CONFIG, [LAYER])
PART = ImageLayer(digest(LAYER), len(LAYER), "kind", digest(LAYER), digest(LAYER))
IMAGE = build_image(digest(CONFIG), digest(MANIFEST), json.loads(CONFIG), (PART,), size=1)
NAMED = Chosen(IMAGE, (parse_reference("a:1"), parse_reference("quay.io/b:2")))


def test_the_index_has_a_descriptor_for_each_name() -> None:
    descriptors = json.loads(index([NAMED], [MANIFEST]))["manifests"]
    assert [one["annotations"] for one in descriptors] == [
        {"io.containerd.image.name": "docker.io/library/a:1", "org.opencontainers.image.ref.name": "1"},
        {"io.containerd.image.name": "quay.io/b:2", "org.opencontainers.image.ref.name": "2"},
    ]
    assert descriptors[0]["digest"] == digest(MANIFEST)
    assert descriptors[0]["platform"] == {"os": "linux", "architecture": "amd64", "variant": "v8"}


def test_an_image_without_a_name_is_there_all_the_same() -> None:
    nameless = Chosen(IMAGE, ())
    (descriptor,) = json.loads(index([nameless], [MANIFEST]))["manifests"]
    assert "annotations" not in descriptor
    assert json.loads(docker_manifest([nameless]))[0]["RepoTags"] is None
    assert json.loads(repositories([nameless])) == {}


def test_old_engines_find_what_they_look_for() -> None:
    (item,) = json.loads(docker_manifest([NAMED]))
    assert item["RepoTags"] == ["a:1", "quay.io/b:2"]
    assert item["Layers"] == ["blobs/sha256/" + digest(LAYER)[7:]]
    assert json.loads(repositories([NAMED])) == {"a": {"1": digest(LAYER)[7:]}, "quay.io/b": {"2": digest(LAYER)[7:]}}


def test_the_archive_is_a_tar_with_every_blob_under_its_digest(tmp_path: Path) -> None:
    blobs = BlobStore(str(tmp_path))
    blobs.open()
    for blob in (LAYER, CONFIG, MANIFEST):
        blobs.write(digest(blob), blob)
    saved = asyncio.run(gathered(export([NAMED], blobs)))
    assert saved == asyncio.run(gathered(export([NAMED], blobs)))
    with tarfile.open(fileobj=io.BytesIO(saved)) as archive:
        for member in archive:
            assert member.mtime == 0
            if member.name.startswith("blobs/sha256/"):
                file = archive.extractfile(member)
                assert file is not None
                assert digest(file.read()) == "sha256:" + member.name.rpartition("/")[2]
