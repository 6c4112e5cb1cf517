"""The present daemon, whose shims are of an earlier day: run with isula-restd's arguments."""

from __future__ import annotations

import asyncio
import copy
import os
from typing import Any

from restd.__main__ import main
from restd.runtime.nursery import Nursery

ARCHIVE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "shim.zip")
_birth = Nursery.birth
_twins: dict[int, Nursery] = {}


def _twin(nursery: Nursery) -> Nursery:
    """A nursery like this one, whose process imports from the archive first."""
    twin = copy.copy(nursery)
    twin._process, twin._control, twin._starting = None, None, asyncio.Lock()
    twin._preamble = f"import sys; sys.argv.insert(2, {ARCHIVE!r}); "
    return twin


async def birth(self: Nursery, *arguments: Any) -> Any:
    """Have the shim born by the twin."""
    return await _birth(_twins.setdefault(id(self), _twin(self)), *arguments)


if __name__ == "__main__":
    Nursery.birth = birth  # type: ignore[method-assign,assignment]
    main()
