from __future__ import annotations

from pathlib import Path

import pytest

from client.errors import ClientError
from client.files import into_file


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    into_file([[memoryview(b"a"), memoryview(b"b")], [memoryview(b"c")]], f"{tmp_path}/x")
    assert (tmp_path / "x").read_bytes() == b"abc"

    def broken() -> object:
        yield [memoryview(b"a")]
        raise ClientError("cut")

    with pytest.raises(ClientError, match="cut"):
        into_file(broken(), f"{tmp_path}/y")  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    with pytest.raises(ClientError, match="no such file"):
        into_file([], "/no/such/x")
