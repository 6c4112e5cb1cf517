"""Who a process in a container runs as: `User` and `GroupAdd` against the container's own passwd and group files.

The rules are Docker's: a name or a number, `user[:group]`; a number need not be in the files; a user without a group
gets the one of passwd and every group that lists its name; a user with a group gets that one alone. Lines that are
not of the files' form are passed over (passwd(5), group(5)).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from restd.errors import InvalidParameter

HIGHEST_ID = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class Identity:
    """Numbers for the kernel, and the home folder. `groups` are all supplementary groups, the primary one first."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = (0,)
    home: str = "/"


@dataclass(frozen=True, slots=True)
class _Account:
    name: str
    uid: int
    gid: int
    home: str


@dataclass(frozen=True, slots=True)
class _Group:
    name: str
    gid: int
    members: tuple[str, ...]


def resolve(user: str, group_add: Iterable[str], passwd: str, group: str) -> Identity:
    """The identity for `user` (empty for root). InvalidParameter, in Docker's words, for a name that is not there."""
    wanted, _, wanted_group = user.partition(":")
    account = next((entry for entry in _accounts(passwd) if _matches(wanted, entry)), None)
    if account is None:
        account = _Account("", _number(wanted or "0", "user", "passwd"), 0, "/")
    groups = list(_groups(group))
    if wanted_group:
        gid, extra = _group_id(wanted_group, groups), []
    else:
        gid = account.gid
        extra = [entry.gid for entry in groups if account.name and account.name in entry.members]
    extra += [_group_id(entry, groups) for entry in group_add]
    for number in (account.uid, gid):
        _check(number)
    return Identity(account.uid, gid, tuple(dict.fromkeys([gid, *extra])), account.home or "/")


def _matches(wanted: str, account: _Account) -> bool:
    return account.uid == 0 if not wanted else wanted in (account.name, str(account.uid))


def _group_id(wanted: str, groups: list[_Group]) -> int:
    for entry in groups:
        if wanted in (entry.name, str(entry.gid)):
            return entry.gid
    return _number(wanted, "group", "group")


def _number(text: str, what: str, file: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise InvalidParameter(f"unable to find {what} {text}: no matching entries in {file} file")
    number = int(text) if len(text) <= 20 else HIGHEST_ID + 1
    _check(number)
    return number


def _check(number: int) -> None:
    if not 0 <= number <= HIGHEST_ID:
        raise InvalidParameter(f"uids and gids must be in range 0-{HIGHEST_ID}")


def _accounts(text: str) -> Iterator[_Account]:
    for parts in _records(text, 7):
        if all(part.isascii() and part.isdigit() for part in parts[2:4]):
            yield _Account(parts[0], int(parts[2]), int(parts[3]), parts[5])


def _groups(text: str) -> Iterator[_Group]:
    for parts in _records(text, 4):
        if parts[2].isascii() and parts[2].isdigit():
            yield _Group(parts[0], int(parts[2]), tuple(parts[3].split(",")))


def _records(text: str, width: int) -> Iterator[list[str]]:
    """The lines of a colon-separated file, cut or filled up to `width` fields."""
    for line in text.splitlines():
        line = line.strip()
        if line and not line.startswith("#"):
            parts = line[:4096].split(":")
            yield [part if part.isascii() or index not in (2, 3) else "" for index, part in enumerate(parts)] + [""] * (
                width - len(parts)
            )
