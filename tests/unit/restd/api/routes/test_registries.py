from __future__ import annotations

import pytest

from restd.api.routes.registries import pull_reference
from restd.errors import Forbidden, InvalidParameter

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("image", "tag", "expected"),
    [
        ("busybox", "1", "docker.io/library/busybox:1"),
        ("busybox:2", "", "docker.io/library/busybox:2"),
        ("busybox:2", "1", "docker.io/library/busybox:1"),
        ("busybox", DIGEST, f"docker.io/library/busybox@{DIGEST}"),
        (f"reg.example/x@{DIGEST}", "", f"reg.example/x@{DIGEST}"),
        ("busybox:", "", "docker.io/library/busybox"),
    ],
)
def test_what_a_pull_asks_for(image: str, tag: str, expected: str) -> None:
    assert str(pull_reference(image, tag)) == expected


def test_what_it_may_not_ask_for() -> None:
    with pytest.raises(Forbidden, match="'scratch' is a reserved name"):
        pull_reference("scratch", "latest")
    with pytest.raises(InvalidParameter, match="invalid tag format"):
        pull_reference("busybox", "no tag")
    with pytest.raises(InvalidParameter, match="invalid reference format"):
        pull_reference("Bad Name", "")
