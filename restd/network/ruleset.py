"""What is in the kernel's tables, what should be, and the iptables-restore(8) input that makes the second of the first.

Pure. Every rule of ours has a comment with its owner and a digest of all rules of that owner, so that the rules of a
daemon before are known again without comparing texts: iptables-save(8) words them in its own way.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from restd.network.chains import CHAINS, HOOKS, Names

_COMMENT = re.compile(r'--comment "?([^\s"]+)"?')
_DIGEST_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `chain` is one of ours by its short name (see `restd.network.chains`); `text` as iptables(8) takes it.

    `ipv6` says which of iptables and ip6tables it is for. `text` is `-o br0 -j ACCEPT`, without `-A CHAIN`; a target
    `@NAME` is another chain of ours.
    """

    table: str
    chain: str
    text: str
    ipv6: bool = False

    def __post_init__(self) -> None:
        assert self.chain in CHAINS[self.table]
        assert self.text.isprintable(), "one rule is one line"


@dataclass(frozen=True, slots=True)
class Placed:
    """A rule of ours in the kernel: its table, its chain there, and the text that deletes it."""

    table: str
    chain: str
    text: str


@dataclass(slots=True)
class Seen:
    """The tables of one family, as far as they are ours.

    `fixed`: table and chain -> the rules of a chain that only leads on. `hooks`: table, chain of the kernel, rule.
    `owners`: owner -> digest and rules; the digest is empty if its rules have more than one.
    """

    chains: set[tuple[str, str]] = field(default_factory=set)
    fixed: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    hooks: set[tuple[str, str, str]] = field(default_factory=set)
    owners: dict[str, tuple[str, list[Placed]]] = field(default_factory=dict)


def digest(rules: Iterable[Rule]) -> str:
    """A short digest of an owner's rules."""
    text = "\n".join(f"{rule.table} {rule.chain} {rule.text}" for rule in rules)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]


def place(names: Names, owner: str, rules: Sequence[Rule]) -> list[Placed]:
    """The rules as they go into the kernel, with their comments."""
    comment = f'-m comment --comment "{names.mark}{owner}:{digest(rules)}"'
    return [
        Placed(rule.table, names.of(rule.chain), f"{comment} {rule.text.replace('-j @', f'-j {names.prefix}')}")
        for rule in rules
    ]


def read(names: Names, text: str) -> Seen:
    """What is ours in the output of iptables-save."""
    seen = Seen()
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif line.startswith(":"):
            chain = line[1:].partition(" ")[0]
            if names.has(table, chain):
                seen.chains.add((table, chain))
        elif line.startswith("-A "):
            _, chain, rule = line.split(" ", 2)
            _note(names, seen, table, chain, rule)
    return seen


def _note(names: Names, seen: Seen, table: str, chain: str, rule: str) -> None:
    if not names.has(table, chain):
        for hook in HOOKS:
            if (hook.table, hook.builtin) == (table, chain) and rule.endswith(f"-j {names.of(hook.chain)}"):
                seen.hooks.add((table, chain, rule))
        return
    if chain in names.fixed(table):
        seen.fixed.setdefault((table, chain), []).append(rule)
        return
    comment = _COMMENT.search(rule)
    if comment is None or not comment[1].startswith(names.mark):
        return  # somebody else's rule in our chain
    owner, _, mark = comment[1].removeprefix(names.mark).rpartition(":")
    known = seen.owners.setdefault(owner, (mark, []))
    if known[0] != mark:
        known = seen.owners[owner] = ("", known[1])
    known[1].append(Placed(table, chain, rule))


def is_whole(seen: Seen, owner: str, rules: Sequence[Rule]) -> bool:
    """Whether exactly these rules of an owner are there."""
    mark, placed = seen.owners.get(owner, ("", []))
    if not rules:
        return not placed
    return mark == digest(rules) and len(placed) == len(rules)


class Batch:
    """Lines for iptables-restore --noflush, by table. In a table all of them take effect at once, or none."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}

    def add(self, table: str, line: str) -> None:
        """Append a line."""
        self._lines.setdefault(table, []).append(line)

    def __bool__(self) -> bool:
        return bool(self._lines)

    @property
    def tables(self) -> int:
        """How many tables it changes: each is a commit of its own."""
        return len(self._lines)

    def text(self) -> str:
        """The input."""
        return "".join(f"*{table}\n" + "\n".join(lines) + "\nCOMMIT\n" for table, lines in self._lines.items())


def frame(names: Names, seen: Seen, batch: Batch) -> None:
    """What is missing of our chains and of the ways into them."""
    for table, chains in CHAINS.items():
        for chain in chains:
            if (table, names.of(chain)) not in seen.chains:
                batch.add(table, f":{names.of(chain)} - [0:0]")
        for chain, rules in names.fixed(table).items():
            if tuple(seen.fixed.get((table, chain), ())) != rules:
                batch.add(table, f"-F {chain}")
                for rule in rules:
                    batch.add(table, f"-A {chain} {rule}")
    for hook in HOOKS:
        rule = names.hook(hook)
        if not any(entry[:2] == (hook.table, hook.builtin) and entry[2].endswith(rule) for entry in seen.hooks):
            batch.add(hook.table, f"-I {hook.builtin} 1 {rule}" if hook.first else f"-A {hook.builtin} {rule}")


def change(names: Names, seen: Seen, batch: Batch, owner: str, rules: Sequence[Rule]) -> None:
    """Replace whatever an owner has by `rules`."""
    for placed in seen.owners.get(owner, ("", []))[1]:
        batch.add(placed.table, f"-D {placed.chain} {placed.text}")
    for placed in place(names, owner, rules):
        batch.add(placed.table, f"-A {placed.chain} {placed.text}")


def dismantle(seen: Seen, batch: Batch) -> None:
    """Take everything of ours away: hooks first, then the chains with whatever is in them."""
    for table, chain, rule in sorted(seen.hooks):
        batch.add(table, f"-D {chain} {rule}")
    for table, chain in sorted(seen.chains):
        batch.add(table, f"-F {chain}")
    for table, chain in sorted(seen.chains):
        batch.add(table, f"-X {chain}")


def after(names: Names, seen: Seen, changed: Mapping[str, Sequence[Rule]]) -> Seen:
    """What the kernel has once frame and changes are in force: the next batch is made from it without another look."""
    result = Seen(owners=dict(seen.owners))
    for table, chains in CHAINS.items():
        result.chains |= {(table, names.of(chain)) for chain in chains}
        result.fixed |= {(table, chain): list(rules) for chain, rules in names.fixed(table).items()}
    result.hooks = {(hook.table, hook.builtin, names.hook(hook)) for hook in HOOKS} | seen.hooks
    for owner, rules in changed.items():
        result.owners.pop(owner, None)
        if rules:
            result.owners[owner] = (digest(rules), place(names, owner, rules))
    return result
