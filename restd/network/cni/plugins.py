"""Calls of CNI plugins: a chain for one interface of one container, under a time limit, in a clean environment.

Section 3 of the specification ("Execution of Network Configurations"): ADD from first to last, each with the result of
the one before; DEL from last to first; CHECK from first to last, each with the final result of ADD. After an ADD that
failed the whole chain gets a DEL.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

from restd.errors import SystemFailure, Unavailable
from restd.lib.processes import ENVIRONMENT, Completed, ProgramTimeout, run
from restd.network.cni.configuration import Attachment, ConfList, environment, execution_config
from restd.network.cni.result import TRY_AGAIN, BadResult, Result, parse_failure, parse_result, parse_versions

log = logging.getLogger(__name__)

PLUGIN_SECONDS = 30.0
_RETRY_PAUSES = (0.05, 0.2, 1.0)
PACKAGE = "containernetworking-plugins"


class PluginFailure(SystemFailure):
    """A plugin said no, in its own words, or did not answer as it should."""


class Plugins:
    """The plugins in some folders. `seconds` is the limit of one call."""

    def __init__(self, directories: Sequence[str], seconds: float = PLUGIN_SECONDS) -> None:
        self._directories = tuple(directories)
        self._seconds = seconds

    def find(self, kind: str) -> str:
        """The path of a plugin; Unavailable, naming folders and package, if there is none."""
        for directory in self._directories:
            path = os.path.join(directory, kind)
            if os.access(path, os.X_OK) and os.path.isfile(path):
                return path
        places = ", ".join(self._directories)
        raise Unavailable(
            f"there is no CNI plugin {kind!r} in {places}: install the package {PACKAGE}, or set cni-bin-dir"
        )

    async def add(self, network: ConfList, attachment: Attachment) -> Result:
        """Make the interface; what a failed ADD left behind is taken away. PluginFailure, Unavailable."""
        for plugin in network.plugins:
            self.find(plugin["type"])
        result: Result | None = None
        try:
            for plugin in network.plugins:
                result = await self._add_one(network, plugin, attachment, result)
        except BaseException:
            await asyncio.shield(self._give_back(network, attachment, result))
            raise
        assert result is not None
        return result

    async def _add_one(
        self, network: ConfList, plugin: Mapping[str, Any], attachment: Attachment, previous: Result | None
    ) -> Result:
        raw = previous.raw if previous is not None else None
        completed = await self._call("ADD", network, plugin, attachment, raw)
        try:
            return parse_result(completed.stdout)
        except BadResult as error:
            raise PluginFailure(f"CNI plugin {plugin['type']}: {error}") from None

    async def _give_back(self, network: ConfList, attachment: Attachment, result: Result | None) -> None:
        try:
            await self.delete(network, attachment, result.raw if result is not None else None)
        except (PluginFailure, Unavailable) as error:
            log.warning("giving back what a failed ADD took: %s", error)

    async def delete(self, network: ConfList, attachment: Attachment, result: Mapping[str, Any] | None) -> None:
        """Take the interface away. Every plugin is called, whatever the others say; the first failure is raised."""
        previous = result if network.passes_results_to_del else None
        failures = []
        for plugin in reversed(network.plugins):
            try:
                await self._call("DEL", network, plugin, attachment, previous)
            except (PluginFailure, Unavailable) as error:
                failures.append(error)
        if failures:
            raise failures[0]

    async def check(self, network: ConfList, attachment: Attachment, result: Mapping[str, Any]) -> None:
        """Ask whether all is still as ADD left it; PluginFailure if not. Nothing for networks that know no CHECK."""
        if not network.checks:
            return
        for plugin in network.plugins:
            await self._call("CHECK", network, plugin, attachment, result)

    async def versions(self, kind: str, version: str) -> tuple[str, ...]:
        """The versions of the specification that a plugin speaks. Plugins of 0.1.0 don't know the question."""
        stdin = b'{"cniVersion":"%b"}' % version.encode()
        completed = await self._run(kind, environment("VERSION", None, self._directories, ENVIRONMENT), stdin)
        if completed.code:
            return ("0.1.0",)
        try:
            return parse_versions(completed.stdout)
        except BadResult as error:
            raise PluginFailure(f"CNI plugin {kind}: {error}") from None

    async def _call(
        self,
        command: str,
        network: ConfList,
        plugin: Mapping[str, Any],
        attachment: Attachment,
        previous: Mapping[str, Any] | None,
    ) -> Completed:
        """One call; one that says "try again later" is made again a few times."""
        kind: str = plugin["type"]
        stdin = execution_config(network, plugin, attachment, previous)
        surroundings = environment(command, attachment, self._directories, ENVIRONMENT)
        for pause in (*_RETRY_PAUSES, None):
            completed = await self._run(kind, surroundings, stdin)
            if not completed.code:
                return completed
            failure = parse_failure(completed.stdout, completed.stderr)
            if failure.code != TRY_AGAIN or pause is None:
                break
            await asyncio.sleep(pause)
        raise PluginFailure(f"CNI plugin {kind} failed to {command}: {failure}")

    async def _run(self, kind: str, surroundings: dict[str, str], stdin: bytes) -> Completed:
        path = self.find(kind)
        try:
            return await run([path], self._seconds, stdin=stdin, environment=surroundings)
        except ProgramTimeout:
            raise PluginFailure(f"CNI plugin {kind} did not end within {self._seconds:g} s") from None
        except OSError as error:
            raise PluginFailure(f"CNI plugin {path} can't be run: {error.strerror}") from error
