import json
import re
from dataclasses import fields, replace
from pathlib import Path

from restd.config import Config, RuntimeConfig
from restd.reload import FIXED, fixed, keep_fixed

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "configuration.md"


def test_what_may_change_is_taken_and_what_may_not_stays_each_with_its_reason() -> None:
    kept = json.loads(json.dumps(fixed(Config(graph="/old", pidfile="/run/p"))))
    fresh = Config(graph="/new", labels=("a=b",), log_level="debug", runtimes={"r": RuntimeConfig("/r")})
    config, refusals = keep_fixed(fresh, kept)
    assert config == replace(fresh, graph="/old", pidfile="/run/p")
    assert len(refusals) == 2
    assert "graph stays '/old' instead of '/new'" in refusals[0]
    assert FIXED["graph"] in refusals[0]


def test_nothing_is_refused_when_nothing_differs() -> None:
    config = Config(hosts=("unix:///a", "unix:///b"))
    assert keep_fixed(config, json.loads(json.dumps(fixed(config)))) == (config, [])


def test_a_setting_that_another_version_fixed_is_passed_over() -> None:
    assert keep_fixed(Config(), {"no-longer-there": 1, "log_level": "debug"}) == (Config(), [])


def test_the_manual_says_of_each_setting_whether_a_reload_takes_it_up() -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in DOCUMENT.read_text().splitlines()]
    told = {}
    for row in rows:
        if len(row) == 5 and row[3] in ("yes", "no"):
            told.update(dict.fromkeys(re.findall(r"`([a-z0-9-]+)`", row[0]), row[3] == "yes"))
    wanted = {item.name.replace("_", "-"): item.name not in FIXED for item in fields(Config)}
    assert told == wanted
