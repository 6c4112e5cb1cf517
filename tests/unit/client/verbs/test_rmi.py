from __future__ import annotations

import pytest

from tests.unit.client.fake_engine import FakeEngine


def test_what_became_of_names_and_layers_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    gone = [{"Untagged": "box:latest"}, {"Deleted": "sha256:0"}]
    with FakeEngine({"DELETE /images/box": (200, gone)}) as fake:
        assert fake.run("rmi", "-f", "box", "nope") == 1
        assert fake.lines()[0] == "DELETE /images/box?force=1"
    assert capfd.readouterr().out == "Untagged: box:latest\nDeleted: sha256:0\n"
