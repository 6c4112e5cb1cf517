"""Options of the log drivers `json-file` and `none`, pure. Names and meaning are those of Docker's json-file driver."""

from __future__ import annotations

import re

from restd.errors import InvalidParameter, NotImplementedYet
from restd.model.container import LogConfig
from shim.protocol import LogSpec

_SIZE = re.compile(r"(\d{1,15})\s*([kmgtp]?)i?b?", re.IGNORECASE | re.ASCII)
_UNITS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40, "p": 50}
_NOT_YET = ("labels", "labels-regex", "env", "env-regex", "tag")
_MOST_FILES = 1000


def check_log(config: LogConfig) -> None:
    """InvalidParameter for an unknown option or a value that makes no sense."""
    log_spec(config, "")


def log_spec(config: LogConfig, path: str) -> LogSpec:
    """What the shim must know of a container's log, which is at `path`."""
    if config.type == "none":
        for name in config.config:
            raise InvalidParameter(f"unknown log opt '{name}' for none log driver")
        return LogSpec(driver="none")
    size, files = -1, 1
    for name, value in config.config.items():
        if name == "max-size":
            size = parse_size(value)
        elif name == "max-file":
            files = _files(value)
        elif name == "compress":
            _plain(name, value, ("", "false", "0"))
        elif name == "mode":
            _plain(name, value, ("", "blocking"))
        elif name in _NOT_YET:
            raise NotImplementedYet(f"HostConfig.LogConfig.Config.{name} is not supported yet")
        else:
            raise InvalidParameter(f"unknown log opt '{name}' for json-file log driver")
    return LogSpec(driver="json-file", path=path, max_size=size, max_files=files)


def parse_size(text: str) -> int:
    """`10m`, `1g`, `4096`, as bytes; `-1` for no limit."""
    if text.strip() == "-1":
        return -1
    match = _SIZE.fullmatch(text.strip())
    if match is None or (size := int(match[1]) << _UNITS[match[2].lower()]) == 0:
        raise InvalidParameter(f"invalid value for log opt 'max-size': {text!r}; a size such as 10m is expected")
    return size


def _files(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= _MOST_FILES):
        raise InvalidParameter(f"invalid value for log opt 'max-file': {text!r}; 1 to {_MOST_FILES} is expected")
    return int(text)


def _plain(name: str, value: str, harmless: tuple[str, ...]) -> None:
    if value not in harmless:
        raise NotImplementedYet(f"HostConfig.LogConfig.Config.{name} ({value}) is not supported yet")
