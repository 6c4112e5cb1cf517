from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.client.fake_engine import FakeEngine, chunked


def test_a_root_file_system_becomes_an_image(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.tar").write_bytes(b"tar")
    with FakeEngine({"POST /images/create": chunked(b'{"status":"sha256:00"}\r\n')}) as fake:
        assert fake.run("import", "-c", "CMD sh", "-c", "ENV A=1", "-m", "hi", f"{tmp_path}/r.tar", "reg:5/box:1") == 0
        assert fake.run("import", "https://host/x.tar", "reg:5/box") == 0
        first, second = fake.requests
    assert first.body == b"tar"
    assert first.query == "fromSrc=-&repo=reg:5/box&tag=1&message=hi&changes=CMD%20sh&changes=ENV%20A%3D1"
    assert second.query == "fromSrc=https://host/x.tar&repo=reg:5/box"
    assert capfd.readouterr().out == "sha256:00\nsha256:00\n"


def test_a_file_that_is_not_there_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({}) as fake:
        assert fake.run("import", "/no/such.tar") == 1
    assert "open /no/such.tar" in capfd.readouterr().err
