"""Which capabilities a container's processes may have: Docker's fourteen, `CapAdd`, `CapDrop`, `Privileged`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from restd.errors import InvalidParameter
from restd.lib.host import CAPABILITY_NAMES

DEFAULT = tuple(
    f"CAP_{name}"
    for name in (
        "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT "
        "KILL AUDIT_WRITE"
    ).split()
)
ALL = "ALL"


def normalise(names: Iterable[str] | None) -> list[str]:
    """`CAP_X` (or `ALL`) from what a client wrote, any case, with or without `CAP_`; InvalidParameter if unknown."""
    result = []
    for given in names or ():
        name = given.strip().upper()
        if name in (ALL, "CAP_ALL"):
            result.append(ALL)
            continue
        name = name if name.startswith("CAP_") else f"CAP_{name}"
        if name not in CAPABILITY_NAMES:
            raise InvalidParameter(f'invalid capability: "{given}"')
        result.append(name)
    return result


def allowed(
    add: Iterable[str] | None, drop: Iterable[str] | None, *, privileged: bool, available: frozenset[str]
) -> tuple[str, ...]:
    """The capabilities of a container, in the order of their numbers.

    `available` is the engine's own bounding set: nothing beyond it can be given. `ALL` and `Privileged` mean all of
    it; a capability that was asked for by name and is not there is an InvalidParameter.
    """
    if privileged:
        return _ordered(available)
    added, dropped = normalise(add), normalise(drop)
    for name in added:
        if name != ALL and name not in available:
            raise InvalidParameter(f'capability "{name}" cannot be added: the engine itself does not have it')
    if ALL in added:
        granted = available - set(dropped)
    elif ALL in dropped:
        granted = frozenset(added)
    else:
        granted = (frozenset(DEFAULT) & available) - set(dropped) | set(added)
    return _ordered(granted)


def _ordered(names: Iterable[str]) -> tuple[str, ...]:
    wanted = set(names)
    return tuple(name for name in CAPABILITY_NAMES if name in wanted)


def for_user(names: tuple[str, ...], uid: int) -> dict[str, Any]:
    """The OCI `capabilities` object. Only root starts with them in effect; others keep them as a bound alone.

    That is what execve(2) would do anyway. The inheritable set is empty, as in Docker since CVE-2022-24769.
    """
    if uid != 0:
        return {"bounding": list(names)}
    return {"bounding": list(names), "effective": list(names), "permitted": list(names)}
