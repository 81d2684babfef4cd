"""The exchange's own log of what reached it."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from crosstrade_panel.simulator.faults import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST_ANSWER = 64 * 1024
"""Bytes of an answer that are kept."""
MOST_CALLS = 10_000
"""At least so many calls are kept, and at most twice as many: practice goes on for days."""
MOST_ANSWERS = 1_000
"""So many of the newest calls keep the bytes of their answers."""


class CallLog:
    """Every request in its order of arrival, unanswered ones included. Safe to read from any thread.

    The oldest are forgotten; numbers, and the length, go on counting them.
    """

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._forgotten = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        with self._lock:
            return self._forgotten + len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        with self._lock:
            return iter(list(self._calls))

    def __getitem__(self, number: int) -> Call:
        """By its number, or counted from the newest one; IndexError where it is forgotten."""
        with self._lock:
            place = number if number < 0 else number - self._forgotten
            if number >= 0 > place:
                raise IndexError(number)
            return self._calls[place]

    def of(self, method: str, path_end: str = "") -> list[Call]:
        """Calls with this method whose path, without its query, ends so."""
        return [
            call for call in self if call.method == method and call.path.partition("?")[0].endswith(path_end)
        ]

    def arrived(self, method: str, path: str, body: bytes, at: float, began_at: float | None = None) -> Call:
        """Note a request whose last byte was read."""
        with self._lock:
            call = Call(self._forgotten + len(self._calls), method, path, body, at, began_at=began_at)
            self._calls.append(call)
            if len(self._calls) > MOST_ANSWERS:
                old = len(self._calls) - 1 - MOST_ANSWERS
                self._calls[old] = replace(self._calls[old], answer=b"")
            if len(self._calls) >= 2 * MOST_CALLS:
                del self._calls[:MOST_CALLS]
                self._forgotten += MOST_CALLS
            return call

    def acted(self, call: Call) -> None:
        """Note that the book carried out a change for it."""
        self._note(call, lambda known: replace(known, acted=True))

    def answered(self, call: Call, status: int, at: float, answer: bytes = b"") -> None:
        """Note an answer handed to the socket."""
        self._note(call, lambda known: replace(known, status=status, answered_at=at))
        self.wrote(call, answer)

    def wrote(self, call: Call, more: bytes) -> None:
        """Note further bytes of an answer."""

        def longer(known: Call) -> Call:
            answer = known.answer
            if len(answer) < LONGEST_ANSWER:
                answer = (answer + more[:LONGEST_ANSWER])[:LONGEST_ANSWER]
            return replace(known, answer=answer, answer_size=known.answer_size + len(more))

        self._note(call, longer)

    def _note(self, call: Call, change: Callable[[Call], Call]) -> None:
        with self._lock:
            place = call.number - self._forgotten
            if place >= 0:
                self._calls[place] = change(self._calls[place])
