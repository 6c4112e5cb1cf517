"""What is decided without mounting; the rest is in tests/integration/test_files.py."""

from __future__ import annotations

import pytest

from restd.container.trees import check_writable
from restd.errors import InvalidParameter
from restd.model.container import HostConfig
from restd.oci.mount_points import parse_bind
from tests.unit.restd.container.sample import container


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/", ""),
        ("/data", ""),
        ("/data/deep", ""),
        ("/database", ""),
        ("/ro", "mounted volume is marked read-only"),
        ("/ro/deep", "mounted volume is marked read-only"),
        ("/ro/rw", ""),
        ("/roo", ""),
    ],
)
def test_the_nearest_mount_decides(path: str, words: str) -> None:
    binds = ("/a:/data", "/b:/ro:ro", "/c:/ro/rw")
    one = container(mounts=tuple(parse_bind(bind) for bind in binds))
    if words:
        with pytest.raises(InvalidParameter, match=words):
            check_writable(one, path)
    else:
        check_writable(one, path)


def test_a_read_only_root_has_writable_mounts() -> None:
    host_config = HostConfig(tmpfs={"/run": ""}, readonly_rootfs=True)
    one = container(host_config=host_config, mounts=(parse_bind("vol:/data"),))
    check_writable(one, "/run/x")
    check_writable(one, "/data/x")
    with pytest.raises(InvalidParameter, match="container rootfs is marked read-only"):
        check_writable(one, "/etc")
