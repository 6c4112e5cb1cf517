from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from restd.errors import InvalidParameter
from restd.events import Events
from restd.image.embedded import applets, busybox_archive, main
from restd.image.store import ImageStore
from tests.unit.restd.image.building import pieces, with_store

needs_busybox = pytest.mark.skipif(not os.path.exists("/bin/busybox"), reason="needs busybox-static")


@needs_busybox
def test_the_same_binary_gives_the_same_archive() -> None:
    assert busybox_archive() == busybox_archive()
    assert "busybox" not in applets("/bin/busybox")


@needs_busybox
def test_the_archive_goes_to_a_file_under_the_tag_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "out.tar"), "--tag", "me/box:1"]) == 0
    assert "out.tar" in capsys.readouterr().out
    with tarfile.open(tmp_path / "out.tar") as archive:
        member = archive.extractfile("manifest.json")
        assert member is not None
        assert '"me/box:1"' in member.read().decode()


def test_a_bad_tag_and_a_missing_binary_are_errors(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        busybox_archive(busybox=str(tmp_path / "missing"))
    if os.path.exists("/bin/busybox"):
        with pytest.raises(InvalidParameter):
            busybox_archive("B A D")


@pytest.mark.root
@needs_busybox
def test_the_image_has_a_shell_and_the_usual_directories(tmp_path: Path) -> None:
    async def body(store: ImageStore, _: Events) -> None:
        await store.load(pieces(busybox_archive()))
        image = store.resolve("busybox")
        assert image.config.cmd == ("sh",)
        assert image.created
        root = Path(store.graph_driver(image).data["UpperDir"])
        assert os.readlink(root / "bin/sh") == "busybox"
        assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777
        assert "www-data" in (root / "etc/passwd").read_text()
        assert (root / "bin/busybox").read_bytes()[:4] == b"\x7fELF"

    with_store(str(tmp_path), body)
