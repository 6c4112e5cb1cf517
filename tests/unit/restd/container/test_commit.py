from __future__ import annotations

from restd.container.commit import image_config
from restd.model.container import Config
from tests.unit.restd.container.sample import container

OWN = Config(
    hostname="box",
    tty=True,
    env=("A=1", "B=2"),
    cmd=("sh",),
    labels={"own": "1"},
    volumes={"/v": {}},
    user="me",
)


def test_an_image_gets_what_it_has_a_place_for() -> None:
    found = image_config(container(config=OWN), None)
    assert found == {
        "Env": ["A=1", "B=2"],
        "Cmd": ["sh"],
        "Labels": {"own": "1"},
        "Volumes": {"/v": {}},
        "User": "me",
    }


def test_what_the_client_gives_counts_more() -> None:
    given = {"Env": ["B=3", "C=4"], "Cmd": ["cat"], "Labels": {"new": "2"}, "User": "", "Hostname": "x"}
    found = image_config(container(config=OWN), given)
    assert found["Env"] == ["B=3", "C=4", "A=1"]
    assert found["Cmd"] == ["cat"]
    assert found["Labels"] == {"own": "1", "new": "2"}
    assert found["User"] == "me"
    assert "Hostname" not in found
