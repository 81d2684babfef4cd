"""The exchange's own log of what reached it."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from crosstrade_panel.simulator.faults import Call

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_ANSWER = 64 * 1024
"""Bytes of an answer that are kept."""


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

    def arrived(self, method: str, path: str, body: bytes, at: float, began_at: float | None = None) -> Call:
        """Note a request whose last byte was read."""
        with self._lock:
            call = Call(len(self._calls), method, path, body, at, began_at=began_at)
            self._calls.append(call)
            return call

    def acted(self, call: Call) -> None:
        """Note that the book carried out a change for it."""
        with self._lock:
            self._calls[call.number] = replace(self._calls[call.number], acted=True)

    def answered(self, call: Call, status: int, at: float, answer: bytes = b"") -> None:
        """Note an answer handed to the socket."""
        with self._lock:
            self._calls[call.number] = replace(self._calls[call.number], status=status, answered_at=at)
        self.wrote(call, answer)

    def wrote(self, call: Call, more: bytes) -> None:
        """Note further bytes of an answer."""
        with self._lock:
            known = self._calls[call.number]
            answer = known.answer
            if len(answer) < LONGEST_ANSWER:
                answer = (answer + more[:LONGEST_ANSWER])[:LONGEST_ANSWER]
            size = known.answer_size + len(more)
            self._calls[call.number] = replace(known, answer=answer, answer_size=size)
