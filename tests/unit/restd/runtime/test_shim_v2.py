import pytest

from restd.runtime import shim_v2


@pytest.mark.parametrize("name", ["io.containerd.runc.v2", "io.containerd.kata-qemu.v12"])
def test_containerds_names_are_shims_v2(name: str) -> None:
    assert shim_v2.detect(name)


@pytest.mark.parametrize(
    "name", ["runc", "io.containerd.runc", "io.containerd..v2", "x.io.containerd.runc.v2", "io.containerd.a/b.v2"]
)
def test_other_names_are_not(name: str) -> None:
    assert not shim_v2.detect(name)
