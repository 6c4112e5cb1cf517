from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.errors import InvalidParameter
from restd.image.changes import apply_changes


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        ({}, 'CMD ["a", "b"]', {"Cmd": ["a", "b"]}),
        ({}, "cmd echo $HOME", {"Cmd": ["/bin/sh", "-c", "echo $HOME"]}),
        ({"Shell": ["/bin/ash", "-c"]}, "CMD x", {"Shell": ["/bin/ash", "-c"], "Cmd": ["/bin/ash", "-c", "x"]}),
        ({"Cmd": ["old"]}, 'ENTRYPOINT ["e"]', {"Cmd": None, "Entrypoint": ["e"]}),
        ({"Env": ["A=1", "B=2"]}, "ENV A=$B C=3", {"Env": ["A=2", "B=2", "C=3"]}),
        ({}, "EXPOSE 80 53/udp 90-91", {"ExposedPorts": {"80/tcp": {}, "53/udp": {}, "90/tcp": {}, "91/tcp": {}}}),
        ({"Labels": {"a": "1"}}, 'LABEL a=2 b="c d"', {"Labels": {"a": "2", "b": "c d"}}),
        ({}, "USER www-data:staff", {"User": "www-data:staff"}),
        ({}, "VOLUME /a /b", {"Volumes": {"/a": {}, "/b": {}}}),
        ({}, 'VOLUME ["/a b"]', {"Volumes": {"/a b": {}}}),
        ({"WorkingDir": "/a/b"}, "WORKDIR ../c", {"WorkingDir": "/a/c"}),
        ({}, "WORKDIR x", {"WorkingDir": "/x"}),
        ({}, "ONBUILD RUN make", {"OnBuild": ["RUN make"]}),
        ({}, "STOPSIGNAL SIGRTMIN+3", {"StopSignal": "SIGRTMIN+3"}),
        ({}, 'SHELL ["/bin/bash", "-c"]', {"Shell": ["/bin/bash", "-c"]}),
        ({}, "HEALTHCHECK NONE", {"Healthcheck": {"Test": ["NONE"]}}),
        (
            {},
            "HEALTHCHECK --interval=5s --retries=2 CMD curl -f x",
            {"Healthcheck": {"Interval": 5_000_000_000, "Retries": 2, "Test": ["CMD-SHELL", "curl -f x"]}},
        ),
        ({}, 'HEALTHCHECK CMD ["a"]', {"Healthcheck": {"Test": ["CMD", "a"]}}),
        ({"Unknown": 1}, "# comment\n\nENV a=1 \\\n b=2", {"Unknown": 1, "Env": ["a=1", "b=2"]}),
    ],
)
def test_each_instruction_changes_its_field(before: dict[str, Any], change: str, after: dict[str, Any]) -> None:
    assert apply_changes(before, [change]) == after


def test_a_command_set_with_the_entry_point_stays() -> None:
    assert apply_changes({}, ['CMD ["c"]', 'ENTRYPOINT ["e"]']) == {"Cmd": ["c"], "Entrypoint": ["e"]}


def test_the_configuration_passed_in_is_not_touched() -> None:
    before: dict[str, Any] = {"Env": ["A=1"], "Labels": {"a": "1"}}
    apply_changes(before, ["ENV B=2", "LABEL b=2"])
    assert before == {"Env": ["A=1"], "Labels": {"a": "1"}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("FROM x", "FROM is not a valid change command"),
        ("RUN x", "RUN is not a valid change command"),
        ("NONSENSE x", "unknown instruction: NONSENSE"),
        ("CMD", "CMD requires at least one argument"),
        ("ENV a", "ENV must have two arguments"),
        ("EXPOSE x", "invalid containerPort: x"),
        ("EXPOSE 70000", "invalid containerPort: 70000"),
        ("EXPOSE 80/icmp", "invalid containerPort: 80/icmp"),
        ("USER a b", "USER requires exactly one argument"),
        ("ONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
        ("STOPSIGNAL -1", "invalid signal: -1"),
        ("SHELL bash", "SHELL requires the arguments to be in JSON form"),
        ("HEALTHCHECK --interval=x CMD a", "invalid duration 'x'"),
        ("HEALTHCHECK --nope=1 CMD a", "invalid HEALTHCHECK option '--nope=1'"),
        ("HEALTHCHECK CMD", "HEALTHCHECK needs NONE or CMD and a command, not 'CMD'"),
        ('VOLUME [""]', "VOLUME specified can not be an empty string"),
    ],
)
def test_a_change_that_cannot_be_made_is_refused(change: str, message: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        apply_changes({}, [change])
    assert str(caught.value) == message


VERBS = "CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD SHELL STOPSIGNAL USER VOLUME WORKDIR".split()


@given(
    st.lists(st.builds(lambda verb, rest: f"{verb} {rest}", st.sampled_from(VERBS), st.text(max_size=20)), max_size=3)
)
def test_any_change_is_made_or_refused(changes: list[str]) -> None:
    try:
        apply_changes({}, changes)
    except InvalidParameter as error:
        assert str(error)
