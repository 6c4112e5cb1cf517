from __future__ import annotations

import json

from restd.api.stream import error_line, progress_line


def test_a_line_is_one_object_and_ends_with_crlf() -> None:
    line = progress_line({"stream": "a\nb\r\n"})
    assert line.endswith(b"\r\n") and line.count(b"\n") == 1
    assert json.loads(line) == {"stream": "a\nb\r\n"}


def test_an_error_has_both_of_its_keys() -> None:
    assert json.loads(error_line("broken")) == {"errorDetail": {"message": "broken"}, "error": "broken"}
