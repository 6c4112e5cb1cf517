from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from restd.api.engine import Engine
from restd.api.rendered import Rendered, era
from restd.container.containers import Leftover
from restd.errors import NotFound
from restd.model.container import Config, Container, HostConfig, State, Status
from restd.model.image import Image

IMAGE_ID = "sha256:" + "a" * 64


def make(name: str = "one", **state: Any) -> Container:
    return Container(
        id=name.encode().hex().ljust(64, "0"),
        name=name,
        created=1_700_000_000_000_000_000,
        image=IMAGE_ID,
        path="sh",
        args=("-c", "echo hi"),
        config=Config(image="busybox"),
        host_config=HostConfig(network_mode="none"),
        runtime="runc",
        directory="/data",
        run_directory="/run",
        state=State(**state),
    )


class Rooms:
    """What Rendered asks of the containers and the images."""

    def __init__(self) -> None:
        self.running_execs: list[str] = []
        self.means: dict[str, str] = {"busybox": IMAGE_ID}
        self.asked = 0
        self.left: tuple[Leftover, ...] = ()

    def leftovers(self, container_id: str) -> tuple[Leftover, ...]:
        return self.left

    def execs(self, container_id: str) -> list[str]:
        return list(self.running_execs)

    def graph_driver(self, container: Container) -> dict[str, Any]:
        self.asked += 1
        return {"Name": "overlay2", "Data": None}

    def resolve(self, name: str) -> Image:
        if name not in self.means:
            raise NotFound("No such image")
        return Image(self.means[name], "", (), cast(Any, None), {})


def rendered(rooms: Rooms) -> Rendered:
    nothing, room = cast(Any, None), cast(Any, rooms)
    return Rendered(Engine(nothing, nothing, nothing, room, room, nothing, nothing))


def listed(subject: Rendered, containers: Sequence[Container]) -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], json.loads(subject.list(containers, (1, 50)).body))


def test_the_same_container_is_rendered_once() -> None:
    rooms = Rooms()
    subject, container = rendered(rooms), make()
    assert subject.inspect(container, (1, 50)) is subject.inspect(container, (1, 50))
    assert rooms.asked == 1


def test_a_changed_container_is_rendered_anew() -> None:
    rooms = Rooms()
    subject, container = rendered(rooms), make()
    subject.inspect(container, (1, 50))
    renamed = replace(container, name="two")
    assert json.loads(subject.inspect(renamed, (1, 50)).body)["Name"] == "/two"


def test_running_execs_are_seen_at_once() -> None:
    rooms = Rooms()
    subject, container = rendered(rooms), make()
    assert json.loads(subject.inspect(container, (1, 50)).body)["ExecIDs"] is None
    rooms.running_execs = ["b" * 64]
    assert json.loads(subject.inspect(container, (1, 50)).body)["ExecIDs"] == ["b" * 64]


def test_versions_of_different_eras_do_not_share_bytes() -> None:
    assert era((1, 41)) != era((1, 43)) != era((1, 44)) != era((1, 50))
    assert era((1, 24)) == era((1, 41))


def test_a_list_has_each_age_of_now() -> None:
    subject = rendered(Rooms())
    running = make("runs", status=Status.RUNNING, started_at=1)
    items = listed(subject, [running, make("new")])
    assert items[0]["Status"].startswith("Up ") and items[0]["Status"].endswith(" years")
    assert items[1]["Status"] == "Created"
    assert items == listed(subject, [running, make("new")])


def test_an_image_name_that_means_another_by_now_shows_as_its_id() -> None:
    rooms = Rooms()
    subject, container = rendered(rooms), make()
    assert listed(subject, [container])[0]["Image"] == "busybox"
    rooms.means["busybox"] = "sha256:" + "b" * 64
    assert listed(subject, [container])[0]["Image"] == IMAGE_ID
    rooms.means.clear()
    assert listed(subject, [container])[0]["Image"] == IMAGE_ID


def test_old_bytes_are_let_go() -> None:
    rooms = Rooms()
    subject = rendered(rooms)
    many = [make(f"name{number}") for number in range(300)]
    for container in many:
        subject.inspect(container, (1, 50))
    assert len(subject._inspected) < 300
    assert rooms.asked == 300
    subject.inspect(many[0], (1, 50))
    assert rooms.asked == 301


def test_an_empty_list_is_a_list() -> None:
    assert rendered(Rooms()).list([], (1, 50)).body == b"[]\n"


def test_what_a_container_left_behind_is_shown_while_it_is_there() -> None:
    rooms = Rooms()
    subject, container = rendered(rooms), make()
    assert b"Leftovers" not in subject.inspect(container, (1, 50)).body
    rooms.left = (Leftover("mounts", container.id, "busy", 1, 2, 3),)
    shown = json.loads(subject.inspect(container, (1, 50)).body)["Leftovers"]
    assert [(left["What"], left["Error"], left["Attempts"]) for left in shown] == [("mounts", "busy", 2)]
    rooms.left = ()
    assert b"Leftovers" not in subject.inspect(container, (1, 50)).body
