from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from restd.errors import InvalidParameter
from restd.image.archive import Found, Platform, fit, host_platform, parse_platform, read_archive
from restd.image.spool import Feed, Spooler
from tests.unit.restd.image.building import (
    configuration,
    descriptor,
    digest,
    docker_archive,
    entry,
    layout,
    manifest,
    small_layer,
    tar,
)

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64", "v8")
MANIFEST, INDEX = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"
LAYER = small_layer()
CONFIG = configuration([LAYER])


def found(root: Path, data: bytes, wanted: Platform = AMD64) -> list[Found]:
    async def run() -> list[Found]:
        feed = Feed()
        await feed.put(data)
        feed.end()
        (root / "spool").mkdir(exist_ok=True)
        spool = await asyncio.to_thread(Spooler(str(root / "spool"), str(root), 1 << 30).run, feed)
        return read_archive(spool, wanted)

    return asyncio.run(run())


def one_of(architectures: Sequence[str], **more: bytes) -> tuple[bytes, list[bytes]]:
    """An index with an image for each architecture, and all blobs."""
    blobs, descriptors = [], []
    for architecture in architectures:
        config = configuration([LAYER], architecture=architecture)
        made = manifest(config, [LAYER])
        blobs += [config, made]
        platform = {"os": "linux", "architecture": architecture}
        descriptors.append(descriptor(made, MANIFEST, platform=platform))
    attestation = {"vnd.docker.reference.type": "attestation-manifest"}
    unknown = {"os": "unknown", "architecture": "unknown"}
    descriptors.append(descriptor(b"{}", MANIFEST, platform=unknown, annotations=attestation))
    return json.dumps({"schemaVersion": 2, "manifests": descriptors}).encode(), [*blobs, LAYER, b"{}"]


def test_a_docker_archive_gives_images_with_names_and_a_manifest_of_its_own(tmp_path: Path) -> None:
    (image,) = found(tmp_path, docker_archive((CONFIG, [LAYER], ["a", "me/b:1"])))
    assert image.names == ["a:latest", "me/b:1"]
    assert image.config.digest == digest(CONFIG)
    made = json.loads(image.manifest)
    assert made["layers"][0]["digest"] == digest(LAYER)
    assert image.manifest_member is None


def test_a_layer_may_be_a_link_to_another_of_the_archive(tmp_path: Path) -> None:
    name = digest(CONFIG)[7:] + ".json"
    listing = [{"Config": name, "RepoTags": None, "Layers": ["b/layer.tar"]}]
    data = tar(
        (name, CONFIG),
        ("a/layer.tar", LAYER),
        entry("b/layer.tar", b"2", linkname="../a/layer.tar"),
        ("manifest.json", json.dumps(listing).encode()),
    )
    assert found(tmp_path, data)[0].layers[0][0].digest == digest(LAYER)


def test_a_layout_keeps_its_manifest_and_takes_names_from_annotations(tmp_path: Path) -> None:
    made = manifest(CONFIG, [LAYER])
    names = [
        {"io.containerd.image.name": "docker.io/library/a:1", "org.opencontainers.image.ref.name": "1"},
        {"org.opencontainers.image.ref.name": "quay.io/b:2"},
        {"org.opencontainers.image.ref.name": "latest"},
        {"io.containerd.image.name": "NOT A NAME"},
    ]
    descriptors = [descriptor(made, MANIFEST, annotations=annotations) for annotations in names]
    (image,) = found(tmp_path, layout(descriptors, [CONFIG, made, LAYER]))
    assert image.manifest == made
    assert image.names == ["a:1", "quay.io/b:2"]


def test_the_combined_form_gives_each_image_once_with_all_names(tmp_path: Path) -> None:
    made = manifest(CONFIG, [LAYER])
    path = "blobs/sha256/" + digest(CONFIG)[7:]
    listing = [{"Config": path, "RepoTags": ["a:1", "b:2"], "Layers": ["blobs/sha256/" + digest(LAYER)[7:]]}]
    annotations = {"io.containerd.image.name": "docker.io/library/a:1"}
    data = layout(
        [descriptor(made, MANIFEST, annotations=annotations)],
        [CONFIG, made, LAYER],
        **{"manifest.json": json.dumps(listing).encode()},
    )
    (image,) = found(tmp_path, data)
    assert (image.manifest, image.names) == (made, ["a:1", "b:2"])


@pytest.mark.parametrize(("wanted", "architecture"), [(AMD64, "amd64"), (ARM64, "arm64")])
def test_the_right_platform_is_chosen_from_nested_indexes(tmp_path: Path, wanted: Platform, architecture: str) -> None:
    index, blobs = one_of(["arm64", "amd64", "s390x"])
    outer = json.dumps({"schemaVersion": 2, "manifests": [descriptor(index, INDEX, platform=None)]}).encode()
    (image,) = found(tmp_path, layout([descriptor(outer, INDEX)], [outer, index, *blobs]), wanted)
    assert image.raw["architecture"] == architecture


