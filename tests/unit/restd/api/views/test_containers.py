from __future__ import annotations

from dataclasses import replace

import pytest

from restd.api.views.containers import command_text, inspect_view, item_view, mount_views, shown_images, state_view
from restd.model.container import BindOptions, Config, Container, Endpoint, HostConfig, Mount, State, Status
from restd.model.volume import MountPoint
from restd.oci.mount_points import wanted

CONTAINER = Container(
    id="c" * 64,
    name="box",
    created=1_700_000_000_123_456_789,
    image="sha256:" + "a" * 64,
    path="sh",
    args=("-c", "echo hi"),
    config=Config(image="busybox", cmd=("sh", "-c", "echo hi")),
    host_config=HostConfig(network_mode="none"),
    runtime="runc",
    directory="/data/c",
    run_directory="/run/c",
    endpoints={"none": Endpoint()},
)


def test_inspect_has_times_names_and_nulls_as_docker_has_them() -> None:
    view = inspect_view(CONTAINER, [], {"Name": "overlay2", "Data": None}, (1, 50))
    assert view["Created"] == "2023-11-14T22:13:20.123456789Z"
    assert view["Name"] == "/box"
    assert view["ExecIDs"] is None
    assert "SizeRw" not in view
    assert view["HostConfig"]["Binds"] is None and view["HostConfig"]["PortBindings"] == {}
    assert "Mounts" not in view["HostConfig"] and "Init" not in view["HostConfig"]
    assert view["Config"]["Entrypoint"] is None and view["Config"]["Labels"] == {}
    assert "StopSignal" not in view["Config"]
    assert view["NetworkSettings"]["Ports"] == {} and list(view["NetworkSettings"]["Networks"]) == ["none"]


def test_lists_that_were_given_empty_stay_empty() -> None:
    container = replace(CONTAINER, host_config=HostConfig(binds=(), cap_add=(), dns=()))
    view = inspect_view(container, ["e" * 64], {"Name": "overlay2", "Data": None}, (1, 50), (5, 10))
    assert (view["HostConfig"]["Binds"], view["HostConfig"]["CapAdd"], view["HostConfig"]["Dns"]) == ([], [], [])
    assert view["ExecIDs"] == ["e" * 64]
    assert (view["SizeRw"], view["SizeRootFs"]) == (5, 10)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.RUNNING, {"Running"}),
        (Status.PAUSED, {"Running", "Paused"}),
        (Status.RESTARTING, {"Running", "Restarting"}),
        (Status.EXITED, set()),
        (Status.DEAD, {"Dead"}),
    ],
)
def test_the_state_is_told_in_flags_too(status: Status, words: set[str]) -> None:
    view = state_view(State(status))
    assert {name for name, value in view.items() if value is True} == words
    assert view["StartedAt"] == "0001-01-01T00:00:00Z"


def test_mounts_show_binds_and_mounts_in_order_of_their_place() -> None:
    host = HostConfig(
        binds=("/src:/b:ro,rshared", "/other:/a"),
        mounts=(
            Mount("tmpfs", target="/t"),
            Mount("bind", "/m", "/c", read_only=True, bind_options=BindOptions(propagation="slave")),
        ),
        tmpfs={"/run": ""},
    )
    views = mount_views(replace(CONTAINER, mounts=tuple(one.point for one in wanted(host))))
    assert [(view["Type"], view["Destination"], view["RW"], view["Mode"], view["Propagation"]) for view in views] == [
        ("bind", "/a", True, "", "rprivate"),
        ("bind", "/b", False, "ro,rshared", "rshared"),
        ("bind", "/c", False, "", "slave"),
        ("tmpfs", "/t", True, "", ""),
    ]
    assert not any("Name" in view for view in views)


def test_a_volume_is_shown_with_its_name_and_driver() -> None:
    point = MountPoint("volume", "/v", "/data/volumes/vol/_data", name="vol", mode="z", read_only=True)
    assert mount_views(replace(CONTAINER, mounts=(point,))) == [
        {
            "Type": "volume", "Name": "vol", "Driver": "local", "Source": "/data/volumes/vol/_data",
            "Destination": "/v", "Mode": "z", "RW": False, "Propagation": "",
        }
    ]  # fmt: skip


def test_the_command_quotes_what_has_spaces() -> None:
    assert command_text("sh", ["-c", "echo hi"]) == "sh -c 'echo hi'"


def test_a_list_item_has_what_testcontainers_reads() -> None:
    view = item_view(CONTAINER, "busybox", "Created", (1, 50))
    assert view["HostConfig"] == {"NetworkMode": "none"}
    assert view["NetworkSettings"]["Networks"]["none"]["IPAddress"] == ""
    assert (view["Created"], view["Ports"]) == (1_700_000_000, [])


def test_each_image_name_is_looked_up_once() -> None:
    asked: list[str] = []

    def means(name: str) -> str:
        asked.append(name)
        return CONTAINER.image

    assert shown_images([CONTAINER] * 5, means) == ["busybox"] * 5
    assert asked == ["busybox"]


def test_a_container_in_anothers_network_has_none_of_its_own() -> None:
    container = replace(CONTAINER, host_config=HostConfig(network_mode="container:" + "d" * 64), endpoints={})
    assert item_view(container, "x", "", (1, 50))["NetworkSettings"]["Networks"] == {}
