from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.api.call import Call, Outcome, Reply
from restd.api.table import Route, Table


async def handler(_: Call) -> Outcome:
    return Reply()


def make(method: str, path: str, slashes: bool = False) -> Route:
    return Route(method, path, handler, "", slashes=slashes)


TABLE = Table(
    [
        make("GET", "/containers/json"),
        make("GET", "/containers/{name}/json"),
        make("DELETE", "/containers/{name}"),
        make("GET", "/images/json"),
        make("GET", "/images/get"),
        make("GET", "/images/{name}/json", slashes=True),
        make("GET", "/images/{name}/get", slashes=True),
        make("DELETE", "/images/{name}", slashes=True),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "route", "name"),
    [
        ("GET", "/containers/json", "/containers/json", ""),
        ("GET", "/v1.40/containers/json", "/containers/json", ""),
        ("GET", "/containers/json/", "/containers/json", ""),
        ("GET", "/containers/abc/json", "/containers/{name}/json", "abc"),
        ("GET", "/containers/%2Fabc/json", "/containers/{name}/json", "/abc"),
        ("GET", "/containers//abc/json", "/containers/{name}/json", "abc"),
        ("DELETE", "/containers/abc", "/containers/{name}", "abc"),
        ("GET", "/images/a/b/c:1/json", "/images/{name}/json", "a/b/c:1"),
        ("GET", "/images/a%2Fb%3A1/json", "/images/{name}/json", "a/b:1"),
        ("GET", "/images/a@sha256:12/get", "/images/{name}/get", "a@sha256:12"),
        ("GET", "/images/json/json", "/images/{name}/json", "json"),
        ("GET", "/images/get", "/images/get", ""),
        ("DELETE", "/images/host:5000/a/b:c", "/images/{name}", "host:5000/a/b:c"),
    ],
)
def test_paths_find_their_route(method: str, path: str, route: str, name: str) -> None:
    match = TABLE.find(method, path)
    assert match is not None
    assert (match.route.path, match.name) == (route, name)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/containers/json"),
        ("GET", "/containers/a/b/json"),
        ("GET", "/containers"),
        ("GET", "/containers/"),
        ("DELETE", "/containers/"),
        ("GET", "/containers//json"),
        ("GET", "/"),
        ("GET", ""),
        ("GET", "*"),
        ("PUT", "/images/json"),
        ("GET", "/v1.40"),
    ],
)
def test_unknown_paths_and_methods_find_nothing(method: str, path: str) -> None:
    match = TABLE.find(method, path)
    assert match is None


@given(st.sampled_from(["GET", "POST", "DELETE", "x"]), st.text(alphabet="/abcv1.%2F0jsonget:@", max_size=30))
def test_any_path_can_be_looked_up(method: str, path: str) -> None:
    match = TABLE.find(method, path)
    assert match is None or match.route.method == method
