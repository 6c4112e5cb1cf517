"""The engine's rules in the host's packet filter: set in batches, in chains of its own, put back when they vanish.

iptables-restore and ip6tables-restore are called, whichever variant (nft or legacy) the host uses. Callers that come
while a batch is under way are served together by the next one. What is in the kernel is read once, at start, with the
rules that a daemon before has left; after that it is known, and read again only if somebody has changed it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

from restd.errors import SystemFailure, Unavailable
from restd.lib.processes import ENVIRONMENT, Completed, ProgramTimeout, run
from restd.network import stamp
from restd.network.chains import Names
from restd.network.ruleset import Batch, Rule, Seen, after, change, dismantle, frame, is_whole, read

log = logging.getLogger(__name__)

_SECONDS = 20.0
_ARGUMENTS = ("--noflush", "-w", "5")
_OUTPUT_LIMIT = 64 << 20
PACKAGE = "iptables"

__all__ = ["Firewall", "Rule"]

Rules = tuple[Rule, ...]
Wanted = Callable[[], Mapping[str, Rules]]
"""What all owners want now: asked when it is needed, after the wait for the lock."""


class Firewall:
    """Rules by owner. An owner's rules are set and dropped together, with one program call a family at most.

    `backend` is `iptables`, `iptables-nft` or `iptables-legacy`: the programs to call. Families in `off` are not
    touched at all: somebody else cares for the host's rules.
    """

    def __init__(self, names: Names, backend: str = "iptables", off: Collection[int] = ()) -> None:
        self._watch = watch = stamp.Watch()
        self._families = {version: _Family(names, version, backend, watch) for version in (4, 6) if version not in off}
        self._owners: dict[str, Rules] = {}

    @property
    def missing(self) -> str:
        """What keeps IPv4 rules from being set, in words for people; empty if nothing does."""
        family = self._families.get(4)
        return family.missing if family is not None else ""

    async def open(self) -> None:
        """Find out which rules are there from before. They stay until `settle`."""
        for family in self._families.values():
            if not family.missing and family.exists():
                await family.look()

    async def set(self, owner: str, rules: Sequence[Rule]) -> None:
        """Have exactly `rules` for this owner (`network:ID`, `ports:CONTAINERID`), in their order.

        If they can't be set the owner has those from before. SystemFailure with the program's words, Unavailable.
        """
        before = self._owners.get(owner, ())
        self._want(owner, tuple(rules))
        try:
            await self._bring(owner)
        except BaseException:
            self._want(owner, before)
            with contextlib.suppress(SystemFailure, Unavailable):
                await asyncio.shield(self._bring(owner))
            raise

    async def drop(self, owner: str) -> None:
        """Take the owner's rules away; it may have none. SystemFailure."""
        await self.set(owner, ())

    async def settle(self) -> None:
        """All owners have spoken: rules of others, left by a daemon before, are taken away.

        Also those that come later: a program that the last daemon had started may set them when it is long dead.
        """
        for family in self._families.values():
            family.settled = True
            for owner in await family.owners() - set(self._owners):
                await self._bring(owner)

    async def guard(self, version: int) -> None:
        """Make DROP the policy of FORWARD: the engine itself has let the host pass packets on, for containers alone."""
        family = self._families.get(version)
        if family is not None and not family.missing:
            await family.guard()

    async def verify(self, *, thoroughly: bool = False) -> None:
        """Put our rules back if somebody has taken them. Cheap while nobody has changed any; failures are logged."""
        if not any(self._wanted(family) or family.known() for family in self._families.values()):
            return
        self._watch.look()
        for family in self._families.values():
            if (thoroughly or family.stale) and not family.missing and (self._wanted(family) or family.known()):
                try:
                    await family.repair(partial(self._wanted, family))
                except (SystemFailure, Unavailable) as error:
                    log.error("the rules of the packet filter can't be put back: %s", error)

    async def _bring(self, owner: str) -> None:
        for family in self._families.values():
            rules = _of(self._owners.get(owner, ()), family.version)
            await family.bring(owner, rules, partial(self._wanted, family))

    def _want(self, owner: str, rules: Rules) -> None:
        if rules:
            self._owners[owner] = rules
        else:
            self._owners.pop(owner, None)

    def _wanted(self, family: _Family) -> dict[str, Rules]:
        found = {owner: _of(rules, family.version) for owner, rules in self._owners.items()}
        return {owner: rules for owner, rules in found.items() if rules}


def _of(rules: Iterable[Rule], version: int) -> Rules:
    return tuple(rule for rule in rules if rule.ipv6 == (version == 6))


