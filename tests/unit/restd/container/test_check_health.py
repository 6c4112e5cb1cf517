from __future__ import annotations

from typing import Any

import pytest

from restd.container.check_health import check_health, health_warnings
from restd.errors import InvalidParameter
from restd.model.container import Config
from restd.model.health import Healthcheck


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ({"interval": 999_999}, "Interval in Healthcheck cannot be less than 1ms"),
        ({"timeout": -1}, "Timeout in Healthcheck cannot be less than 1ms"),
        ({"start_period": 1}, "StartPeriod in Healthcheck cannot be less than 1ms"),
        ({"start_interval": 1}, "StartInterval in Healthcheck cannot be less than 1ms"),
        ({"retries": -1}, "Retries in Healthcheck cannot be negative"),
        ({"test": ("CMD",)}, "no command after CMD"),
        ({"test": ("CMD", "")}, "no command after CMD"),
        ({"test": ("CMD-SHELL", "a\0b")}, "null byte"),
        ({"interval": "5s"}, "no whole number"),
        ({"retries": True}, "no whole number"),
        ({"interval": 1 << 63}, "no whole number"),
        ({"test": ("CMD", 5)}, "no list of strings"),
    ],
)
def test_what_is_wrong_is_said(check: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        check_health(Config(healthcheck=Healthcheck(**check)))


@pytest.mark.parametrize(
    "check",
    [
        None,
        Healthcheck(),
        Healthcheck(("NONE",)),
        Healthcheck(("CMD", "true"), 1_000_000, 1_000_000, 1_000_000, 1_000_000, 1),
        Healthcheck(("CMD-SHELL",)),
    ],
)
def test_what_is_right_passes_without_a_word(check: Healthcheck | None) -> None:
    check_health(Config(healthcheck=check))
    assert not list(health_warnings(Config(healthcheck=check)))


def test_an_unknown_kind_is_warned_of() -> None:
    (warning,) = health_warnings(Config(healthcheck=Healthcheck(("curl -f x",))))
    assert "Unknown healthcheck type 'curl -f x'" in warning
