"""The rows of a table as finished cells, made when they are looked at."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import overload

from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.ui.view import Tone

_MANY = 200


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. `sign` colours a profit, `tone` an outcome; `tip` is the full text where it may be cut.

    `badge` is a warning beside the text; `spoken` is for a screen reader, where the text alone is too little.
    """

    text: str
    is_number: bool = False
    sign: int | None = None
    tone: Tone | None = None
    tip: str = ""
    is_dim: bool = False
    badge: str = ""
    spoken: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One row: its cells, what identifies it, and what a click on it hands out (None: nothing)."""

    key: object
    cells: tuple[Cell, ...]
    choice: object = None


class Lines(Sequence[Line]):
    """Rows by number. Of thousands that change each second only those in sight become cells.

    `rows` are what the lines are made from: where a row is equal to another, so is its line.
    """

    def __init__(self, keys: Sequence[object], rows: Sequence[object], make: Callable[[int], Line]) -> None:
        self.keys = tuple(keys)
        self.rows = tuple(rows)
        self._make = make
        self._made: dict[int, Line] = {}

    @classmethod
    def of(cls, lines: Sequence[Line]) -> "Lines":
        """Lines that are made already."""
        made = tuple(lines)
        return cls([line.key for line in made], made, made.__getitem__)

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Line: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Line, ...]: ...
    def __getitem__(self, index: int | slice) -> Line | tuple[Line, ...]:
        if isinstance(index, slice):
            return tuple(self[row] for row in range(*index.indices(len(self))))
        row = range(len(self))[index]
        line = self._made.get(row)
        if line is None:
            line = self._made[row] = self._make(row)
        return line

    def first(self, number: int) -> "Lines":
        """The first ones of these."""
        return Lines(self.keys[:number], self.rows[:number], self._make)

    def runs_changed_since(self, other: "Lines") -> Iterator[tuple[int, int]]:
        """First and last of each run of rows that differ, or of all where there are many.

        `other` has the same keys.
        """
        if len(self) > _MANY:  # to repaint those in sight costs less than to compare the others
            yield 0, len(self) - 1
            return
        is_changed = [new is not was and new != was for new, was in zip(self.rows, other.rows, strict=True)]
        row = 0
        for changed, run in groupby(is_changed):
            after = row + len(list(run))
            if changed:
                yield row, after - 1
            row = after


def same_at_first(one: Sequence[object], other: Sequence[object]) -> int:
    """How many of the first of both are the same."""
    number = 0
    for mine, its in zip(one, other, strict=False):
        if mine is not its and mine != its:
            break
        number += 1
    return number
