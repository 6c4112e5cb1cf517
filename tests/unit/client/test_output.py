from __future__ import annotations

import os
import threading

import pytest

from client.output import say, tell, write_all


def test_many_parts_are_written_whole_to_a_pipe_that_does_not_block() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    parts = [bytes([at % 256]) * 1000 for at in range(2000)]
    found: list[bytes] = []

    def read() -> None:
        while data := os.read(reader, 65536):
            found.append(data)

    thread = threading.Thread(target=read)
    thread.start()
    write_all(writer, parts)
    os.close(writer)
    thread.join()
    os.close(reader)
    assert b"".join(found) == b"".join(parts)


def test_a_closed_pipe_is_a_broken_pipe() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        write_all(writer, [b"x"])
    os.close(writer)


def test_lines_go_to_the_right_stream(capfd: pytest.CaptureFixture[str]) -> None:
    say("out")
    tell("err")
    assert capfd.readouterr() == ("out\n", "err\n")
