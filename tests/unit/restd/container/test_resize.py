import asyncio
from dataclasses import replace

import pytest

from restd.container.resize import resize
from restd.errors import Conflict, InvalidParameter
from restd.model.container import Status
from restd.runtime.nursery import ShimGone
from shim.protocol import OP_RESIZE
from tests.unit.restd.container.clients import BASE, Announced, Shim, container, entry

TTY = replace(BASE.config, tty=True)


def run(shim: Shim, height: int, width: int, status: Status = Status.RUNNING, *, tty: bool = True) -> list[str]:
    announced = Announced()
    box = entry(container(status, config=TTY if tty else BASE.config), shim)
    asyncio.run(resize(box, height, width, announced))  # type: ignore[arg-type]  # stands for an Announcer
    return announced.actions


def test_the_shim_sets_the_size_and_it_is_announced() -> None:
    shim = Shim()
    assert run(shim, 24, 80) == ["resize"]
    assert shim.asked == [(OP_RESIZE, {"height": 24, "width": 80})]


def test_nothing_by_nothing_and_no_terminal_are_passed_over() -> None:
    shim = Shim()
    run(shim, 0, 0)
    run(shim, 24, 80, tty=False)
    assert shim.asked == []


def test_what_does_not_run_can_not_be_resized() -> None:
    with pytest.raises(Conflict, match="is not running"):
        run(Shim(), 24, 80, Status.EXITED)
    with pytest.raises(Conflict, match="is not running"):
        run(Shim(ShimGone("gone")), 24, 80)


@pytest.mark.parametrize(("height", "width"), [(-1, 80), (24, 65536)])
def test_a_size_fits_in_sixteen_bits(height: int, width: int) -> None:
    with pytest.raises(InvalidParameter, match="invalid terminal size"):
        run(Shim(), height, width)
