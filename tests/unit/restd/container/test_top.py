import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.container.top import check_arguments, parse
from restd.errors import InvalidParameter, SystemFailure

PS = """UID          PID    PPID  C STIME TTY          TIME CMD
root           1       0  0 22:31 ?        00:00:00 /sbin/init
root          70       1  0 22:31 ?        00:00:00 sh -c sleep 10; echo "two words"
bob           71      70  0 22:31 ?        00:00:00 sleep 10
"""


def test_the_containers_rows_with_the_rest_of_the_line_in_the_last_column() -> None:
    table = parse(PS, {70, 71})
    assert table.titles == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    assert [row[1] for row in table.processes] == ["70", "71"]
    assert table.processes[0][-1] == 'sh -c sleep 10; echo "two words"'


def test_lines_without_a_pid_of_their_own_go_with_the_process_above() -> None:
    output = "PID LWP CMD\n70 - sh\n- 70 -\n71 - other\n- 71 -\n"
    assert [row[1] for row in parse(output, {70}).processes] == ["-", "70"]


def test_a_pid_column_is_needed() -> None:
    with pytest.raises(InvalidParameter, match="Couldn't find PID field in ps output"):
        parse("CMD\nsh\n", {1})


def test_a_pid_that_is_no_number_is_an_error() -> None:
    with pytest.raises(SystemFailure, match="Unexpected pid 'x'"):
        parse("PID CMD\nx sh\n", {1})


def test_options_are_words_not_shell() -> None:
    assert check_arguments("-eo pid,comm; rm -rf /") == ["-eo", "pid,comm;", "rm", "-rf", "/"]


@pytest.mark.parametrize("text", ["-o user=PID", "-o pid,ppid=PID", "-ocomm=PID2", "x" * 2000, "\0"])
def test_another_column_can_not_pass_for_the_pid(text: str) -> None:
    with pytest.raises(InvalidParameter):
        check_arguments(text)


def test_the_pid_may_be_called_pid() -> None:
    assert check_arguments("-o pid=PID -o comm") == ["-o", "pid=PID", "-o", "comm"]


@given(st.text(max_size=200), st.sets(st.integers(1, 100)))
def test_any_output_is_a_table_or_an_error_of_ours(output: str, pids: set[int]) -> None:
    try:
        table = parse("PID CMD\n" + output, pids)
    except (InvalidParameter, SystemFailure):
        return
    assert all(len(row) <= 2 for row in table.processes)
