"""Prices that walk: seeded, on the tick, one walk for all contracts of an underlying."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from crosstrade_panel.simulator.instruments import OPENING_PRICES

if TYPE_CHECKING:
    from crosstrade_panel.simulator.instruments import Contract

WALK_REACH_TICKS = 24
"""The walk stays this close to its centre, so that the opening brackets do not fill by themselves."""


class Market:
    """Last prices. One seed gives one walk, whatever else is asked meanwhile."""

    def __init__(self, seed: int, contracts: tuple[Contract, ...]) -> None:
        self._random = Random(f"{seed}:walk")
        self._last = dict(OPENING_PRICES)
        self._centres = dict(OPENING_PRICES)
        self._ticks = {contract.underlying: contract.tick for contract in contracts}

    def last(self, contract: Contract) -> Decimal:
        """Last price, in points."""
        return self._last[contract.underlying] + contract.spread

    def move(self, contract: Contract, price: Decimal) -> None:
        """Jump to a price; the walk goes on from there."""
        self._last[contract.underlying] = self._centres[contract.underlying] = price - contract.spread

    def step(self) -> None:
        """One step of every walk: a tick up, a tick down, or none."""
        for underlying, tick in self._ticks.items():
            moved = self._last[underlying] + self._random.choice((-1, 0, 0, 1)) * tick
            if abs(moved - self._centres[underlying]) <= WALK_REACH_TICKS * tick:
                self._last[underlying] = moved
