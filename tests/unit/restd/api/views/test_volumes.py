from restd.api.views.volumes import usage_view, volume_view
from restd.model.volume import Volume, VolumeUsage

VOLUME = Volume("vol", "/d/volumes/vol/_data", 1_700_000_000_123_456_789, {"a": "b"})


def test_a_volume_as_docker_shows_it() -> None:
    assert volume_view(VOLUME) == {
        "CreatedAt": "2023-11-14T22:13:20Z", "Driver": "local", "Labels": {"a": "b"},
        "Mountpoint": "/d/volumes/vol/_data", "Name": "vol", "Options": None, "Scope": "local",
    }  # fmt: skip


def test_what_a_volume_takes_is_shown_beside_it() -> None:
    assert usage_view(VolumeUsage(VOLUME, 7, 2))["UsageData"] == {"Size": 7, "RefCount": 2}
