from __future__ import annotations

import pytest

from client import paths
from client.errors import ClientError


def test_names_stay_in_their_place() -> None:
    assert paths.container("web", "/stop") == "/containers/web/stop"
    assert paths.container("/web") == "/containers/web"
    assert paths.container("a/b?c") == "/containers/a%2Fb%3Fc"
    assert paths.image("reg:5000/a/b:1@sha256:0") == "/images/reg:5000/a/b:1@sha256:0"


@pytest.mark.parametrize("name", ["", "/", "..", "/."])
def test_a_name_of_nothing_or_of_dots_is_refused(name: str) -> None:
    with pytest.raises(ClientError, match="invalid container name"):
        paths.container(name)
    with pytest.raises(ClientError, match="invalid image name"):
        paths.image(name)


def test_an_image_name_does_not_climb_to_another_resource() -> None:
    with pytest.raises(ClientError, match="invalid image name"):
        paths.image("../containers/web")
