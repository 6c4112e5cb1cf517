from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.errors import InvalidParameter
from restd.image.references import Reference, is_tag, matches, parse_reference

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "full", "familiar"),
    [
        ("busybox", "docker.io/library/busybox", "busybox"),
        ("busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"),
        ("library/busybox", "docker.io/library/busybox", "busybox"),
        ("me/app", "docker.io/me/app", "me/app"),
        ("docker.io/busybox", "docker.io/library/busybox", "busybox"),
        ("index.docker.io/me/app:x", "docker.io/me/app:x", "me/app:x"),
        ("localhost/app", "localhost/app", "localhost/app"),
        ("localhost:5000/a/b/c:T-1", "localhost:5000/a/b/c:T-1", "localhost:5000/a/b/c:T-1"),
        ("quay.io/a__b/c-d.e", "quay.io/a__b/c-d.e", "quay.io/a__b/c-d.e"),
        ("[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x"),
        ("UPPER/app", "UPPER/app", "UPPER/app"),
        (f"x@sha256:{HEX}", f"docker.io/library/x@sha256:{HEX}", f"x@sha256:{HEX}"),
        (f"x:1@sha256:{HEX}", f"docker.io/library/x:1@sha256:{HEX}", f"x:1@sha256:{HEX}"),
    ],
)
def test_a_reference_has_a_full_and_a_familiar_form(text: str, full: str, familiar: str) -> None:
    reference = parse_reference(text)
    assert (str(reference), reference.familiar) == (full, familiar)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "invalid reference format"),
        (":", "invalid reference format"),
        ("a:", "invalid reference format"),
        ("-a", "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("a b", "invalid reference format"),
        ("a/../b", "invalid reference format"),
        ("../../etc/passwd", "invalid reference format"),
        ("a\n", "invalid reference format"),
        ("a:" + "t" * 129, "invalid reference format"),
        ("Busybox", "invalid reference format: repository name (library/Busybox) must be lowercase"),
        ("x@sha256:abcd", "invalid reference format"),
        ("x@sha256:" + "a" * 40, "invalid checksum digest length"),
        ("x@md5:" + "a" * 32, "unsupported digest algorithm"),
        (HEX, f"invalid repository name ({HEX}), cannot specify 64-byte hexadecimal strings"),
        ("a" * 256, "repository name must not be more than 255 characters"),
        ("a" * 5000, "invalid reference format"),
    ],
)
def test_a_malformed_reference_is_refused_in_dockers_words(text: str, message: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        parse_reference(text)
    assert str(caught.value) == message


def test_a_bare_name_means_latest_and_a_digest_does_not() -> None:
    assert parse_reference("a").with_default_tag().familiar == "a:latest"
    assert parse_reference(f"a@sha256:{HEX}").with_default_tag().tag is None


@given(st.text(max_size=60) | st.from_regex(r"\A[a-z0-9./:@-]{1,60}\Z"))
def test_whatever_parses_parses_again_to_itself_from_both_forms(text: str) -> None:
    try:
        reference = parse_reference(text)
    except InvalidParameter:
        return
    assert parse_reference(str(reference)) == reference
    assert parse_reference(reference.familiar) == reference


@pytest.mark.parametrize(
    ("glob", "fits"),
    [
        ("busybox", True),
        ("busybox:*", True),
        ("busy*", True),
        ("*:1.36", True),
        ("b?sybox:1.3[0-9]", True),
        ("b[^a]sybox", True),
        ("b[^u]sybox", False),
        ("alpine", False),
        ("*/busybox", False),
        ("busybox:latest", False),
        ("\\busybox", True),
    ],
)
def test_list_filter_globs_match_the_familiar_form(glob: str, fits: bool) -> None:
    assert matches(glob, parse_reference("busybox:1.36")) is fits


def test_a_star_stops_at_a_slash() -> None:
    reference = Reference("docker.io", "me/app", "1")
    assert matches("*/*", reference)
    assert not matches("*", reference)


@pytest.mark.parametrize("glob", ["[", "a[b", "[]", "a\\", "[z-a]"])
def test_a_malformed_glob_is_refused(glob: str) -> None:
    with pytest.raises(InvalidParameter, match="syntax error in pattern"):
        matches(glob, parse_reference("a"))


@given(st.text(max_size=40))
def test_any_glob_is_matched_or_refused(glob: str) -> None:
    try:
        matches(glob, parse_reference("me/app:1"))
    except InvalidParameter as error:
        assert str(error) == "syntax error in pattern"


@given(st.text(max_size=10))
def test_a_tag_is_what_a_reference_takes_behind_its_colon(text: str) -> None:
    try:
        parsed = parse_reference(f"a:{text}").tag == text
    except InvalidParameter:
        parsed = False
    assert is_tag(text) == parsed


@pytest.mark.parametrize(
    ("glob", "fits"),
    [
        ("a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", False),
        ("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*", True),
        ("*a?a*[a-b]*/*d*", False),
        ("a*/*a*a*c", True),
        ("a*c", False),
        ("*", False),
        ("*/*", True),
        ("*a/a*a[^b]c", True),
    ],
)
def test_stars_take_no_long_time(glob: str, fits: bool) -> None:
    name = "a" * 60 + "/" + "a" * 60 + "c"
    if "/" not in glob and fits:
        name = "a" * 120
    assert matches(glob, parse_reference(name)) is fits


@given(st.text("ab*?/", max_size=8), st.text("ab/", min_size=1, max_size=8).filter(lambda text: parsed(text)))
def test_stars_match_as_if_they_were_tried_one_by_one(glob: str, name: str) -> None:
    def fits(glob: str, text: str) -> bool:
        if not glob:
            return not text
        if glob[0] == "*":
            return fits(glob[1:], text) or (text[:1] not in ("", "/") and fits(glob, text[1:]))
        return (
            text[:1] not in ("", "/" if glob[0] == "?" else "")
            and glob[0] in ("?", text[0])
            and fits(glob[1:], text[1:])
        )

    reference = parse_reference(name)
    assert matches(glob, reference) is (fits(glob, reference.familiar) or fits(glob, reference.familiar_name))


def parsed(text: str) -> bool:
    try:
        parse_reference(text)
    except InvalidParameter:
        return False
    return True
