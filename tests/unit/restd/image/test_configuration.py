from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restd.errors import InvalidParameter
from restd.image.configuration import build_image, diff_ids, parse_config, parse_history, parse_json
from tests.unit.restd.image.building import configuration, small_layer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = ["User", "Env", "Cmd", "Entrypoint", "Labels", "ExposedPorts", "Volumes", "Healthcheck", "OnBuild", "Shell"]


def test_what_containers_start_with_is_read() -> None:
    config = parse_config(
        {
            "User": "1:2",
            "Env": ["A=b"],
            "Cmd": [],
            "Labels": {"a": "b"},
            "ExposedPorts": {"80/tcp": {}},
            "Volumes": {"/v": {}},
            "Healthcheck": {"Test": ["NONE"]},
            "ArgsEscaped": True,
        }
    )
    assert (config.user, config.env, config.cmd, config.entrypoint) == ("1:2", ("A=b",), (), None)
    assert (config.exposed_ports, config.volumes, config.args_escaped) == (("80/tcp",), ("/v",), True)


def test_an_image_is_put_together_from_its_configuration() -> None:
    raw = json.loads(configuration([small_layer()], author="me", variant="v8", docker_version="27"))
    image = build_image("sha256:x", "sha256:y", raw, (), size=5)
    assert (image.author, image.variant, image.docker_version, image.size) == ("me", "v8", "27", 5)
    assert image.created % 10**9 == 1
    assert [step.created_by for step in parse_history(raw)] == ["step 0"]
    assert build_image("i", "m", {"history": [{}, {"comment": "last"}]}, (), size=0).comment == "last"


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), JSON))
def test_a_configuration_is_read_or_refused_whatever_types_it_has(value: dict[str, Any]) -> None:
    try:
        parse_config(value)
    except InvalidParameter as error:
        assert str(error).startswith("invalid image configuration: ")


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from(["created", "history", "rootfs", "config", "os", "author"]), JSON))
def test_an_image_is_built_or_refused_whatever_its_configuration(raw: dict[str, Any]) -> None:
    for function in (
        lambda: build_image("i", "m", raw, (), size=0),
        lambda: diff_ids(raw),
        lambda: parse_history(raw),
    ):
        try:
            function()
        except InvalidParameter as error:
            assert str(error).startswith("invalid image ")


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"a":' * 100_000])
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidParameter, match="invalid thing: not"):
        parse_json(data, "thing")


def test_more_layers_than_can_be_mounted_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="more than 127 layers"):
        diff_ids({"rootfs": {"diff_ids": ["sha256:" + "a" * 64] * 128}})
