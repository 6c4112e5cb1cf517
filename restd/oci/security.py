"""`HostConfig.SecurityOpt`: a list of words into what they mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from restd.errors import InvalidParameter, NotImplementedYet
from restd.lib.host import Host
from restd.oci import seccomp

_TRUE, _FALSE = ("1", "t", "true"), ("0", "f", "false")


@dataclass(frozen=True, slots=True)
class SecurityOptions:
    """`profile` is a parsed seccomp profile, None for the default one."""

    no_new_privileges: bool = False
    seccomp: bool = True
    profile: dict[str, Any] | None = None
    apparmor: str = ""


def parse(options: Iterable[str] | None, host: Host) -> SecurityOptions:
    """What the words ask for. InvalidParameter for an unknown one; NotImplementedYet for SELinux labels."""
    no_new_privileges, filtered, profile, apparmor = False, True, None, ""
    for option in options or ():
        key, value = _split(option)
        if key == "no-new-privileges":
            no_new_privileges = _truth(option, value)
        elif key == "seccomp":
            filtered = value != "unconfined"
            profile = seccomp.parse(value) if value not in ("unconfined", "builtin") else None
        elif key == "apparmor":
            apparmor = _apparmor(value, host)
        elif key == "label":
            if value != "disable" and host.selinux:
                raise NotImplementedYet("SELinux labels (label=) are not supported yet; only label=disable is")
        else:
            raise InvalidParameter(f'invalid --security-opt 2: "{option}"')
    return SecurityOptions(no_new_privileges, filtered, profile, apparmor)


def _split(option: str) -> tuple[str, str]:
    """Key and value; the separator is `=`, or `:` in the older form."""
    if option in ("no-new-privileges", "disable"):
        return ("no-new-privileges", "true") if option != "disable" else ("label", "disable")
    separator = "=" if "=" in option else ":"
    key, found, value = option.partition(separator)
    if not found:
        raise InvalidParameter(f'invalid --security-opt 1: "{option}"')
    return key, value


def _truth(option: str, value: str) -> bool:
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise InvalidParameter(f'invalid --security-opt 2: "{option}"')


def _apparmor(value: str, host: Host) -> str:
    if value in ("unconfined", ""):
        return ""
    if not host.apparmor:
        raise InvalidParameter(f"AppArmor profile {value!r} cannot be applied: AppArmor is not enabled on this host")
    return value
