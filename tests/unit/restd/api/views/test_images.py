from __future__ import annotations

from restd.api.views.images import config_view, history_view, inspect_view, item_view, removal_view
from restd.model.image import Deleted, GraphDriver, HistoryRow, Image, ImageConfig, Untagged

IMAGE = Image(
    id="sha256:" + "a" * 64,
    manifest_digest="sha256:" + "b" * 64,
    layers=(),
    config=ImageConfig(env=("A=1",), cmd=("sh",), exposed_ports=("80/tcp",), labels={"k": "v"}),
    raw={},
    repo_tags=("busybox:latest",),
    created=1_700_000_000_000_000_000,
    size=5,
    architecture="amd64",
    os="linux",
)
DRIVER = GraphDriver("overlay2", {})


def test_since_1_50_the_config_is_what_the_image_has() -> None:
    assert config_view(IMAGE.config, (1, 50)) == {
        "Env": ["A=1"],
        "Cmd": ["sh"],
        "ExposedPorts": {"80/tcp": {}},
        "Labels": {"k": "v"},
    }


def test_before_that_it_has_the_shape_of_a_containers() -> None:
    view = config_view(IMAGE.config, (1, 49))
    assert (view["Hostname"], view["Tty"], view["Entrypoint"], view["Volumes"]) == ("", False, None, None)
    assert view["Cmd"] == ["sh"]


def test_lists_in_inspect_are_never_null() -> None:
    view = inspect_view(IMAGE, DRIVER, (1, 50))
    assert (view["RepoDigests"], view["RootFS"]["Layers"]) == ([], [])
    assert view["GraphDriver"] == {"Data": None, "Name": "overlay2"}
    assert "VirtualSize" not in view and "Variant" not in view


def test_old_versions_have_virtual_size_and_container_config() -> None:
    assert inspect_view(IMAGE, DRIVER, (1, 43))["VirtualSize"] == 5
    assert isinstance(inspect_view(IMAGE, DRIVER, (1, 44))["ContainerConfig"], dict)
    assert item_view(IMAGE, (1, 43))["VirtualSize"] == 5


def test_an_untagged_image_is_none_in_old_lists() -> None:
    untagged = Image(IMAGE.id, "", (), ImageConfig(), {})
    assert item_view(untagged, (1, 42))["RepoTags"] == ["<none>:<none>"]
    assert item_view(untagged, (1, 42))["RepoDigests"] == ["<none>@<none>"]
    assert item_view(untagged, (1, 43))["RepoTags"] == []


def test_history_and_removal_are_shown_in_order() -> None:
    row = history_view(HistoryRow("<missing>", 2 * 10**9, "RUN x", (), 3, ""))
    assert (row["Id"], row["Created"], row["Tags"]) == ("<missing>", 2, None)
    assert removal_view([Untagged("a:b"), Deleted("sha256:c")]) == [{"Untagged": "a:b"}, {"Deleted": "sha256:c"}]