class _Family:
    """The tables of one IP version."""

    def __init__(self, names: Names, version: int, backend: str, watch: stamp.Watch) -> None:
        self.version = version
        self.stale = True
        self.settled = False
        self._watch = watch
        self._names = names
        program = backend.replace("iptables", "ip6tables") if version == 6 else backend
        self._save, self._restore = f"{program}-save", f"{program}-restore"
        path = shutil.which(self._restore, path=ENVIRONMENT["PATH"])
        self.missing = "" if path else f"{self._restore} is not installed: install the package {PACKAGE}"
        legacy = path is not None and "legacy" in os.path.basename(os.path.realpath(path))
        watch.add(self._turned, legacy=version if legacy else 0)
        self._lock = asyncio.Lock()
        self._seen: Seen | None = None
        self._dirty: dict[str, Rules] = {}

    def exists(self) -> bool:
        """Whether this kernel has the family at all."""
        return self.version == 4 or os.path.exists("/proc/sys/net/ipv6")

    def known(self) -> set[str]:
        """Who had rules in the kernel when it was last looked at."""
        return set(self._seen.owners) if self._seen is not None else set()

    async def owners(self) -> set[str]:
        """Who has rules in the kernel, once no batch is under way."""
        async with self._lock:
            return self.known()

    async def look(self) -> Seen:
        """Read what is in the kernel."""
        self._watch.look()
        self.stale = False
        completed = await self._run([self._save])
        self._seen = read(self._names, completed.stdout.decode(errors="replace"))
        return self._seen

    async def bring(self, owner: str, rules: Rules, wanted: Wanted) -> None:
        """Have exactly `rules` for the owner; those of others that wait go with them."""
        if not rules and owner not in self._dirty and self._lacks(owner):
            return
        if self.missing:
            raise Unavailable(self.missing)
        self._dirty[owner] = rules
        async with self._lock:
            if self._dirty.get(owner) is not rules:
                return  # another's batch had it, or there is a newer wish with a caller of its own
            together, self._dirty = self._dirty, {}
            try:
                await self._apply(together, wanted)
            except BaseException as error:
                del together[owner]
                self._dirty = {**together, **self._dirty}
                if not together or not isinstance(error, SystemFailure):
                    raise
                await self._apply({owner: rules}, wanted)

    def _lacks(self, owner: str) -> bool:
        """Whether an owner has no rules for sure; while a batch is under way that can't be told."""
        if self._seen is None:
            return bool(self.missing) or not self.exists()
        return owner not in self._seen.owners

    async def _apply(self, changes: Mapping[str, Rules], wanted: Wanted) -> None:
        """Make the changes, and what else is needed if somebody has changed the tables meanwhile."""
        for attempt in range(2):
            self._watch.look()
            seen = self._seen
            if seen is None or self.stale or attempt:
                seen = await self.look()
                changes = {**self._broken(seen, wanted()), **changes}
            last = not wanted() and not any(changes.values()) and set(seen.owners) <= set(changes)
            batch = self._batch(seen, changes, last=last)
            if not batch:
                return
            self._seen = None  # until it is known that all went well
            completed = await self._run([self._restore, *_ARGUMENTS], batch.text().encode())
            if not completed.code:
                self._seen = Seen() if last else after(self._names, seen, changes)
                self._watch.note(batch.tables)
                return
        raise SystemFailure(f"{self._restore} failed: {_words(completed)}")

    def _broken(self, seen: Seen, wanted: Mapping[str, Rules]) -> dict[str, Rules]:
        """Whose rules are not as they should be; those that wait for a batch of their own don't count."""
        settled = [(owner, rules) for owner, rules in wanted.items() if owner not in self._dirty]
        broken = {owner: rules for owner, rules in settled if not is_whole(seen, owner, rules)}
        if self.settled:
            broken.update((owner, ()) for owner in seen.owners if owner not in wanted and owner not in self._dirty)
        return broken

    def _batch(self, seen: Seen, changes: Mapping[str, Rules], *, last: bool) -> Batch:
        batch = Batch()
        if last:
            dismantle(seen, batch)
            return batch
        frame(self._names, seen, batch)
        for owner, rules in changes.items():
            if not is_whole(seen, owner, rules):
                change(self._names, seen, batch, owner, rules)
        return batch

    async def repair(self, wanted: Wanted) -> None:
        """Look, and put back what is missing."""
        async with self._lock:
            seen = await self.look()
            broken = self._broken(seen, wanted())
            if self._batch(seen, broken, last=False):
                log.warning("rules of IPv%d were changed by somebody; ours are put back", self.version)
                await self._apply(broken, wanted)

    async def guard(self) -> None:
        """DROP what is passed on and what no rule accepts."""
        batch = Batch()
        batch.add("filter", ":FORWARD DROP [0:0]")
        async with self._lock:
            completed = await self._run([self._restore, *_ARGUMENTS], batch.text().encode())
        if completed.code:
            raise SystemFailure(f"{self._restore} failed: {_words(completed)}")

    def _turned(self) -> None:
        self.stale = True

    async def _run(self, arguments: Sequence[str], stdin: bytes = b"") -> Completed:
        try:
            completed = await run(arguments, _SECONDS, stdin=stdin, limit=_OUTPUT_LIMIT)
        except ProgramTimeout as error:
            raise SystemFailure(str(error)) from error
        except OSError as error:
            raise Unavailable(
                f"{arguments[0]} can't be run: {error.strerror}; install the package {PACKAGE}"
            ) from error
        if completed.code and arguments[0] == self._save:
            raise SystemFailure(f"{self._save} failed: {_words(completed)}")
        return completed


def _words(completed: Completed) -> str:
    return completed.stderr.decode(errors="replace").strip() or f"exit code {completed.code}"
