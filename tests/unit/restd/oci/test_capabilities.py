import pytest

from restd.errors import InvalidParameter
from restd.lib.host import CAPABILITY_NAMES
from restd.oci.capabilities import DEFAULT, allowed, for_user, normalise

ALL = frozenset(CAPABILITY_NAMES)


def test_fourteen_by_default() -> None:
    granted = allowed(None, None, privileged=False, available=ALL)
    assert len(granted) == 14
    assert set(granted) == set(DEFAULT)


def test_added_and_dropped_in_any_spelling() -> None:
    granted = allowed(["sys_admin", "CAP_NET_ADMIN"], ["chown"], privileged=False, available=ALL)
    assert {"CAP_SYS_ADMIN", "CAP_NET_ADMIN"} <= set(granted)
    assert "CAP_CHOWN" not in granted


def test_all_means_all_that_the_engine_has() -> None:
    mine = ALL - {"CAP_SYS_RESOURCE"}
    assert set(allowed(["ALL"], ["MKNOD"], privileged=False, available=mine)) == mine - {"CAP_MKNOD"}
    assert set(allowed(None, None, privileged=True, available=mine)) == mine


def test_nothing_but_what_is_added_when_all_is_dropped() -> None:
    assert allowed(["KILL"], ["all"], privileged=False, available=ALL) == ("CAP_KILL",)


def test_what_the_engine_has_not_is_not_given_by_default_and_refused_by_name() -> None:
    mine = ALL - {"CAP_MKNOD", "CAP_SYS_RESOURCE"}
    assert "CAP_MKNOD" not in allowed(None, None, privileged=False, available=mine)
    with pytest.raises(InvalidParameter, match="CAP_SYS_RESOURCE"):
        allowed(["SYS_RESOURCE"], None, privileged=False, available=mine)


def test_an_unknown_name_is_refused_as_it_was_written() -> None:
    with pytest.raises(InvalidParameter, match='invalid capability: "FLY"'):
        normalise(["FLY"])


def test_only_root_starts_with_them_in_effect_and_nobody_inherits() -> None:
    root, other = for_user(("CAP_KILL",), 0), for_user(("CAP_KILL",), 1)
    assert root == {"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"]}
    assert other == {"bounding": ["CAP_KILL"]}
