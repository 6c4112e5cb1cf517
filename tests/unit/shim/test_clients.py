"""The limit on attaches, over both forms."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shim.control import Refused
from shim.protocol import Attach, ProcessSpec
from tests.unit.shim.sockets import Bench


def test_the_limit_counts_connections_and_fifos(bench: Bench, tmp_path: Path) -> None:
    clients = bench.clients(ProcessSpec("id", ["x"], "/", attach_limit=2), [])
    path = str(tmp_path / "in")
    os.mkfifo(path)
    clients.check_room()
    clients.attach_fifos([path, "", ""])
    clients.attach(Attach(stdout=True), bench.connection()[1])
    with pytest.raises(Refused, match="limit is 2"):
        clients.check_room()
