from __future__ import annotations

import json

import pytest

from restd.api.routes.networks import passes
from restd.api.views.networks import network_id
from restd.filters import Filters


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, ["host", "none"]),
        ({"name": ["o"]}, ["host", "none"]),
        ({"name": ["^none$"]}, ["none"]),
        ({"name": ["ho", "x"]}, ["host"]),
        ({"driver": ["null"]}, ["none"]),
        ({"id": [network_id("none")[:12]]}, ["none"]),
        ({"type": ["builtin"]}, ["host", "none"]),
        ({"type": ["custom"]}, []),
        ({"label": ["x"]}, []),
        ({"dangling": ["true"]}, []),
        ({"scope": ["local"], "driver": ["host"]}, ["host"]),
    ],
)
def test_networks_pass_by_every_key(filters: dict[str, list[str]], names: list[str]) -> None:
    parsed = Filters.parse(json.dumps(filters))
    assert [name for name in ("host", "none") if passes(name, parsed)] == names
