"""What steps do without containers; with them it is in tests/clients/test_build.py."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from restd.container.registry import Registry
from restd.container.steps import ContainerSteps, StepLimits
from restd.errors import SystemFailure
from restd.image.build.request import StepCommand
from restd.model.container import HostConfig


def test_a_command_needs_something_to_run_on_and_nothing_to_remove_is_fine() -> None:
    async def inside() -> None:
        nobody = cast(Any, None)
        steps = ContainerSteps(StepLimits(HostConfig(), "/nowhere"), Registry(), nobody, nobody, nobody, nobody)
        with pytest.raises(SystemFailure, match="cannot run on nothing"):
            await steps.run(StepCommand(None, ["x"], [], "x"), lambda _: None, keep_failed=False)
        await steps.remove("a" * 64)

    asyncio.run(inside())
