import os
from pathlib import Path

import pytest

from restd.container import shared_memory
from restd.lib.mounts import is_mount_point
from restd.model.container import HostConfig
from tests.unit.restd.container.sample import container


def test_only_a_shareable_container_has_memory_of_its_own_on_the_host(tmp_path: Path) -> None:
    made = container(directory=str(tmp_path), host_config=HostConfig(ipc_mode="private"))
    assert shared_memory.mount(made) == ""
    shared_memory.unmount(made)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_it_is_mounted_once_and_unmounted_for_good(tmp_path: Path) -> None:
    made = container(directory=str(tmp_path), host_config=HostConfig(ipc_mode="shareable", shm_size=1 << 20))
    target = shared_memory.mount(made)
    assert shared_memory.mount(made) == target == shared_memory.path(made)
    assert is_mount_point(target) and os.stat(target).st_mode & 0o7777 == 0o1777
    shared_memory.unmount(made)
    shared_memory.unmount(made)
    assert not os.path.exists(target)
