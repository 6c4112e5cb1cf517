"""`KEY=VALUE` lists: environment and labels, from options and from files. ValueErrors carry the reason."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_FILE_LIMIT = 16 * 1024 * 1024


def variables(files: Iterable[str], values: Iterable[str], environment: Mapping[str, str]) -> list[str]:
    """The container's environment: files first, then options. A bare name takes the client's own value.

    A bare name that the client doesn't have is passed on bare, which removes the image's value; in a file it
    is left out.
    """
    found: list[str] = []
    for name in files:
        for entry in read_file(name, "variable"):
            if "=" in entry:
                found.append(entry)
            elif entry in environment:
                found.append(f"{entry}={environment[entry]}")
    for entry in values:
        key, equals, _ = entry.partition("=")
        if not key:
            raise ValueError(f'invalid environment variable "{entry}": the name is missing')
        found.append(entry if equals or entry not in environment else f"{entry}={environment[entry]}")
    return found


def labels(files: Iterable[str], values: Iterable[str], what: str = "label") -> dict[str, str]:
    """Labels (or annotations), later ones win; a bare name has an empty value."""
    entries = [entry for name in files for entry in read_file(name, what)]
    found = {}
    for entry in [*entries, *values]:
        key, _, value = entry.partition("=")
        if not key.strip():
            raise ValueError(f'invalid {what} "{entry}": the name is missing')
        found[key] = value
    return found


def pairs(values: Iterable[str], what: str) -> dict[str, str]:
    """`KEY=VALUE` options in which the value is required."""
    found = {}
    for entry in values:
        key, equals, value = entry.partition("=")
        if not equals or not key:
            raise ValueError(f'invalid {what} "{entry}": KEY=VALUE is wanted')
        found[key] = value
    return found


def read_file(name: str, what: str) -> list[str]:
    """The entries of an env or label file."""
    try:
        with open(name, "rb") as file:
            data = file.read(_FILE_LIMIT + 1)
    except OSError as error:
        raise ValueError(f"open {name}: {(error.strerror or str(error)).lower()}") from error
    if len(data) > _FILE_LIMIT:
        raise ValueError(f"{name}: the file is larger than 16 MiB")
    try:
        return parse_lines(data, what)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def parse_lines(data: bytes, what: str) -> list[str]:
    """One entry a line; blank lines and lines that start with `#` don't count. Names have no white space in them."""
    found = []
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    for number, raw in enumerate(data.split(b"\n"), 1):
        try:
            line = raw.rstrip(b"\r").decode().lstrip(" \t")
        except UnicodeDecodeError as error:
            raise ValueError(f"line {number} is not UTF-8") from error
        if not line or line.startswith("#"):
            continue
        key, _, _ = line.partition("=")
        if not key:
            raise ValueError(f"line {number} has no {what} name")
        if any(letter.isspace() for letter in key):
            raise ValueError(f'line {number}: the {what} name "{key}" contains white space')
        found.append(line)
    return found
