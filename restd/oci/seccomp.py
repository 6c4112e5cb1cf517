"""Seccomp profiles: Docker's file format, its conditions resolved for one container, to the OCI `linux.seccomp`.

Docker's format is OCI's plus `archMap` (which architectures go together), `includes`/`excludes` of a rule
(`caps`, `arches`, `minKernel`) and the older `name` beside `names`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from restd.errors import InvalidParameter
from restd.oci import seccomp_default

PROFILE_LIMIT = 1 << 20
_MACHINES = {
    "x86_64": ("amd64", "SCMP_ARCH_X86_64"),
    "aarch64": ("arm64", "SCMP_ARCH_AARCH64"),
    "armv7l": ("arm", "SCMP_ARCH_ARM"),
    "i686": ("x86", "SCMP_ARCH_X86"),
    "s390x": ("s390x", "SCMP_ARCH_S390X"),
    "ppc64le": ("ppc64le", "SCMP_ARCH_PPC64LE"),
    "riscv64": ("riscv64", "SCMP_ARCH_RISCV64"),
    "loongarch64": ("loong64", "SCMP_ARCH_LOONGARCH64"),
}
"""uname's machine -> the name in `arches` (Go's), and seccomp's."""

_ACTIONS = frozenset(
    f"SCMP_ACT_{name}"
    for name in ("KILL", "KILL_PROCESS", "KILL_THREAD", "TRAP", "ERRNO", "TRACE", "ALLOW", "LOG", "NOTIFY")
)
_OPERATORS = frozenset(f"SCMP_CMP_{name}" for name in ("NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"))


def parse(text: str) -> dict[str, Any]:
    """A profile that a client sent; InvalidParameter says what is wrong with it."""
    if len(text) > PROFILE_LIMIT:
        raise InvalidParameter(f"seccomp profile is larger than {PROFILE_LIMIT} bytes")
    try:
        profile = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidParameter(f"Decoding seccomp profile failed: {error}") from error
    if not isinstance(profile, dict) or not _is_one(profile.get("defaultAction"), _ACTIONS):
        raise InvalidParameter("Decoding seccomp profile failed: defaultAction is missing or unknown")
    for entry in profile.get("archMap") or []:
        if not isinstance(entry, dict) or not _is_strings(entry.get("subArchitectures") or []):
            raise InvalidParameter("Decoding seccomp profile failed: archMap is not a list of architectures")
    if not _is_strings(profile.get("architectures") or []):
        raise InvalidParameter("Decoding seccomp profile failed: architectures is not a list of strings")
    if profile.get("architectures") and profile.get("archMap"):
        raise InvalidParameter("both 'architectures' and 'archMap' are specified in the seccomp profile")
    rules = profile.get("syscalls") or []
    if not isinstance(rules, list):
        raise InvalidParameter("Decoding seccomp profile failed: syscalls is not a list")
    for rule in rules:
        _check_rule(rule)
    return profile


def _check_rule(rule: Any) -> None:
    def wrong(why: str) -> InvalidParameter:
        return InvalidParameter(f"Decoding seccomp profile failed: {why}")

    if not isinstance(rule, dict) or not _is_one(rule.get("action"), _ACTIONS):
        raise wrong("a rule of syscalls has no known action")
    names = rule.get("names")
    if rule.get("name") and names:
        raise wrong("both 'name' and 'names' are specified in a rule")
    if not isinstance(names or [], list) or not _is_strings(_names(rule)):
        raise wrong("the names of a rule are not a list of strings")
    if not isinstance(rule.get("args") or [], list):
        raise wrong("args of a rule is not a list")
    for argument in rule.get("args") or []:
        numbers = [argument.get(key, 0) for key in ("index", "value", "valueTwo")] if isinstance(argument, dict) else []
        if (
            not numbers
            or not _is_one(argument.get("op"), _OPERATORS)
            or not all(_is_number(number) for number in numbers)
        ):
            raise wrong("an argument of a rule is not {index, value, valueTwo, op}")
    for key in ("includes", "excludes"):
        condition = rule.get(key) or {}
        if not isinstance(condition, dict):
            raise wrong(f"{key} of a rule is not an object")
        if not all(_is_strings(condition.get(names) or []) for names in ("caps", "arches")):
            raise wrong(f"caps and arches in {key} are not lists of strings")
        if (least := condition.get("minKernel")) and not re.fullmatch(r"\d{1,5}\.\d{1,5}", str(least)):
            raise wrong(f"minKernel {least!r} is not MAJOR.MINOR")


def _is_one(value: Any, known: frozenset[str]) -> bool:
    return isinstance(value, str) and value in known


def _is_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 64


def _names(rule: dict[str, Any]) -> list[str]:
    return list(rule.get("names") or []) or ([rule["name"]] if rule.get("name") else [])


def resolve(
    profile: dict[str, Any],
    capabilities: Iterable[str],
    machine: str,
    kernel: tuple[int, int],
    absent: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """The OCI object for a container with these `capabilities`, on this `machine` (uname) and `kernel`.

    `absent`: architectures of the profile that the kernel can't run anyway. Each one that stays out saves the runtime
    a fifth of the work of a start.
    """
    go_name, own = _MACHINES.get(machine, (machine, ""))
    held = frozenset(capabilities)
    result: dict[str, Any] = {"defaultAction": profile["defaultAction"]}
    for key in ("defaultErrnoRet", "listenerPath", "listenerMetadata", "flags"):
        if profile.get(key) is not None:
            result[key] = profile[key]
    architectures = list(profile.get("architectures") or [])
    for entry in profile.get("archMap") or []:
        if entry.get("architecture") == own:
            architectures = [own, *(name for name in entry.get("subArchitectures") or [] if name not in absent)]
    if architectures:
        result["architectures"] = architectures
    result["syscalls"] = [
        _oci_rule(rule) for rule in profile.get("syscalls") or [] if _applies(rule, held, go_name, kernel)
    ]
    return result


def _applies(rule: dict[str, Any], held: frozenset[str], machine: str, kernel: tuple[int, int]) -> bool:
    includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
    if excludes.get("arches") and machine in excludes["arches"]:
        return False
    if excludes.get("caps") and held.intersection(excludes["caps"]):
        return False
    if excludes.get("minKernel") and kernel >= _version(excludes["minKernel"]):
        return False
    if includes.get("arches") and machine not in includes["arches"]:
        return False
    if includes.get("caps") and not held.issuperset(includes["caps"]):
        return False
    return not includes.get("minKernel") or kernel >= _version(includes["minKernel"])


def _version(text: str) -> tuple[int, int]:
    major, _, minor = str(text).partition(".")
    return int(major), int(minor)


def _oci_rule(rule: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {"names": _names(rule), "action": rule["action"]}
    if rule.get("errnoRet") is not None:
        result["errnoRet"] = rule["errnoRet"]
    if rule.get("args"):
        result["args"] = rule["args"]
    return result


@lru_cache(maxsize=32)
def default(
    capabilities: tuple[str, ...], machine: str, kernel: tuple[int, int], absent: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """`resolve` of Docker's default profile. Shared between callers: not to be changed."""
    return resolve(seccomp_default.profile(), capabilities, machine, kernel, absent)
