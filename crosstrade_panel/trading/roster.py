"""Which accounts were seen since start, and what they were ever seen to be."""

from collections.abc import Mapping
from dataclasses import replace

from crosstrade_panel.domain.names import fold
from crosstrade_panel.domain.snapshot import Account, OrdersRead, PositionsRead
from crosstrade_panel.domain.value import dataclass


@dataclass(frozen=True, slots=True)
class Seen:
    """One account. `ever_held`: it showed a position or a working order at some time."""

    name: str
    ever_connected: bool = False
    ever_held: bool = False


class Roster:
    """Grows with every read. A command line that reads only after its press starts without a past."""

    def __init__(self) -> None:
        """Start without an account."""
        self._seen: dict[str, Seen] = {}

    @property
    def seen(self) -> Mapping[str, Seen]:
        """By folded account name."""
        return self._seen

    def observe_accounts(self, accounts: tuple[Account, ...]) -> None:
        """Learn from a listing."""
        for account in accounts:
            # Only "not connected" in so many words counts against an account.
            self._note(account.name, connected=account.connected is True)

    def observe_positions(self, read: PositionsRead) -> None:
        """Learn from open positions, and from the accounts that a snapshot lists."""
        self.observe_accounts(read.accounts or ())
        for name in dict.fromkeys(row.account for row in read.positions):
            if name is not None:
                self._note(name, held=True)

    def observe_orders(self, read: OrdersRead) -> None:
        """Learn from working orders."""
        self._note(read.account, held=any(order.is_working for order in read.orders))

    def copy(self) -> Mapping[str, Seen]:
        """What was known at this moment."""
        return dict(self._seen)

    def _note(self, name: str, *, connected: bool = False, held: bool = False) -> None:
        key = fold(name)
        known = self._seen.get(key) or Seen(name)
        connected, held = connected or known.ever_connected, held or known.ever_held
        if (connected, held) == (known.ever_connected, known.ever_held):
            self._seen.setdefault(key, known)
        else:
            self._seen[key] = replace(known, ever_connected=connected, ever_held=held)
