from __future__ import annotations

from pathlib import Path

from restd.image.blobs import BlobStore
from tests.unit.restd.image.building import digest


def test_a_blob_is_kept_by_its_digest_and_adopted_once(tmp_path: Path) -> None:
    store = BlobStore(str(tmp_path))
    store.open()
    name = digest(b"data")
    for _ in range(2):
        (tmp_path / "new").write_bytes(b"data")
        store.adopt(str(tmp_path / "new"), name)
        assert store.read(name) == b"data"
    store.write(digest(b"other"), b"other")
    assert set(store.all()) == {name, digest(b"other")}
    store.remove(name)
    store.remove(name)
    assert not store.has(name)
