from __future__ import annotations

from client.options import Option
from client.verb import Verb


def test_a_verb_parses_by_its_own_table() -> None:
    verb = Verb(lambda *_: 0, (Option("all a", "x"),), words="[NAME]")
    found = verb.parse(["-a", "x"])
    assert found.flag("all") and found.words == ["x"]
