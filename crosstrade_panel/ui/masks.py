"""Account names masked in everything the window shows (streaming)."""

import re
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar

from crosstrade_panel.domain.names import fold
from crosstrade_panel.ui.view import Choice, PanelView

_T = TypeVar("_T")

DOT = "•"
_MOST_SHOWN = 4
_NOT_SHOWN = frozenset({"value", "key", "scope", "ticket", "press_id", "order_ids", "fields", "account"})
"""Fields of a view that no trader reads: they say what a click means, and stay as they are."""
_SHOWN_ACCOUNT = frozenset({"PositionRow", "OrderRow", "ClosedRow"})
"""Where `account` is a cell, and no choice."""


class Masks:
    """A mask for each account name that was ever seen: `Sim1••`; two names never share one.

    A name keeps its mask until the program ends. What is masked is a whole word: an account called "Sim" does
    not change "Sim101".
    """

    def __init__(self) -> None:
        self._masks: dict[str, str] = {}
        self._taken: set[str] = set()
        self._spellings: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def learn(self, names: Iterable[str | None]) -> None:
        """Names that must not be shown."""
        new = {name for name in names if name} - self._spellings
        for name in sorted(new):  # whatever the order in which the server lists them
            self._spellings.add(name)
            self._pattern = None
            if fold(name) not in self._masks:
                self._masks[fold(name)] = self._free_mask(name)

    def _free_mask(self, name: str) -> str:
        # Two dots, however long the name: its length is nobody's business either.
        mask = name[: max(0, min(_MOST_SHOWN, len(name) - 2))] + DOT * 2
        number, free = 1, mask
        while free in self._taken:
            number += 1
            free = f"{mask}{number}"
        self._taken.add(free)
        return free

    def name(self, name: str) -> str:
        """The mask of one name."""
        known = self._masks.get(fold(name))
        if known is not None:
            return known
        self.learn((name,))
        return self._masks[fold(name)]

    def text(self, text: str) -> str:
        """A text without any name that is known."""
        if not self._masks or not text:
            return text
        exact = self._masks.get(fold(text))
        if exact is not None:
            return exact
        if self._pattern is None:
            longest_first = sorted(self._spellings, key=len, reverse=True)
            names = "|".join(re.escape(name) for name in longest_first)
            self._pattern = re.compile(rf"(?<!\w)(?:{names})(?!\w)", re.IGNORECASE)
        return self._pattern.sub(lambda found: self._masks.get(fold(found.group()), DOT * 2), text)

    def view(self, view: PanelView, *, rows_are_masked: bool = False) -> PanelView:
        """The whole window without any name that is known. What a click means stays what it was.

        `rows_are_masked`: those of the preview were made with masks; of thousands, that takes no time.
        """
        preview = view.preview
        if rows_are_masked:
            view = replace(view, preview=replace(preview, rows=(), orders=()))
        masked = _mapped(view, self.text)
        if rows_are_masked:
            shown = replace(masked.preview, rows=preview.rows, orders=preview.orders)
            masked = replace(masked, preview=shown)
        if view.account is None or any(choice.value == view.account for choice in view.accounts):
            return masked
        # Else the picker would show the value itself.
        return replace(masked, accounts=(*masked.accounts, Choice(view.account, self.name(view.account))))

    def of(self, shown: _T) -> _T:
        """Any other part of the window without any name that is known."""
        return _mapped(shown, self.text)


def _mapped(shown: _T, change: Callable[[str], str]) -> _T:
    """A view with every text changed that is shown. Whatever comes out equal is the same object."""
    value: Any = shown
    if isinstance(value, str):
        return change(value)  # type: ignore[return-value]
    if isinstance(value, Enum):
        return shown
    if isinstance(value, tuple):
        made = tuple(_mapped(each, change) for each in value)
        return shown if all(new is old for new, old in zip(made, value, strict=True)) else made  # type: ignore[return-value]
    if not is_dataclass(value) or isinstance(value, type):
        return shown
    changes = {}
    is_row = type(value).__name__ in _SHOWN_ACCOUNT
    for each in fields(value):
        if each.name in _NOT_SHOWN and not (is_row and each.name == "account"):
            continue
        old = getattr(value, each.name)
        new = _mapped(old, change)
        if new is not old and new != old:
            changes[each.name] = new
    return replace(value, **changes) if changes else shown  # type: ignore[return-value]
