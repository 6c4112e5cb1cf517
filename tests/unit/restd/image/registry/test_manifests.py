from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.errors import EngineError, InvalidParameter, NotFound
from restd.image.archive import DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Platform
from restd.image.registry.manifests import Index, Manifest, choose, digest_of, parse_manifest, platforms

DIGEST = "sha256:" + "a" * 64
CONFIG = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": DIGEST, "size": 2}


def document(**fields: Any) -> bytes:
    return json.dumps({"schemaVersion": 2, "config": CONFIG, "layers": [], **fields}).encode()


def index(*wanted: tuple[str, str, str]) -> Index:
    entries = [
        {"digest": f"sha256:{number:064x}", "size": 1, "platform": {"os": os, "architecture": arch, "variant": variant}}
        for number, (os, arch, variant) in enumerate(wanted)
    ]
    found = parse_manifest(json.dumps({"schemaVersion": 2, "manifests": entries}).encode(), OCI_INDEX)
    assert isinstance(found, Index)
    return found


def test_a_manifest_is_read_with_its_digest() -> None:
    data = document(mediaType=DOCKER_MANIFEST, layers=[{"digest": DIGEST, "size": 5, "urls": ["https://x"]}])
    found = parse_manifest(data, DOCKER_MANIFEST + "; charset=utf-8")
    assert isinstance(found, Manifest)
    assert (found.digest, found.media_type) == (digest_of(data), DOCKER_MANIFEST)
    assert found.layers[0].urls == ("https://x",)


def test_the_type_may_come_with_the_answer_alone() -> None:
    assert parse_manifest(document(), OCI_MANIFEST).media_type == OCI_MANIFEST
    assert parse_manifest(document(), "text/plain").media_type == OCI_MANIFEST


@pytest.mark.parametrize(
    ("data", "content_type", "words"),
    [
        (b"<html>", "text/html", "not JSON"),
        (document(schemaVersion=1), "", "schemaVersion"),
        (document(), "application/vnd.docker.distribution.manifest.v1+prettyjws", "schema 1"),
        (document(config=None), "", "no config"),
        (document(config={**CONFIG, "digest": "sha256:zz"}), "", "digest"),
        (document(config={**CONFIG, "size": -1}), "", "size"),
        (document(config={**CONFIG, "size": True}), "", "size"),
        (document(config={**CONFIG, "mediaType": "application/vnd.cncf.helm.config.v1+json"}), "", "unsupported media"),
        (document(layers=[{"digest": DIGEST, "size": 1}] * 128), "", "128 layers"),
        (document(manifests=[], mediaType=OCI_MANIFEST), "", "an index is said to be"),
    ],
)
def test_what_a_manifest_may_not_be(data: bytes, content_type: str, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        parse_manifest(data, content_type)


def test_the_best_platform_is_chosen() -> None:
    arm = Platform("linux", "arm", "v7")
    assert choose(index(("linux", "amd64", ""), ("linux", "arm", "v6"), ("linux", "arm", "v7")), arm).digest[-1] == "2"
    assert choose(index(("linux", "arm", "v6"), ("windows", "arm", "v7")), arm).digest[-1] == "0"
    with pytest.raises(NotFound, match="no matching manifest for linux/arm/v7 in the manifest list entries"):
        choose(index(("linux", "arm64", "v8")), arm)
    assert [one["architecture"] for one in platforms(index(("linux", "a", ""), ("linux", "b", "")))] == ["a", "b"]


def test_attestations_are_no_images() -> None:
    entry = {"digest": DIGEST, "size": 1, "annotations": {"vnd.docker.reference.type": "attestation-manifest"}}
    found = parse_manifest(json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode(), DOCKER_INDEX)
    assert isinstance(found, Index)
    with pytest.raises(NotFound):
        choose(found, Platform("linux", "amd64"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from("schemaVersion mediaType config layers manifests".split()), json_values))
def test_any_document_is_a_manifest_or_a_clear_error(value: dict[str, Any]) -> None:
    for version in (value, {**value, "schemaVersion": 2}):
        try:
            found = parse_manifest(json.dumps(version).encode(), "")
            if isinstance(found, Index):
                choose(found, Platform("linux", "amd64"))
        except EngineError:
            continue
