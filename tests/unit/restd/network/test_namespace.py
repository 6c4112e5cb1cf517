import asyncio
import os
from pathlib import Path

import pytest

from restd.errors import SystemFailure
from restd.lib.mounts import list_mounts
from restd.model.network import Endpoint
from restd.network.namespace import Namespaces, remove

ID = "ab" * 32
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@needs_root
def test_a_namespace_is_another_one_and_stays_until_it_is_removed(tmp_path: Path) -> None:
    async def attempt() -> None:
        spaces = Namespaces(str(tmp_path))
        path = await spaces.make(ID)
        try:
            own = os.stat("/proc/self/ns/net")
            made = os.stat(path)
            assert made.st_dev == own.st_dev and made.st_ino != own.st_ino
            assert os.stat(f"/proc/{os.getpid()}/ns/net").st_ino == own.st_ino, "the caller has stayed where it was"
            assert spaces.found() == [ID]
            again = await spaces.make(ID)
            assert again == path and os.stat(path).st_ino != made.st_ino
        finally:
            spaces.remove(ID)
        assert spaces.found() == [] and not os.path.exists(path)
        assert not [mount for mount in list_mounts() if mount.target == path]
        spaces.remove(ID)

    asyncio.run(attempt())


@needs_root
def test_the_default_route_of_a_namespace_can_be_taken_away(tmp_path: Path) -> None:
    async def attempt() -> None:
        spaces = Namespaces(str(tmp_path))
        await spaces.make(ID)
        try:
            await spaces.set_default_route(ID, None)
            with pytest.raises(SystemFailure, match="default route of container"):
                await spaces.set_default_route(ID, Endpoint("e", ID, "n", "lan", interface="eth9", gateway="10.0.0.1"))
        finally:
            spaces.remove(ID)

    asyncio.run(attempt())


def test_what_a_crash_has_left_without_a_mount_goes_too(tmp_path: Path) -> None:
    (tmp_path / ID).touch()
    if os.geteuid() == 0:
        remove(str(tmp_path / ID))
        assert not (tmp_path / ID).exists()


def test_a_namespace_that_can_not_be_made_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: str) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr("restd.network.namespace._pin_new", fail)
    with pytest.raises(SystemFailure, match="cannot make a network namespace"):
        asyncio.run(Namespaces(str(tmp_path)).make(ID))
    assert os.listdir(tmp_path) == []


def test_there_are_none_before_the_first(tmp_path: Path) -> None:
    assert Namespaces(str(tmp_path / "none")).found() == []
