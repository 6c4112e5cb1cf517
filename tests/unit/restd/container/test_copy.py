import pytest

from restd.container.copy import base_name


@pytest.mark.parametrize(
    ("path", "base"),
    [("/etc", "etc"), ("/etc/", "etc"), ("/etc/.", "."), (".", "."), ("/", "/"), ("a/b", "b"), ("/a/../b", "b")],
)
def test_what_the_names_in_an_archive_begin_with(path: str, base: str) -> None:
    assert base_name(path) == base
