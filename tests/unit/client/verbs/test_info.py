from __future__ import annotations

import pytest

from client.verbs.info import server_lines
from tests.unit.client.fake_engine import FakeEngine

FOUND = {
    "Containers": 2,
    "ContainersRunning": 1,
    "ServerVersion": "0.1.0",
    "Driver": "overlay",
    "DriverStatus": [["Backing Filesystem", "ext4"]],
    "Plugins": {"Log": ["json-file", "none"]},
    "SecurityOptions": ["name=seccomp,profile=builtin", "apparmor"],
    "MemTotal": 1 << 30,
    "Labels": ["a=b"],
    "LiveRestoreEnabled": True,
    "Warnings": ["WARNING: no swap limit"],
}


def test_facts_are_listed_and_unknown_ones_left_out() -> None:
    lines = server_lines(FOUND)
    for line in (
        *(
            " Containers: 2",
            "  Running: 1",
            " Storage Driver: overlay",
            "  Backing Filesystem: ext4",
            "  Log: json-file none",
        ),
        *(
            "  seccomp",
            "   Profile: builtin",
            "  apparmor",
            " Total Memory: 1GiB",
            "  a=b",
            " Live Restore Enabled: true",
        ),
    ):
        assert line in lines
    assert not any("Kernel" in line for line in lines)


def test_warnings_go_to_stderr_and_formats_are_obeyed(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"GET /info": (200, FOUND)}) as fake:
        assert fake.run("info") == 0
        assert fake.run("info", "-f", "{{.Driver}}") == 0
    out, err = capfd.readouterr()
    assert out.startswith("Client:\n Version:") and out.endswith("overlay\n")
    assert err == "WARNING: no swap limit\n"
