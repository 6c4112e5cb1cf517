from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path

import pytest
from backports import zstd

from restd.errors import InvalidParameter, SystemFailure, Unavailable
from restd.image.unpack import UnpackLimits, Watch, blob_diff_id, unpack_blob
from tests.unit.restd.image.building import digest, small_layer, tar

LIMITS = UnpackLimits()


def blob(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "blob"
    path.write_bytes(data)
    (tmp_path / "root").mkdir(exist_ok=True)
    return str(path)


@pytest.mark.root
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress])
def test_a_layer_is_unpacked_and_its_diff_id_found(tmp_path: Path, pack: type[bytes]) -> None:
    layer = small_layer("text")
    path = blob(tmp_path, pack(layer))
    heard: list[int] = []
    unpacked = unpack_blob(path, str(tmp_path / "root"), LIMITS, None, Watch(heard.append))
    assert (unpacked.diff_id, unpacked.size) == (digest(layer), 4)
    assert (tmp_path / "root/etc/motd").read_text() == "text"
    assert heard[-1] == os.path.getsize(path)
    assert blob_diff_id(path, Watch()) == digest(layer)


@pytest.mark.root
def test_a_bad_layer_is_an_invalid_parameter_and_the_child_is_gone(tmp_path: Path) -> None:
    path = blob(tmp_path, gzip.compress(b"no tar at all" * 500))
    with pytest.raises(InvalidParameter, match="invalid layer: invalid tar header"):
        unpack_blob(path, str(tmp_path / "root"), LIMITS, None, Watch())
    path = blob(tmp_path, gzip.compress(small_layer())[:-20])
    with pytest.raises(InvalidParameter, match="invalid gzip data"):
        unpack_blob(path, str(tmp_path / "root"), LIMITS, None, Watch())


@pytest.mark.root
def test_a_child_that_cannot_start_its_work_is_a_system_failure(tmp_path: Path) -> None:
    path = blob(tmp_path, small_layer())
    with pytest.raises(SystemFailure, match="unpacking process failed"):
        unpack_blob(path, str(tmp_path / "missing"), LIMITS, digest(small_layer()), Watch())


@pytest.mark.root
def test_a_stop_ends_it(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    path = blob(tmp_path, gzip.compress(tar(("a", os.urandom(5_000_000)))))
    with pytest.raises(Unavailable):
        unpack_blob(path, str(tmp_path / "root"), LIMITS, None, Watch(stop=stop))
