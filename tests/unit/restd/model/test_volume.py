from restd.model.docker_json import from_docker, to_docker
from restd.model.volume import MountPoint, Volume


def test_the_label_tells_an_anonymous_volume() -> None:
    assert Volume("x", "/d", 1, {"com.docker.volume.anonymous": ""}).anonymous
    assert not Volume("x", "/d", 1, {"a": "b"}).anonymous and not Volume("x", "/d", 1).anonymous


def test_a_mount_point_survives_the_way_to_json_and_back() -> None:
    for point in (
        MountPoint("volume", "/v", "/d", name="vol", mode="z", named=True, copy=True, subpath="a"),
        MountPoint("bind", "/b", "/a", read_only=True, propagation="rslave", make_source=True),
        MountPoint("tmpfs", "/t", options=("noexec", "size=1m")),
    ):
        assert from_docker(MountPoint, to_docker(point)) == point
