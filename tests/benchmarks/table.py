"""What was measured, what was to be reached, and how both are printed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

SMOKE_FACTOR = 2.0
"""A quick run fails only where a "must" is missed by this factor: its machine is noisy, its samples few."""


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured under one name; `samples` in `unit`."""

    name: str
    samples: tuple[float, ...]
    unit: str = "ms"

    def quantile(self, share: float) -> float:
        """The smallest sample that is not below that share of all."""
        in_order = sorted(self.samples)
        return in_order[max(0, math.ceil(share * len(in_order)) - 1)]

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.samples)


@dataclass(frozen=True, slots=True)
class Goal:
    """One value that was to be reached. `at_least`: more is better, else less.

    `is_ratio`: it compares two rows of one run, so that it holds on any machine; what is absolute is only
    printed by a quick run.
    """

    text: str
    value: float
    must: float
    aim: float | None = None
    unit: str = "×"
    at_least: bool = False
    is_ratio: bool = True

    @property
    def is_met(self) -> bool:
        """Whether what it must be is reached."""
        return self._holds(self.must)

    @property
    def is_aim_met(self) -> bool | None:
        """Whether what is aimed for is reached; None without an aim."""
        return None if self.aim is None else self._holds(self.aim)

    @property
    def is_far_off(self) -> bool:
        """Whether a quick run has to fail for it."""
        lenient = self.must / SMOKE_FACTOR if self.at_least else self.must * SMOKE_FACTOR
        return self.is_ratio and not self._holds(lenient)

    def _holds(self, limit: float) -> bool:
        return self.value >= limit if self.at_least else self.value <= limit

    @property
    def verdict(self) -> str:
        """In a word or two."""
        if not self.is_met:
            return "MISSED"
        return "met" if self.is_aim_met is None else "met, aim too" if self.is_aim_met else "met, aim not"


@dataclass(frozen=True, slots=True)
class Figure:
    """One benchmark: its rows, side by side out of one run, its goals, and what has to be known besides.

    `base` names the row that the others are compared with.
    """

    number: str
    title: str
    rows: tuple[Row, ...]
    goals: tuple[Goal, ...] = ()
    base: str = ""
    notes: tuple[str, ...] = ()


def ratio(above: Row, below: Row, share: float = 0.5) -> float:
    """How many times one row's quantile is the other's."""
    if share == 0.5:
        return above.median / below.median
    return above.quantile(share) / below.quantile(share)


_HEAD = ("", "n", "min", "median", "p95", "p99", "ratio")


def as_markdown(figures: Sequence[Figure]) -> str:
    """All of it, as it is printed and kept."""
    return "\n".join(line for figure in figures for line in _lines_of(figure))


def _lines_of(figure: Figure) -> list[str]:
    lines = [f"### {figure.number} · {figure.title}", ""]
    if figure.rows:
        lines += _aligned([_HEAD, *(_cells(row, figure) for row in figure.rows)])
        lines.append("")
    lines += [
        f"- {goal.text}: **{_value(goal.value, goal.unit)}** · must {_limit(goal, goal.must)}"
        f"{'' if goal.aim is None else f', aim {_limit(goal, goal.aim)}'} · {goal.verdict}"
        for goal in figure.goals
    ]
    lines += [f"- {note}" for note in figure.notes]
    return [*lines, ""]


def _limit(goal: Goal, limit: float) -> str:
    return f"{'≥' if goal.at_least else '≤'} {_value(limit, goal.unit)}"


def _cells(row: Row, figure: Figure) -> tuple[str, ...]:
    base = next((each for each in figure.rows if each.name == figure.base), None)
    shown = (min(row.samples), row.median, row.quantile(0.95), row.quantile(0.99))
    compared = "" if base is None else f"{ratio(row, base):.2f}×"
    return (row.name, str(len(row.samples)), *(_value(each, row.unit) for each in shown), compared)


def _value(value: float, unit: str) -> str:
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    return f"{value:.{digits}f}{unit}" if unit == "×" else f"{value:.{digits}f} {unit}"


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]

    def line(row: tuple[str, ...]) -> str:
        first, *others = (
            cell.ljust(width) if not column else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "| " + " | ".join((first, *others)) + " |"

    rule = "|".join("-" * (width + 1) + (":" if column else "-") for column, width in enumerate(widths))
    return [line(rows[0]), f"|{rule}|", *(line(row) for row in rows[1:])]
