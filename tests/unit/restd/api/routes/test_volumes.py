from restd.api.routes.volumes import VOLUME_FILTERS, VolumeRoutes


def test_volumes_can_be_listed_and_looked_for() -> None:
    assert {(route.method, route.path) for route in VolumeRoutes().routes()} == {
        ("GET", "/volumes"),
        ("GET", "/volumes/{name}"),
    }
    assert "dangling" in VOLUME_FILTERS
