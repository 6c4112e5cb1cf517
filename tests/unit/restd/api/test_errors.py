from __future__ import annotations

import inspect

import pytest

from restd import errors
from restd.api.errors import STATUS, PayloadTooLarge, status_of
from restd.errors import Conflict, EngineError, NotFound


def test_every_kind_has_a_status() -> None:
    kinds = {kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, EngineError)}
    assert kinds - {EngineError} == set(STATUS)


@pytest.mark.parametrize(
    ("error", "status"),
    [(NotFound("x"), 404), (Conflict("x"), 409), (PayloadTooLarge("x"), 413), (EngineError("x"), 500)],
)
def test_an_error_has_the_status_of_its_kind(error: EngineError, status: int) -> None:
    assert status_of(error) == status


def test_a_finer_kind_has_the_status_of_the_kind_above() -> None:
    class Refused(Conflict):
        pass

    assert status_of(Refused("x")) == 409
