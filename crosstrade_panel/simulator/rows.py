"""Rows of written answers, changed after the fact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crosstrade_panel.simulator import wire

if TYPE_CHECKING:
    from crosstrade_panel.simulator.faults import ReadKind, Row


def without(data: Row, kind: ReadKind, pairs: frozenset[tuple[str, str]]) -> Row:
    """A positions answer or a snapshot that does not show these pairs, and is right in itself."""

    def shown(rows: list[Row]) -> list[Row]:
        return [row for row in rows if (row["account"], row["instrument"]) not in pairs]

    if kind == "positions":
        rows = shown(wire.rows(data, "positions"))
        return data | {"positions": rows, "count": len(rows)}
    if kind == "snapshot":
        rows = [
            row | {"positions": shown(wire.rows(row, "positions"))} for row in wire.rows(data, "accounts")
        ]
        return data | {"accounts": rows}
    return data


def account_of(row: Row) -> object:
    """The account of a row of a listing or of a snapshot."""
    details = row.get("account", row)
    return details["name"] if isinstance(details, dict) else None


def respelt(rows: list[Row]) -> list[Row]:
    return [row | {"account": str(row["account"]).swapcase()} for row in rows]
