"""Things that can happen to a state instead of what was asked: for the ``act`` of a behaviour."""

from __future__ import annotations

from dataclasses import replace

from tests.contract.behaviours import Call, Effect
from tests.contract.state import Order, Position, State


def nothing(state: State, _call: Call) -> State:
    """Accept, and leave everything as it is."""
    return state


def overfill(state: State, _call: Call) -> State:
    """Turn every open position to the other side: a target filled while the close was on its way."""
    return replace(state, positions=tuple(replace(p, side=_other(p.side)) for p in state.positions))


def close_everything(state: State, _call: Call) -> State:
    """Close far more than was asked."""
    return replace(state, positions=(), orders=tuple(_cancelled(order) for order in state.orders))


def keep_orders(state: State, _call: Call) -> State:
    """Close every position and cancel nothing."""
    return replace(state, positions=())


def close_half(state: State, _call: Call) -> State:
    """Leave half of every position of more than one contract, and each single contract."""
    return replace(
        state, positions=tuple(replace(p, quantity=(p.quantity + 1) // 2) for p in state.positions)
    )


def becomes(*positions: Position, orders: tuple[Order, ...] = ()) -> Effect:
    """Return an effect after which exactly these positions and orders exist."""
    return lambda state, _call: replace(state, positions=positions, orders=orders)


def _other(side: str) -> str:
    return "Short" if side == "Long" else "Long"


def _cancelled(order: Order) -> Order:
    return replace(order, state="Cancelled") if order.working else order
