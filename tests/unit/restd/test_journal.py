import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.events import RING, Event, Events
from restd.journal import CURRENT, LINE_BYTES, PREVIOUS, Journal


def event(number: int, **attributes: str) -> Event:
    return Event("container", "start", f"c{number}", attributes, number)


def write(state: Path, events: Iterator[Event] | list[Event]) -> None:
    journal = Journal(str(state))
    journal.open()
    for one in events:
        journal.append(one)
    journal.close()


def read(state: Path) -> list[Event]:
    journal = Journal(str(state))
    try:
        return journal.open()
    finally:
        journal.close()


def test_what_was_written_is_read(tmp_path: Path) -> None:
    events = [event(1, name="a\nb", label="\udc80é"), event(2)]
    write(tmp_path, events)
    assert read(tmp_path) == events
    assert os.stat(tmp_path / "events" / CURRENT).st_mode & 0o777 == 0o600


def test_no_more_than_the_ring_is_kept_over_any_number_of_restarts(tmp_path: Path) -> None:
    for begin in range(0, 4 * RING, 700):
        write(tmp_path, [event(number) for number in range(begin + 1, begin + 701)])
        assert read(tmp_path) == [event(n) for n in range(max(0, begin + 700 - RING) + 1, begin + 701)]
    lines = [(tmp_path / "events" / name).read_bytes().count(b"\n") for name in (CURRENT, PREVIOUS)]
    assert max(lines) <= RING


@given(st.lists(st.integers(0, 60), min_size=1, max_size=6))
def test_a_file_that_ends_anywhere_loses_its_last_line_alone(cuts: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        expected: list[Event] = []
        number = 0
        for cut in cuts:
            added = [event(number + 1, text="x" * 20), event(number + 2)]
            number += 2
            write(state, added)
            path = state / "events" / CURRENT
            size = path.stat().st_size
            os.truncate(path, max(0, size - cut))
            whole = path.read_bytes().count(b"\n")
            expected = (expected + added)[:whole]
            assert read(state) == expected


def test_lines_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, [event(1)])
    with (tmp_path / "events" / CURRENT).open("ab") as file:
        file.write(b'\0\0\n{"v":1}\n[]\n{"v":2,"time":9}\n\n{"v":1,"time":"x","attributes":3}\n')
    write(tmp_path, [event(2)])
    assert read(tmp_path) == [event(1), event(2)]


def test_an_event_with_very_many_attributes_is_kept_with_the_shortest(tmp_path: Path) -> None:
    attributes = {f"k{number}": "é" * 100 for number in range(5000)} | {"name": "web"}
    write(tmp_path, [Event("container", "start", "c1", attributes, 1)])
    assert (tmp_path / "events" / CURRENT).stat().st_size <= LINE_BYTES
    (found,) = read(tmp_path)
    assert found.attributes["name"] == "web"
    assert found.attributes.items() <= attributes.items()


def test_a_full_disk_is_said_once_and_writing_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(str(tmp_path))
    journal.open()
    journal.append(event(1))
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:7]))
    journal.append(event(2))
    journal.append(event(3))
    monkeypatch.setattr(os, "write", real)
    journal.append(event(4))
    journal.close()
    assert len(caplog.records) == 1
    assert read(tmp_path) == [event(1), event(4)]


def test_a_closed_journal_writes_nothing(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path))
    journal.open()
    journal.close()
    journal.append(event(1))
    assert read(tmp_path) == []


def test_times_go_on_increasing_after_the_clock_was_set_back(tmp_path: Path) -> None:
    late = Event("image", "tag", "i", {}, 1 << 62)
    write(tmp_path, [late])
    events = Events()
    journal = Journal(str(tmp_path))
    events.resume(journal.open(), journal.append)
    made = events.publish("image", "untag", "i")
    journal.close()
    assert made.time == late.time + 1
    assert read(tmp_path) == [late, made]
