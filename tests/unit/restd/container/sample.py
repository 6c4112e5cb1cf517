"""A container for tests, with what a test wants different."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from restd.lib.host import Cgroups, Host
from restd.model.container import Config, Container, HostConfig, State, Status
from restd.model.image import Image, ImageConfig, ImageLayer

ID = "ab" * 32
HOST = Host(
    hostname="box",
    kernel="6.1.0",
    cpus=4,
    cpu_set=frozenset(range(4)),
    memory=8 << 30,
    cgroups=Cgroups(
        version=2,
        memory_limit=True,
        swap_limit=True,
        cpu_quota=True,
        cpu_shares=True,
        cpuset=True,
        pids_limit=True,
    ),
)


def container(status: Status = Status.CREATED, **changes: Any) -> Container:
    """`busybox sleep 10` called `box`."""
    made = Container(
        id=ID,
        name="box",
        created=1,
        image="sha256:" + "1" * 64,
        path="sleep",
        args=("10",),
        config=Config(image="busybox", cmd=("sleep", "10")),
        host_config=HostConfig(network_mode="none", ipc_mode="private", runtime="runc"),
        runtime="runc",
        directory=f"/nonexistent/engines/runc/{ID}",
        run_directory=f"/nonexistent/run/runc/{ID}",
        state=State(status=status, pid=0 if status in (Status.CREATED, Status.EXITED) else 7),
    )
    return replace(made, **changes)


def image(config: ImageConfig | None = None, **changes: Any) -> Image:
    """An image of one layer."""
    layer = ImageLayer("sha256:" + "2" * 64, 10, "", "sha256:" + "3" * 64, "sha256:" + "3" * 64)
    made = Image(
        id="sha256:" + "1" * 64,
        manifest_digest="",
        layers=(layer,),
        config=config or ImageConfig(cmd=("sh",), env=("PATH=/bin",)),
        raw={},
        repo_tags=("busybox:latest",),
        architecture="amd64",
        os="linux",
    )
    return replace(made, **changes)
