import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.errors import InvalidParameter
from restd.oci.users import HIGHEST_ID, Identity, resolve

PASSWD = """# a remark
root:x:0:0:root:/root:/bin/sh
bob:x:100:200:Bob:/home/bob:/bin/sh
broken
7:x:8:9::/seven:/bin/sh
"""
GROUP = """root:x:0:root
wheel:x:10:root,bob
bob:x:200:
extra:x:300:bob,alice
"""


def of(user: str, *extra: str) -> Identity:
    return resolve(user, extra, PASSWD, GROUP)


def test_nobody_named_is_root_with_roots_groups() -> None:
    assert of("") == Identity(0, 0, (0, 10), "/root")


def test_a_name_gives_its_group_and_all_groups_that_list_it() -> None:
    assert of("bob") == Identity(100, 200, (200, 10, 300), "/home/bob")


def test_a_number_in_the_file_is_the_same_as_its_name() -> None:
    assert of("100") == of("bob")


def test_a_group_that_is_given_is_the_only_one() -> None:
    assert of("bob:extra") == Identity(100, 300, (300,), "/home/bob")
    assert of("bob:4711").groups == (4711,)


def test_a_number_need_not_be_in_the_file() -> None:
    assert of("4711") == Identity(4711, 0, (0,), "/")


def test_without_files_root_is_still_root() -> None:
    assert resolve("", (), "", "") == Identity()


def test_added_groups_are_names_or_numbers_without_repeats() -> None:
    assert of("bob", "extra", "5", "wheel").groups == (200, 10, 300, 5)


def test_a_name_that_is_a_number_wins_over_the_number() -> None:
    assert of("7").uid == 8


@pytest.mark.parametrize(
    ("user", "groups", "message"),
    [
        ("nobody", (), "unable to find user nobody: no matching entries in passwd file"),
        ("bob:nogroup", (), "unable to find group nogroup: no matching entries in group file"),
        ("", ("nogroup",), "unable to find group nogroup: no matching entries in group file"),
        (str(HIGHEST_ID + 1), (), "uids and gids must be in range 0-2147483647"),
        ("9" * 30, (), "uids and gids must be in range"),
        ("-1", (), "unable to find user -1"),
        ("²", (), "unable to find user"),
    ],
)
def test_who_is_not_there_is_refused_in_dockers_words(user: str, groups: tuple[str, ...], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        of(user, *groups)


@given(st.text(), st.text(), st.text())
def test_any_files_and_any_name_give_an_identity_or_a_refusal(user: str, passwd: str, group: str) -> None:
    try:
        identity = resolve(user, (), passwd, group)
    except InvalidParameter:
        return
    assert 0 <= identity.uid <= HIGHEST_ID
    assert identity.groups[0] == identity.gid


def test_digits_that_are_no_numbers_are_passed_over() -> None:
    assert resolve("me", (), "me:x:²:³::/:\nme:x:7:8::/:\n", "g:x:²:me\n").uid == 7
