from __future__ import annotations

import os
from typing import Any

import pytest

from client.errors import EngineError
from client.progress import Progress


def shown(messages: list[Any], terminal: bool = False, quiet: bool = False) -> str:
    reader, writer = os.pipe()
    try:
        Progress(writer, terminal, quiet).follow(messages)
    finally:
        os.close(writer)
        with open(reader, "rb") as file:
            text = file.read().decode()
    return text


STEPS = [
    {"status": "Loading layer", "id": "a1", "progressDetail": {"current": 5, "total": 10}},
    {"status": "Loading layer", "id": "b2", "progressDetail": {"current": 1}},
    {"status": "Loading layer", "id": "a1", "progressDetail": {"current": 10, "total": 10}},
    {"stream": "Loaded image: x\n"},
]


def test_plain_output_has_a_line_for_each_new_status() -> None:
    assert shown(STEPS) == "a1: Loading layer\nb2: Loading layer\nLoaded image: x\n"


def test_quiet_output_has_final_words_only() -> None:
    assert shown(STEPS, quiet=True) == "Loaded image: x\n"


def test_a_terminal_sees_each_layers_line_rewritten() -> None:
    text = shown(STEPS, terminal=True)
    assert "a1: Loading layer [===============>              ] 5B/10B\n" in text
    assert "\x1b[2A\x1b[2K\ra1: Loading layer [==============================] 10B/10B\n\x1b[1B" in text


def test_an_error_in_the_stream_is_the_engines_refusal() -> None:
    with pytest.raises(EngineError, match="no space left"):
        shown([{"errorDetail": {"message": "no space left"}, "error": "x"}])
