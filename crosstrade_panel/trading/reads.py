"""What comes of asking how things stand: one of four kinds of read, or none."""

from typing import TypeAlias

from crosstrade_panel.domain.outcome import Reason
from crosstrade_panel.domain.snapshot import AccountsRead, OrdersRead, PositionsRead, Source
from crosstrade_panel.domain.value import dataclass


@dataclass(frozen=True, slots=True)
class FailedRead:
    """A read that showed nothing, and why. `account`: whose orders were asked for."""

    source: Source
    reason: Reason
    account: str | None = None


Read: TypeAlias = PositionsRead | AccountsRead | OrdersRead | FailedRead
