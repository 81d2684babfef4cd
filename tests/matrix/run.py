"""Plays cells and judges them: one result for each."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.matrix.cell import Cell
from tests.matrix.judge import Played, judge
from tests.matrix.play import play_many
from tests.matrix.promised import promised


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a cell, in sentences; none where all is well.

    `breaches` are of laws, which hold on any machine; `surprises` are outcomes that were not promised, which
    one that is too busy may cause: what was to be read before something happened was read after it.
    """

    cell: Cell
    played: Played | None
    breaches: tuple[str, ...] = ()
    surprises: tuple[str, ...] = ()

    @property
    def faults(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.breaches, *self.surprises)

    @property
    def words(self) -> tuple[str, ...]:
        """The outcomes that were told, each once, in their order."""
        told = [] if self.played is None else [claim.verdict for claim in self.played.claims]
        return tuple(word for number, word in enumerate(told) if number == 0 or told[number - 1] != word)

    @property
    def told_s(self) -> float:
        """When the first outcome was told, in seconds at true time."""
        assert self.played is not None
        return (self.played.claims[0].at - self.played.pressed_at) / self.played.scale

    def __str__(self) -> str:
        told = " → ".join(self.words) or "nothing"
        return f"{self.cell}: told {told}: " + "; ".join(self.faults)


def result_of(cell: Cell, played: Played | BaseException) -> Result:
    """Judge what was played by the laws, and by what was promised for that cell."""
    if isinstance(played, TimeoutError):
        return Result(cell, None, (), ("not played in time",))
    if isinstance(played, BaseException):
        return Result(cell, None, (f"not played: {played!r}",))
    promise = promised(cell)
    surprises: list[str] = []
    told = [claim.verdict for claim in played.claims]
    if told and told[0] not in promise.first:
        surprises.append(f"{told[0]} instead of {' or '.join(sorted(promise.first))}")
    if told and told[-1] not in promise.last:
        surprises.append(f"at last {told[-1]} instead of {' or '.join(sorted(promise.last))}")
    return Result(cell, played, tuple(judge(played, acts=promise.acts)), tuple(surprises))


def run(cells: Sequence[Cell], *, scale: float, folder: Path, at_once: int) -> list[Result]:
    """Play these cells, so many at once, and judge them."""
    promises = [(cell, promised(cell)) for cell in cells]
    played = asyncio.run(play_many(promises, scale, folder, at_once))
    return [result_of(cell, each) for cell, each in zip(cells, played, strict=True)]
