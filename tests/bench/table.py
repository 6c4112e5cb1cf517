"""The bench's results as text and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.bench.engine_bench import less_is_better


@dataclass
class Row:
    """One figure: its unit, and each engine's values or the reason why there are none."""

    name: str
    unit: str
    values: dict[str, list[float]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def median(self, engine: str) -> float | None:
        """The middle of an engine's values."""
        found = self.values.get(engine)
        return statistics.median(found) if found else None

    def ratio(self, ours: str, peer: str) -> float | None:
        """How many times better ours is: above 1 is better, whatever the unit."""
        own, other = self.median(ours), self.median(peer)
        if not own or not other:
            return None
        return other / own if less_is_better(self.unit) else own / other


def number(value: float | None) -> str:
    """Three figures that matter."""
    if value is None:
        return "-"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def render(rows: Sequence[Row], engines: Sequence[str]) -> str:
    """A table: a row a figure, medians, and how many times better the first engine is than the last."""
    ours, *peers = engines
    lines = [["figure", "unit", *engines, *(f"times better than {peer}" for peer in peers)]]
    for row in rows:
        ratios = [row.ratio(ours, peer) for peer in peers]
        cells = ["failed" if name in row.failures else number(row.median(name)) for name in engines]
        lines.append([row.name, row.unit, *cells, *("-" if r is None else f"{r:.2f}" for r in ratios)])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = [
        "  ".join(
            cell.ljust(width) if at < 2 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    text.insert(1, "  ".join("-" * width for width in widths))
    failures = [f"{row.name}, {engine}: {reason}" for row in rows for engine, reason in row.failures.items()]
    return "\n".join(text + failures)


def as_json(rows: Sequence[Row], engines: Sequence[str]) -> list[Mapping[str, object]]:
    """All values, for other programs."""
    return [
        {
            "figure": row.name,
            "unit": row.unit,
            "less_is_better": less_is_better(row.unit),
            "values": row.values,
            "median": {name: row.median(name) for name in engines},
            "times_better": {peer: row.ratio(engines[0], peer) for peer in engines[1:]},
            "failures": row.failures,
        }
        for row in rows
    ]
