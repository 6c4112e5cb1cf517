import pytest

from restd.api.schemas.volume import VolumeCreate, read_volume_create
from restd.errors import InvalidParameter, Unavailable


def test_nothing_asks_for_an_anonymous_volume() -> None:
    assert read_volume_create({}) == VolumeCreate()


def test_names_are_read_in_any_case_and_null_is_nothing() -> None:
    body = {"name": "vol", "Driver": "local", "DRIVEROPTS": {"type": "tmpfs"}, "Labels": None}
    assert read_volume_create(body) == VolumeCreate("vol", "local", {"type": "tmpfs"}, None)


def test_what_is_of_another_form_is_refused_by_name() -> None:
    with pytest.raises(InvalidParameter, match="DriverOpts"):
        read_volume_create({"DriverOpts": ["x"]})
    with pytest.raises(InvalidParameter, match=r"Labels\.a"):
        read_volume_create({"Labels": {"a": 1}})


def test_there_is_no_cluster() -> None:
    with pytest.raises(Unavailable, match="swarm"):
        read_volume_create({"Name": "vol", "ClusterVolumeSpec": {"Group": "x"}})
