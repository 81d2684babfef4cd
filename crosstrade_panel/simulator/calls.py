"""The exchange's own log of what reached it."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from crosstrade_panel.simulator.faults import Call

if TYPE_CHECKING:
    from collections.abc import Iterator


class CallLog:
    """Every request in its order of arrival, unanswered ones included. Safe to read from any thread."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        with self._lock:
            return iter(list(self._calls))

    def __getitem__(self, number: int) -> Call:
        return self._calls[number]

    def of(self, method: str, path_end: str = "") -> list[Call]:
        """Calls with this method whose path, without its query, ends so."""
        return [
            call for call in self if call.method == method and call.path.partition("?")[0].endswith(path_end)
        ]

    def arrived(self, method: str, path: str, body: bytes, at: float) -> Call:
        """Note a request whose last byte was read."""
        with self._lock:
            call = Call(len(self._calls), method, path, body, at)
            self._calls.append(call)
            return call

    def acted(self, call: Call) -> None:
        """Note that the book carried out a change for it."""
        with self._lock:
            self._calls[call.number] = replace(self._calls[call.number], acted=True)

    def answered(self, call: Call, status: int, at: float) -> None:
        """Note an answer handed to the socket."""
        with self._lock:
            self._calls[call.number] = replace(self._calls[call.number], status=status, answered_at=at)
