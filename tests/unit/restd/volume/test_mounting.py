import asyncio
import os
from pathlib import Path

import pytest

from restd.errors import SystemFailure
from restd.volume import mounting
from restd.volume.mounting import is_mounted, mount, targets_below, unmount
from restd.volume.options import Device, device_of


def test_a_failure_is_told_without_the_password() -> None:
    device = Device("/nonexistent", "none", 0x1000, 0, "password=s3cret")
    with pytest.raises(SystemFailure, match=r"failed to mount local volume: .*password=\*\*\*\*\*\*\*\*: ") as caught:
        asyncio.run(mount(device, "/nonexistent/x"))
    assert "s3cret" not in str(caught.value)


def test_what_lies_behind_a_wire_is_mounted_by_a_child_with_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device(":/x", "nfs", 0, 0, "addr=192.0.2.1")
    with pytest.raises(SystemFailure, match="failed to mount local volume: mount :/x:/nonexistent/x"):
        asyncio.run(mount(device, "/nonexistent/x"))
    monkeypatch.setattr(mounting, "REMOTE_SECONDS", 0.0)
    with pytest.raises(SystemFailure, match="no answer within 0 s"):
        asyncio.run(mount(device, "/nonexistent/x"))


def test_nothing_there_is_nothing_to_unmount(tmp_path: Path) -> None:
    asyncio.run(unmount(None, str(tmp_path)))
    assert "/proc" in targets_below("/proc")
    assert is_mounted("/proc") and not is_mounted(str(tmp_path / "a b"))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_bind_inside_one_file_system_is_seen_and_unmounted(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "with space"
    source.mkdir()
    (source / "file").touch()
    target.mkdir()
    device = device_of({"type": "none", "device": str(source), "o": "bind,ro"})
    assert device is not None
    asyncio.run(mount(device, str(target)))
    asyncio.run(mount(device, str(target)))
    try:
        assert is_mounted(str(target)) and targets_below(str(tmp_path)) == [str(target)] * 2
        with pytest.raises(OSError, match="Read-only"):
            (target / "new").touch()
    finally:
        asyncio.run(unmount(device, str(target)))
    assert not is_mounted(str(target)) and not os.listdir(target)