def test_images_of_an_index_that_did_not_come_along_are_passed_over(tmp_path: Path) -> None:
    index, blobs = one_of(["amd64", "arm64"])
    present = [blob for blob in blobs if b"arm64" not in blob]
    (image,) = found(tmp_path, layout([descriptor(index, INDEX)], [index, *present]))
    assert image.raw["architecture"] == "amd64"
    with pytest.raises(InvalidParameter, match="no image for linux/s390x"):
        found(tmp_path, layout([descriptor(index, INDEX)], [index, *present]), Platform("linux", "s390x"))


def without(blobs: Sequence[bytes], one: bytes) -> list[bytes]:
    return [blob for blob in blobs if blob != one]


def bad_archives() -> Mapping[str, tuple[bytes, str]]:
    made = manifest(CONFIG, [LAYER])
    parts = [CONFIG, made, LAYER]
    top = [descriptor(made, MANIFEST)]
    two = configuration([LAYER, LAYER])
    listing: dict[str, Any] = {"Config": "c", "RepoTags": [], "Layers": ["l"]}
    deep = b'{"manifests":[]}'
    nested = []
    for _ in range(12):
        nested.append(deep)
        deep = json.dumps({"manifests": [descriptor(deep, INDEX)]}).encode()
    dump = json.dumps
    return {
        "neither": (tar(("x", b"y")), "neither manifest.json nor index.json"),
        "no manifest": (layout(top, without(parts, made)), "manifest .* is not in it"),
        "no config": (layout(top, without(parts, CONFIG)), "configuration .* is not in it"),
        "no layer": (layout(top, without(parts, LAYER)), "layer .* is not in it"),
        "bad digest": (layout([{"digest": "../../etc/passwd"}], parts), "not a sha256 digest"),
        "bad size": (layout([{**top[0], "size": 1}], parts), "not what its descriptor says"),
        "layer count": (
            layout([descriptor(m := manifest(two, [LAYER]), MANIFEST)], [two, m, LAYER]),
            "1 layers, but 2",
        ),
        "no end": (layout([descriptor(deep, INDEX)], [*nested, deep]), "do not end"),
        "index json": (tar(("index.json", b"[")), "invalid index.json"),
        "deep json": (tar(("index.json", b'{"manifests":' + b"[" * 200_000)), "invalid index.json"),
        "huge json": (tar(("index.json", b" " * (9 << 20))), "metadata of"),
        "manifest list": (tar(("manifest.json", b"{}")), "not a list of objects"),
        "manifest types": (tar(("manifest.json", b'[{"Config": 1}]')), "Config is not a string"),
        "missing config": (tar(("manifest.json", dump([listing]).encode())), "configuration 'c' is not in it"),
        "missing layer": (
            tar(("c", CONFIG), ("manifest.json", dump([listing]).encode())),
            "layer 'l' is not in it",
        ),
        "climbing layer": (
            tar(("c", CONFIG), ("manifest.json", dump([{**listing, "Layers": ["../../l"]}]).encode())),
            "leads out of the archive",
        ),
        "bad name": (
            tar(("c", CONFIG), ("l", LAYER), ("manifest.json", dump([{**listing, "RepoTags": ["A B"]}]).encode())),
            "invalid reference format",
        ),
        "empty list": (tar(("manifest.json", b"[]")), "no image for"),
    }


@pytest.mark.parametrize("name", list(bad_archives()))
def test_an_archive_that_is_not_whole_is_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    data, reason = bad_archives()[name]
    with pytest.raises(InvalidParameter, match=reason):
        found(tmp_path, data)


def test_platforms_are_parsed_and_ranked() -> None:
    assert str(parse_platform("linux/arm64/v8")) == "linux/arm64/v8"
    assert parse_platform("linux/x86_64") == AMD64
    assert parse_platform("linux").architecture == host_platform().architecture
    for text in ("", "a/b/c/d", "linux/", "a b"):
        with pytest.raises(InvalidParameter, match="invalid platform"):
            parse_platform(text)
    described = {"os": "linux", "architecture": "arm64"}
    arm = Platform("linux", "arm", "v7")
    ranks = [fit({**described, "architecture": "arm", "variant": variant}, arm) for variant in ("v7", "", "v6", "v8")]
    assert ranks == [0, 1, 2, None]
    assert (fit(described, ARM64), fit(None, AMD64), fit(described, AMD64)) == (0, 9, None)
