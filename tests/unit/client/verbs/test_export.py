from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.client.fake_engine import FakeEngine, chunked


def test_the_archive_is_written_to_stdout_or_a_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"GET /containers/box/export": chunked(b"tar", b"ball")}) as fake:
        assert fake.run("export", "box") == 0
        assert fake.run("export", "-o", f"{tmp_path}/x.tar", "box") == 0
    assert capfd.readouterr().out == "tarball"
    assert (tmp_path / "x.tar").read_bytes() == b"tarball"
