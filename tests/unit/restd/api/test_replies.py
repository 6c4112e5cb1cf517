from __future__ import annotations

import jsonschema
import pytest

from restd.api.replies import record, reply_schemas
from restd.model.container import Config, HostConfig
from restd.model.docker_json import to_docker


@pytest.mark.parametrize("name", sorted(reply_schemas()))
def test_every_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(reply_schemas()[name])


@pytest.mark.parametrize(
    ("name", "value"),
    [("Config", Config()), ("HostConfig", HostConfig()), ("HostConfig", HostConfig(init=True, memory_swappiness=0))],
)
def test_what_the_model_writes_fits(name: str, value: object) -> None:
    jsonschema.validate(to_docker(value), reply_schemas()[name])


def test_a_record_has_no_other_keys() -> None:
    schema = record({"a": {"type": "string"}}, {"b": {"type": "string"}})
    jsonschema.validate({"a": ""}, schema)
    for wrong in ({}, {"a": "", "c": ""}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)
