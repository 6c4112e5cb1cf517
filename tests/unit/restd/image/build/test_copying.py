from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.errors import InvalidParameter
from restd.image.build.copying import Copy, Inline, owner_ids, placed, read_copy, shown_sources
from restd.image.build.dockerfile import Instruction, parse
from restd.image.instructions import Variables


def copy_of(text: str, working_dir: str = "/app", **variables: str) -> Copy:
    one = parse(b"FROM x\n" + text.encode() + b"\n").stages[0].instructions[0]
    return read_copy(one, Variables(variables), working_dir)


@pytest.mark.parametrize(
    ("text", "sources", "target", "folder"),
    [
        ("COPY a b", ("a",), "/app/b", False),
        ("COPY a /b", ("a",), "/b", False),
        ("COPY a b/ c/", ("a", "b/"), "/app/c", True),
        ('COPY ["a b", "/c d/"]', ("a b",), "/c d", True),
        ("COPY $X-1 ${Y}/", ("v-1",), "/app/w", True),
        ("COPY a .", ("a",), "/app", True),
        ("COPY a /", ("a",), "/", True),
        ("ADD a ../b", ("a",), "/b", False),
    ],
)
def test_sources_and_target(text: str, sources: tuple[str, ...], target: str, folder: bool) -> None:
    found = copy_of(text, X="v", Y="w")
    assert (found.sources, found.target, found.folder) == (sources, target, folder)


def test_flags_and_heredocs() -> None:
    found = copy_of("COPY --chown=$U:g --chmod=755 <<A <<'B' /d/\n$U\nA\n$U\nB", U="me")
    assert (found.owner, found.mode) == ("me:g", 0o755)
    assert found.inline == (Inline("A", "me\n"), Inline("B", "$U\n"))
    assert copy_of("COPY --from=one /a /b").origin == "one"
    assert copy_of("ADD https://x.example/a /b").urls == ("https://x.example/a",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("COPY a", "requires at least two arguments"),
        ("COPY a b c", "the destination must be a directory and end with a /"),
        ("COPY --chmod=9 a b", "invalid chmod parameter"),
        ("COPY --parents a b", "--parents is not supported"),
        ("ADD --checksum=x a b", "--checksum is not supported"),
    ],
)
def test_what_it_may_not_say(text: str, words: str) -> None:
    with pytest.raises(InvalidParameter, match=f"line 2: .*{words}"):
        copy_of(text)


def test_where_a_source_goes() -> None:
    plain, folder = copy_of("COPY a /b"), copy_of("COPY a /b/")
    assert placed(plain, "d/a", is_folder=False, folder_there=False) == ("/", "b")
    assert placed(plain, "d/a", is_folder=False, folder_there=True) == ("/b", "a")
    assert placed(folder, "d/a", is_folder=False, folder_there=False) == ("/b", "a")
    assert placed(plain, "d", is_folder=True, folder_there=False) == ("/b", "")


def test_owners_are_numbers_or_looked_up() -> None:
    def resolve(owner: str) -> tuple[int, int]:
        assert owner in ("me", "me:2", "1:us")
        return 7, 8

    assert owner_ids("", resolve) == (0, 0)
    assert owner_ids("5", resolve) == (5, 5)
    assert owner_ids("5:6", resolve) == (5, 6)
    for owner in ("me", "me:2", "1:us"):
        assert owner_ids(owner, resolve) == (7, 8)


def test_sources_in_the_history() -> None:
    one = copy_of("COPY a b")
    assert shown_sources(one, "d", ["a"]) == "file:d"
    assert shown_sources(one, "d", ["a", "b"]) == "multi:d"


@given(st.text(max_size=60))
def test_any_rest_is_a_copy_or_a_clear_error(rest: str) -> None:
    try:
        found = read_copy(Instruction("COPY", rest, 2), Variables({}), "/")
    except InvalidParameter:
        return
    assert found.target.startswith("/")
