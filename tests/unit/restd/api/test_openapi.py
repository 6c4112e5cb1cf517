from __future__ import annotations

import os
import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from restd.api.openapi import body_schema, document, to_yaml
from restd.api.schemas.container import create_schema

FILE = os.path.join(os.path.dirname(__file__), "..", "..", "..", "..", "openapi", "openapi.yaml")
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=12)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def test_the_file_is_current() -> None:
    with open(FILE, encoding="utf-8") as file:
        assert file.read() == to_yaml(document()), "run: python -m restd.api.openapi > openapi/openapi.yaml"


@given(DOCUMENTS)
def test_what_is_written_is_what_yaml_reads(value: Any) -> None:
    assert yaml.safe_load(to_yaml(value)) == value


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(inner) for inner in value.values()))
    return set().union(*(references(inner) for inner in value)) if isinstance(value, list) else set()


def test_every_reference_leads_somewhere() -> None:
    described = document()
    names = {f"#/components/schemas/{name}" for name in described["components"]["schemas"]}
    assert references(described) <= names


def test_operations_have_names_of_their_own() -> None:
    operations = [operation for path in document()["paths"].values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z_]+", name) for name in ids)
    assert all(operation["summary"] and operation["responses"] for operation in operations)


def test_the_limit_of_detach_keys_is_described() -> None:
    attach = document()["paths"]["/containers/{name}/attach"]["post"]
    assert "detach by keys looks the same" in " ".join(attach["description"].split())


def test_bodies_are_described_with_their_limits() -> None:
    properties = body_schema(create_schema())["properties"]
    assert properties["Cmd"]["type"] == ["array", "string", "null"]
    host = properties["HostConfig"]["properties"]
    assert host["OomScoreAdj"] == {"type": ["integer", "null"], "minimum": -1000, "maximum": 1000}
    assert host["Ulimits"]["items"]["properties"]["Soft"]["minimum"] == -1


@pytest.mark.parametrize("status", ["101", "200"])
def test_streams_are_described_as_such(status: str) -> None:
    response = document()["paths"]["/exec/{name}/start"]["post"]["responses"][status]
    assert "application/vnd.docker.raw-stream" in response["content"]
