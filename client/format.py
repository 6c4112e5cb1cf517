"""Tables, sizes, and `--format` for lists of rows."""

from __future__ import annotations

from client.errors import ClientError
from client.output import write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")


def size(count: float, digits: int = 3) -> str:
    """Bytes for people: `4.26MB`; units are powers of 1000."""
    return _scaled(count, 1000.0, _DECIMAL, digits)


def binary_size(count: float) -> str:
    """Bytes in powers of 1024: `23.54GiB`."""
    return _scaled(count, 1024.0, _BINARY, 4)


def _scaled(count: float, base: float, units: Sequence[str], digits: int) -> str:
    at = 0
    while count >= base and at < len(units) - 1:
        count /= base
        at += 1
    return f"{count:.{digits}g}{units[at]}"


def cut(text: str, most: int) -> str:
    """A text of at most so many letters, its last one `…` if some are missing."""
    return text if len(text) <= most else text[: most - 1] + "…"


def width(text: str) -> int:
    """The columns a text takes on a terminal."""
    if text.isascii():
        return len(text)
    import unicodedata  # only for texts that need it

    wide = ("W", "F")
    return sum([0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in wide) for c in text])


def table(rows: Sequence[Sequence[str]], least: int = 10, gap: int = 3) -> str:
    """Rows in columns, as Docker lays them out: each at least so wide, with a gap, the last one as it comes."""
    widths: list[int] = []
    for row in rows:
        for at, cell in enumerate(row[:-1]):
            wanted = max(least, width(cell) + gap)
            if at == len(widths):
                widths.append(wanted)
            elif wanted > widths[at]:
                widths[at] = wanted
    lines = []
    for row in rows:
        cells = [cell + " " * (widths[at] - width(cell)) for at, cell in enumerate(row[:-1])]
        lines.append("".join([*cells, row[-1]]) if row else "")
    return "\n".join(lines) + "\n"


def write(text: str) -> None:
    """Put a text on stdout."""
    if text:
        write_all(1, [text.encode("utf-8", "surrogateescape")])


def render(template: str, rows: Sequence[Mapping[str, Any]], headers: Mapping[str, str]) -> str:
    """Rows by a `--format`: `json`, `table TEMPLATE` (with a line of headers) or `TEMPLATE`, one row a line."""
    from client.gotemplate import Template
    from client.gotokens import TemplateError

    if template == "json":
        template = "{{json .}}"
    tabular = template == "table" or template.startswith("table ")
    body = template[len("table") :].strip() if tabular else template
    try:
        parsed = Template(body.replace("\\t", "\t").replace("\\n", "\n"))
        lines = [parsed.render(row if "json" not in body else _plain(row)) for row in rows]
        if not tabular:
            return "".join([line + "\n" for line in lines])
        names: dict[str, Any] = {**headers}
        if "Label " in body:
            names["Label"] = lambda name: str(name)
        lines.insert(0, parsed.render(names))
        return table([line.split("\t") for line in lines])
    except TemplateError as error:
        raise ClientError(f"template parsing error: {error}", 64) from error


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if not callable(value)}


def value(template: str, data: Any) -> str:
    """One value by a `--format`; `json` means all of it."""
    from client.gotemplate import Template
    from client.gotokens import TemplateError

    try:
        return (
            Template("{{json .}}" if template == "json" else template.replace("\\t", "\t").replace("\\n", "\n")).render(
                data
            )
            + "\n"
        )
    except TemplateError as error:
        raise ClientError(f"template parsing error: {error}") from error
