"""The futures that the practice exchange lists, and every way in which the contract lets one be named."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

MONTH_CODES = "FGHJKMNQUVXZ"
"""January to December, as exchanges abbreviate them."""


@dataclass(frozen=True, slots=True)
class Contract:
    """One listed month of a future. Prices in points, `point_value` in dollars a point."""

    root: str
    month: int
    year: int
    tick: Decimal
    point_value: Decimal
    underlying: str
    """Contracts with one underlying share one price walk: ES and MES never drift apart."""
    spread: Decimal
    """Points above the price walk of the underlying."""

    @property
    def name(self) -> str:
        """The exact name, `MES 12-25`: the only form that answers carry."""
        return f"{self.root} {self.month:02d}-{self.year % 100:02d}"

    @property
    def code(self) -> str:
        """Root and month code without the year: `MESZ`."""
        return f"{self.root}{MONTH_CODES[self.month - 1]}"


@dataclass(frozen=True, slots=True)
class _Future:
    root: str
    tick: str
    point_value: str
    underlying: str
    months: tuple[tuple[int, int], ...]
    carry: str


OPENING_PRICES = {
    "ES": Decimal("6012.25"),
    "NQ": Decimal("21480.75"),
    "YM": Decimal(44310),
    "RTY": Decimal("2412.6"),
    "CL": Decimal("68.42"),
    "GC": Decimal("2671.3"),
}
"""Where the walk of each underlying begins, in points of its front month."""

_INDEX = ((12, 2025), (3, 2026))
_FUTURES = (
    _Future("ES", "0.25", "50", "ES", _INDEX, "52.50"),
    _Future("MES", "0.25", "5", "ES", _INDEX, "52.50"),
    _Future("NQ", "0.25", "20", "NQ", _INDEX, "212.25"),
    _Future("MNQ", "0.25", "2", "NQ", _INDEX, "212.25"),
    _Future("YM", "1", "5", "YM", _INDEX, "310"),
    _Future("MYM", "1", "0.5", "YM", _INDEX, "310"),
    _Future("RTY", "0.1", "50", "RTY", _INDEX, "19.4"),
    _Future("M2K", "0.1", "5", "RTY", _INDEX, "19.4"),
    # Oil and gold roll on their own calendars: by December the active months are January and February.
    _Future("CL", "0.01", "1000", "CL", ((1, 2026), (2, 2026)), "-0.31"),
    _Future("GC", "0.1", "100", "GC", ((2, 2026), (4, 2026)), "14.2"),
)


def listed_contracts() -> tuple[Contract, ...]:
    """Every contract, the front month of each root first."""
    return tuple(
        Contract(
            future.root,
            month,
            year,
            Decimal(future.tick),
            Decimal(future.point_value),
            future.underlying,
            Decimal(future.carry) * index,
        )
        for future in _FUTURES
        for index, (month, year) in enumerate(future.months)
    )


class Listing:
    """What a name means today: `MES 12-25`, `MES`, `MES1!`, `MESZ25`, `MESZ5` where one month fits."""

    def __init__(self, contracts: tuple[Contract, ...] | None = None) -> None:
        self.contracts = listed_contracts() if contracts is None else contracts
        self._fixed: dict[str, Contract] = {}
        self._front: dict[str, Contract] = {}
        single_digits = Counter(f"{c.code}{c.year % 10}" for c in self.contracts)
        for contract in self.contracts:
            self._fixed[contract.name.casefold()] = contract
            self._fixed[f"{contract.code}{contract.year % 100:02d}".casefold()] = contract
            short = f"{contract.code}{contract.year % 10}"
            if single_digits[short] == 1:
                self._fixed[short.casefold()] = contract
            self._front.setdefault(contract.root.casefold(), contract)

    def find(self, name: str) -> Contract | None:
        """The contract that a name means, whatever its case; None for a name nobody listed."""
        key = name.casefold()
        return self._fixed.get(key) or self._front.get(key.removesuffix("1!"))

    def roll(self, name: str) -> None:
        """Make this contract the front month of its root: from now on `ES` and `ES1!` mean it."""
        contract = self._fixed[name.casefold()]
        self._front[contract.root.casefold()] = contract
