"""The body of `POST /containers/create`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from marshmallow import Schema

from restd.api.schemas.fields import AnyObject, DockerField, ListOf, MapOf, ObjectOf, Text, Whole
from restd.api.schemas.objects import DockerObject, Limits, load, schema_of
from restd.api.versions import Version
from restd.errors import InvalidParameter
from restd.model.container import (
    BindOptions,
    Config,
    CreateRequest,
    Endpoint,
    HostConfig,
    Mount,
    PortBinding,
    RestartPolicy,
    ThrottleDevice,
    TmpfsOptions,
    Ulimit,
    WeightDevice,
)
from restd.model.health import Healthcheck

PORT = r"\d{1,5}(-\d{1,5})?(/(tcp|udp|sctp|TCP|UDP|SCTP))?"
_NOT_A_PORT = "is not a port, such as 80/tcp"
_UINT16, _UINT32, _UINT64, _INT32 = (1 << 16) - 1, (1 << 32) - 1, (1 << 64) - 1, (1 << 31) - 1


def _limits() -> Limits:
    def words(one: bool = False) -> DockerField[Any]:
        return ListOf(Text(), one=one)

    return {
        Config: {
            "cmd": words(one=True),
            "entrypoint": words(one=True),
            "shell": words(one=True),
            "exposed_ports": MapOf(AnyObject(), keys=PORT, says=_NOT_A_PORT),
            "volumes": MapOf(AnyObject()),
            "stop_timeout": Whole(-1, _INT32),
        },
        Healthcheck: {"retries": Whole(-_INT32, _INT32)},
        HostConfig: {
            "port_bindings": MapOf(
                ListOf(ObjectOf(schema_of(PortBinding, {})())), keys=PORT, says=_NOT_A_PORT, nulls=True
            ),
            "console_size": ListOf(Whole(0, _UINT32), length=2),
            "oom_score_adj": Whole(-1000, 1000),
            "shm_size": Whole(0),
            "cpu_shares": Whole(0),
            "memory": Whole(0),
            "nano_cpus": Whole(0),
            "cpu_period": Whole(0),
            "cpu_quota": Whole(-1),
            "cpu_realtime_period": Whole(0),
            "cpu_realtime_runtime": Whole(0),
            "memory_reservation": Whole(0),
            "memory_swap": Whole(-1),
            "memory_swappiness": Whole(-1, 100),
            "kernel_memory": Whole(0),
            "kernel_memory_tcp": Whole(0),
            "blkio_weight": Whole(0, _UINT16),
            "cpu_count": Whole(0),
            "cpu_percent": Whole(0),
            "io_maximum_iops": Whole(0, _UINT64),
            "io_maximum_bandwidth": Whole(0, _UINT64),
        },
        RestartPolicy: {"maximum_retry_count": Whole(0, _INT32)},
        Ulimit: {"soft": Whole(-1), "hard": Whole(-1)},
        WeightDevice: {"weight": Whole(0, _UINT16)},
        ThrottleDevice: {"rate": Whole(0, _UINT64)},
        TmpfsOptions: {"size_bytes": Whole(0), "mode": Whole(0, _UINT32)},
        BindOptions: {},
    }


@dataclass(frozen=True, slots=True)
class _Networking:
    endpoints_config: dict[str, Endpoint | None] = field(default_factory=dict)


@cache
def create_schema() -> Schema:
    """The schema of the create body, whose load makes a CreateRequest without name and platform."""
    limits = _limits()
    endpoint = ObjectOf(schema_of(Endpoint, limits)())
    networking = schema_of(_Networking, {_Networking: {"endpoints_config": MapOf(endpoint, nulls=True)}})
    more: dict[str, DockerField[Any]] = {
        "host_config": ObjectOf(schema_of(HostConfig, limits)(), data_key="HostConfig"),
        "networking_config": ObjectOf(networking(), data_key="NetworkingConfig"),
    }
    schema: type[DockerObject] = schema_of(Config, limits, more)
    schema.model = staticmethod(_request)
    return schema()


@cache
def config_schema() -> Schema:
    """The schema of a Config by itself: the body of a commit."""
    return schema_of(Config, _limits())()


def read_config(body: dict[str, Any]) -> Config | None:
    """A Config; None for an empty body. InvalidParameter names what is wrong."""
    if not body:
        return None
    config: Config = load(config_schema(), body)
    return config


def _request(
    host_config: HostConfig | None = None, networking_config: _Networking | None = None, **config: Any
) -> CreateRequest:
    endpoints = networking_config.endpoints_config if networking_config else {}
    return CreateRequest(
        Config(**config),
        host_config or HostConfig(),
        {name: endpoint or Endpoint() for name, endpoint in endpoints.items()},
    )


def _without_subpaths(mounts: tuple[Mount, ...] | None) -> tuple[Mount, ...] | None:
    return mounts and tuple(
        replace(mount, volume_options=replace(mount.volume_options, subpath="")) if mount.volume_options else mount
        for mount in mounts
    )


def read_create(body: dict[str, Any], name: str, platform: str, version: Version) -> CreateRequest:
    """The request for a new container, with what older API versions understood differently."""
    if not body:
        raise InvalidParameter("config cannot be empty in order to create a container")
    request: CreateRequest = load(create_schema(), body)
    host = request.host_config
    if version < (1, 25):
        host = replace(host, auto_remove=False)
    if version < (1, 42):
        host = replace(host, console_size=(0, 0))
    if version < (1, 43):
        host = replace(host, annotations=None)
    if version < (1, 45):
        host = replace(host, mounts=_without_subpaths(host.mounts))
    config, probe = request.config, request.config.healthcheck
    if version < (1, 44) and probe is not None:
        config = replace(config, healthcheck=replace(probe, start_interval=0))
    if version < (1, 44) and len(request.endpoints) > 1:
        names = ", ".join(sorted(request.endpoints))
        raise InvalidParameter(f"Container cannot be connected to network endpoints: {names}")
    return replace(request, config=config, host_config=host, name=name, platform=platform if version >= (1, 41) else "")
