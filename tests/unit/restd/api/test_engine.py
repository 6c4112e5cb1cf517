from __future__ import annotations

import dataclasses

from restd.api.engine import Engine


def test_the_door_serves_these_rooms() -> None:
    names = [field.name for field in dataclasses.fields(Engine)]
    assert names == ["config", "host", "events", "images", "containers", "networks", "volumes"]
