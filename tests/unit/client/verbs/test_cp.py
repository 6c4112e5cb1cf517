"""How words are understood; copying itself is in tests/clients/test_isula_rest.py."""

from __future__ import annotations

import pytest

from client.verbs.cp import split
from tests.unit.client.fake_engine import FakeEngine


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("web:/etc", ("web", "/etc")),
        ("web:", ("web", "/")),
        ("/a:b", ("", "/a:b")),
        ("./a:b", ("", "./a:b")),
        ("plain", ("", "plain")),
        ("-", ("", "-")),
        (":x", ("", ":x")),
    ],
)
def test_a_side_is_a_containers_or_local(text: str, expected: tuple[str, str]) -> None:
    assert split(text) == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [(("a", "b"), "one side must be CONTAINER:PATH"), (("a:x", "b:y"), "between containers is not supported")],
)
def test_exactly_one_side_is_a_containers(
    words: tuple[str, str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with FakeEngine({}) as fake:
        assert fake.run("cp", *words) == 1
    assert message in capfd.readouterr().err


def test_a_folder_that_is_not_there_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({}) as fake:
        assert fake.run("cp", "web:/x", "/no/such/place/") == 1
    assert "no such directory: /no/such/place/" in capfd.readouterr().err
