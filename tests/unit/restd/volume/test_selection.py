import json

import pytest

from restd.errors import InvalidParameter
from restd.filters import Filters
from restd.model.volume import Volume
from restd.volume.selection import selected

VOLUMES = [
    Volume("data", "/d", 1, {"a": "b", "c": ""}),
    Volume("data2", "/d", 2, None),
    Volume("web.log", "/d", 3, {"a": "x"}),
]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, ["data", "data2", "web.log"]),
        ({"name": ["data"]}, ["data", "data2"]),
        ({"name": ["^data$", "log"]}, ["data", "web.log"]),
        ({"name": ["("]}, []),
        ({"driver": ["local"]}, ["data", "data2", "web.log"]),
        ({"driver": ["nfs", "loc"]}, []),
        ({"label": ["a"]}, ["data", "web.log"]),
        ({"label": ["a=b"]}, ["data"]),
        ({"label": ["a", "c"]}, ["data"]),
        ({"label!": ["a=b"]}, ["data2", "web.log"]),
        ({"dangling": ["true"]}, ["data2", "web.log"]),
        ({"dangling": ["0"]}, ["data"]),
        ({"dangling": ["1"], "name": ["data"]}, ["data2"]),
    ],
)
def test_volumes_pass_by_every_key(filters: dict[str, list[str]], names: list[str]) -> None:
    parsed = Filters.parse(json.dumps(filters))
    assert [volume.name for volume in selected(VOLUMES, parsed, lambda name: name == "data")] == names


def test_filters_that_make_no_sense() -> None:
    for filters in ({"dangling": ["perhaps"]}, {"name": ["x" * 2000]}):
        with pytest.raises(InvalidParameter):
            selected(VOLUMES, Filters.parse(json.dumps(filters)), lambda _: False)
