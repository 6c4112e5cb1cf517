from typing import Any

import pytest

from restd.container.refused import check_honoured
from restd.errors import NotImplementedYet
from restd.model.container import (
    Config,
    CreateRequest,
    DeviceRequest,
    Endpoint,
    HostConfig,
    IPAMConfig,
    LogConfig,
    Mount,
    RestartPolicy,
    ThrottleDevice,
)
from restd.model.health import Healthcheck

ASKS: list[tuple[dict[str, Any], str]] = [
    ({"userns_mode": "private"}, "HostConfig.UsernsMode"),
    ({"blkio_weight": 10}, "HostConfig.BlkioWeight"),
    ({"blkio_device_read_bps": (ThrottleDevice("/dev/sda", 1),)}, "HostConfig.BlkioDeviceReadBps"),
    ({"cpu_realtime_period": 1}, "HostConfig.CpuRealtimePeriod"),
    ({"cpuset_mems": "0"}, "HostConfig.CpusetMems"),
    ({"memory_reservation": 1}, "HostConfig.MemoryReservation"),
    ({"memory_swappiness": 10}, "HostConfig.MemorySwappiness"),
    ({"memory_swappiness": 0}, "HostConfig.MemorySwappiness"),
    ({"oom_kill_disable": True}, "HostConfig.OomKillDisable"),
    ({"device_requests": (DeviceRequest(),)}, "HostConfig.DeviceRequests"),
    ({"storage_opt": {"size": "1G"}}, "HostConfig.StorageOpt"),
    ({"annotations": {"a": "b"}}, "HostConfig.Annotations"),
    ({"cgroup_parent": "/x"}, "HostConfig.CgroupParent"),
    ({"cgroupns_mode": "host"}, "HostConfig.CgroupnsMode"),
    ({"log_config": LogConfig("syslog")}, "HostConfig.LogConfig.Type"),
    ({"mounts": (Mount("image", "box", "/data"),)}, "HostConfig.Mounts of type image"),
]


@pytest.mark.parametrize(("changes", "named"), ASKS, ids=[row[1] for row in ASKS])
def test_what_is_not_carried_out_is_refused_by_name(changes: dict[str, Any], named: str) -> None:
    request = CreateRequest(Config(image="x"), HostConfig(**changes))
    with pytest.raises(NotImplementedYet) as caught:
        check_honoured(request, 2)
    assert named in str(caught.value)
    assert str(caught.value).endswith("is not supported yet")


def test_the_zero_values_that_clients_send_pass() -> None:
    """What docker-py, the docker CLI and the SDKs send when nothing was asked."""
    host_config = HostConfig(
        binds=(),
        network_mode="default",
        restart_policy=RestartPolicy("", 0),
        memory_swappiness=-1,
        oom_kill_disable=False,
        blkio_weight_device=(),
        devices=(),
        device_requests=(),
        volumes_from=(),
        links=(),
        mounts=(),
        isolation="default",
        userns_mode="host",
        volume_driver="local",
        cgroupns_mode="private",
        log_config=LogConfig("", {}),
        storage_opt={},
        annotations={},
    )
    request = CreateRequest(
        Config(healthcheck=Healthcheck(("CMD", "true"), interval=1), volumes={}),
        host_config,
        endpoints={"default": Endpoint(ipam_config=IPAMConfig())},
    )
    check_honoured(request, 2)


def test_a_volume_entry_that_repeats_a_bind_target_passes() -> None:
    """docker-py puts bind targets into `Volumes` as well."""
    check_honoured(CreateRequest(Config(volumes={"/dst": {}}), HostConfig(binds=("/src:/dst:ro",))), 2)


def test_the_cgroup_namespace_that_is_the_default_here_passes() -> None:
    check_honoured(CreateRequest(Config(), HostConfig(cgroupns_mode="host")), 1)


def test_a_default_request_asks_for_nothing() -> None:
    check_honoured(CreateRequest(Config(image="x")), 1)
