from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restd.api.schemas.container import create_schema, read_create
from restd.errors import InvalidParameter
from restd.model.container import CreateRequest, Endpoint, HostConfig, PortBinding, Ulimit
from restd.model.docker_json import to_docker

NEWEST = (1, 50)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
KEYS = st.sampled_from(sorted(field.data_key or name for name, field in create_schema().fields.items()))


def read(body: dict[str, Any], version: tuple[int, ...] = NEWEST) -> CreateRequest:
    return read_create(body, "", "", version)


@settings(max_examples=60)
@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_body_is_a_request_or_an_invalid_parameter(body: dict[str, Any]) -> None:
    try:
        assert isinstance(read(body), CreateRequest)
    except InvalidParameter as error:
        assert str(error)


def test_the_parts_of_a_body_come_to_their_places() -> None:
    request = read_create(
        {
            "Image": "busybox",
            "Cmd": "true",
            "ExposedPorts": {"80/tcp": {}},
            "HostConfig": {
                "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}], "81/udp": None},
                "Ulimits": [{"Name": "nofile", "Soft": -1, "Hard": -1}],
                "ConsoleSize": [24, 80],
                "MaskedPaths": [],
            },
            "NetworkingConfig": {"EndpointsConfig": {"none": None}},
        },
        "box",
        "linux/amd64",
        NEWEST,
    )
    assert (request.name, request.platform, request.config.cmd) == ("box", "linux/amd64", ("true",))
    host = request.host_config
    assert host.port_bindings == {"80/tcp": (PortBinding("", "8080"),), "81/udp": None}
    assert host.ulimits == (Ulimit("nofile", -1, -1),)
    assert (host.console_size, host.masked_paths, host.binds) == ((24, 80), (), None)
    assert request.endpoints == {"none": Endpoint()}


def test_what_inspect_shows_can_be_sent_again() -> None:
    shown = to_docker(HostConfig(binds=("/a:/b",), init=True, memory=1 << 30, dns=()))
    assert read({"Image": "x", "HostConfig": shown}).host_config == HostConfig(
        binds=("/a:/b",), init=True, memory=1 << 30, dns=()
    )


def test_the_zero_values_that_clients_send_are_taken() -> None:
    zeros = Path(__file__).parents[4] / "integration" / "create_zeros.json"
    read(json.loads(zeros.read_text()) | {"Image": "busybox"})


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ({"Memory": -1}, "HostConfig.Memory"),
        ({"MemorySwap": -2}, "HostConfig.MemorySwap"),
        ({"OomScoreAdj": 1001}, "HostConfig.OomScoreAdj"),
        ({"PidsLimit": 1 << 63}, "HostConfig.PidsLimit"),
        ({"ShmSize": -1}, "HostConfig.ShmSize"),
        ({"ConsoleSize": [1]}, "HostConfig.ConsoleSize"),
        ({"PortBindings": {"http": []}}, "HostConfig.PortBindings.http"),
        ({"RestartPolicy": {"MaximumRetryCount": -1}}, "HostConfig.RestartPolicy.MaximumRetryCount"),
        ({"Ulimits": [{"Name": "nofile", "Soft": -2}]}, "HostConfig.Ulimits[0].Soft"),
        ({"BlkioDeviceReadIOps": [{"Rate": -1}]}, "HostConfig.BlkioDeviceReadIOps[0].Rate"),
        ({"Init": "yes"}, "HostConfig.Init"),
        ({"LogConfig": {"Config": {"max-size": 5}}}, "HostConfig.LogConfig.Config.max-size"),
    ],
)
def test_numbers_out_of_range_and_wrong_types_are_named(host: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        read({"Image": "busybox", "HostConfig": host})
    assert str(refused.value).startswith(says + ": ")


def test_an_empty_body_is_no_configuration() -> None:
    with pytest.raises(InvalidParameter, match="^config cannot be empty in order to create a container$"):
        read({})


def test_old_versions_mean_what_they_meant() -> None:
    body = {
        "Image": "busybox",
        "HostConfig": {"AutoRemove": True, "ConsoleSize": [1, 2], "Annotations": {"a": "b"}},
    }
    assert read(body, (1, 24)).host_config == HostConfig()
    assert read(body, (1, 41)).host_config == HostConfig(auto_remove=True)
    assert read(body, (1, 42)).host_config == HostConfig(auto_remove=True, console_size=(1, 2))
    assert read(body, (1, 43)).host_config.annotations == {"a": "b"}
    assert read_create(body, "", "linux/arm64", (1, 40)).platform == ""


def test_before_1_44_a_container_joins_one_network() -> None:
    body = {"Image": "busybox", "NetworkingConfig": {"EndpointsConfig": {"a": {}, "b": {}}}}
    assert set(read(body).endpoints) == {"a", "b"}
    with pytest.raises(InvalidParameter, match="Container cannot be connected to network endpoints: a, b"):
        read(body, (1, 43))
