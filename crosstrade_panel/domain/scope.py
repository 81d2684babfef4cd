"""What a press applies to. A scope that would be wider than it looks cannot be made."""

from enum import Enum
from typing import TypeAlias

from crosstrade_panel.domain.names import fold, is_name, may_be_same_instrument, same_instrument
from crosstrade_panel.domain.value import dataclass


class Side(Enum):
    """The side of a position."""

    LONG = "long"
    SHORT = "short"

    @property
    def opposite(self) -> "Side":
        """The other side."""
        return Side.SHORT if self is Side.LONG else Side.LONG


class ScopeError(ValueError):
    """A scope or ticket with a field that cannot be meant as it stands."""


def require_name(what: str, name: object) -> None:
    """Refuse what is not a visible name: to the API a blank one means "all"."""
    if not is_name(name):
        message = f"{what} needs a visible name: {name!r} would mean a wider scope"
        raise ScopeError(message)


def _require_filters(instrument: object, side: object) -> None:
    if instrument is not None:
        require_name("instrument", instrument)
    if side is not None and not isinstance(side, Side):
        message = f"side is long or short, not {side!r}"
        raise ScopeError(message)


@dataclass(frozen=True, slots=True)
class OneAccount:
    """Positions of one account, optionally of one instrument and one side."""

    account: str
    instrument: str | None = None
    side: Side | None = None

    def __post_init__(self) -> None:
        require_name("account", self.account)
        _require_filters(self.instrument, self.side)


@dataclass(frozen=True, slots=True)
class EveryAccount:
    """Positions of every account, optionally of one instrument and one side.

    Without a filter it is everything: the only scope whose request has an empty body.
    """

    instrument: str | None = None
    side: Side | None = None

    def __post_init__(self) -> None:
        _require_filters(self.instrument, self.side)


Scope: TypeAlias = OneAccount | EveryAccount


def account_of(scope: Scope) -> str | None:
    """The account of a scope; None for every account."""
    return scope.account if isinstance(scope, OneAccount) else None


def is_outside(scope: Scope, account: str | None, instrument: str | None, side: Side | None) -> bool:
    """Whether a row is shown to lie outside the scope; None is a field that could not be read.

    A row that cannot be shown to be outside is inside.
    """
    wanted = account_of(scope)
    if wanted is not None and account is not None and fold(account) != fold(wanted):
        return True
    if (
        scope.instrument is not None
        and instrument is not None
        and not may_be_same_instrument(instrument, scope.instrument)
    ):
        return True
    return scope.side is not None and side is not None and side is not scope.side


def is_within(inner: Scope, outer: Scope) -> bool:
    """Whether everything that `inner` can touch is certainly also in `outer` (equal counts)."""
    outer_account, inner_account = account_of(outer), account_of(inner)
    if outer_account is not None and (inner_account is None or fold(inner_account) != fold(outer_account)):
        return False
    if outer.instrument is not None and (
        inner.instrument is None or not same_instrument(inner.instrument, outer.instrument)
    ):
        return False
    return outer.side is None or inner.side is outer.side


def overlap(one: Scope, other: Scope) -> bool:
    """Whether some position could be in both scopes."""
    account = account_of(one)
    if account is not None and is_outside(OneAccount(account), account_of(other), None, None):
        return False
    if (
        one.instrument is not None
        and other.instrument is not None
        and not may_be_same_instrument(one.instrument, other.instrument)
    ):
        return False
    return one.side is None or other.side is None or one.side is other.side
