"""Magic keys that end an attach and leave the container running: Docker's notation to the bytes a terminal sends."""

from __future__ import annotations

from restd.errors import InvalidParameter

DEFAULT = "ctrl-p,ctrl-q"
_CONTROLS = {f"ctrl-{chr(code + 96)}": code for code in range(1, 27)} | {
    "ctrl-@": 0,
    "ctrl-[": 27,
    "ctrl-\\": 28,
    "ctrl-]": 29,
    "ctrl-^": 30,
    "ctrl-_": 31,
}


def parse(text: str) -> list[int]:
    """Byte values of keys separated by commas: a single character, `ctrl-` and a letter or one of `@[\\]^_`, or `DEL`.

    Empty means the default. InvalidParameter `Invalid detach keys (X) provided` for anything else.
    """
    result = []
    for key in (text or DEFAULT).split(","):
        if len(key) == 1 and key.isascii():
            result.append(ord(key))
        elif (code := _CONTROLS.get(key.lower())) is not None:
            result.append(code)
        elif key == "DEL":
            result.append(127)
        else:
            raise InvalidParameter(f"Invalid detach keys ({text}) provided")
    return result
