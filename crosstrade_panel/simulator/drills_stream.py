"""Drills of the stream: another tool takes it, or the server closes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crosstrade_panel.simulator.drill import Drill
from crosstrade_panel.simulator.faults import NoFaults, Raw
from crosstrade_panel.simulator.spells import FirstPress

if TYPE_CHECKING:
    from crosstrade_panel.simulator.book import Book
    from crosstrade_panel.simulator.faults import Call, Floor, Reply
    from crosstrade_panel.simulator.link import Link

TAKEN_OVER = (4000, "Session active elsewhere")
POLICY = (1008, "Rate limit exceeded")


class TakenOver(NoFaults):
    """Another tool takes the stream: now, or as soon as there is one. Once."""

    def __init__(self) -> None:
        self._floor: Floor | None = None

    def arm(self, book: Book, floor: Floor) -> None:
        del book
        self._floor = floor
        if floor.has_stream:
            self.stream_opened()

    def stream_opened(self) -> None:
        floor, self._floor = self._floor, None
        if floor is not None:
            floor.close_stream(*TAKEN_OVER)


class StreamClosed(FirstPress):
    """The stream is closed with a code and a reason because of the first press, whichever way that came.

    A press over the stream acts or not; its answer never comes.
    """

    def __init__(self, why: tuple[int, str], *, acts: bool) -> None:
        super().__init__()
        self._why = why
        self._acts = acts
        self._floor: Floor | None = None

    def arm(self, book: Book, floor: Floor) -> None:
        del book
        self._floor = floor

    async def before(self, call: Call, link: Link | None) -> Raw | None:
        del link
        if not self.is_first(call) or self._acts:
            return None
        self._close()
        return Raw("hang") if call.method == "WS" else None

    async def after(self, call: Call, reply: Reply, link: Link | None) -> Reply | Raw:
        del link
        if not self.is_first(call) or not self._acts:
            return reply
        self._close()
        return Raw("hang") if call.method == "WS" else reply

    def _close(self) -> None:
        assert self._floor is not None  # noqa: S101  # armed before any press
        self._floor.close_stream(*self._why)


class TakenOverLater(FirstPress):
    """Another tool takes the stream some time after the first press arrived."""

    def __init__(self, later_s: float) -> None:
        super().__init__()
        self._later_s = later_s
        self._floor: Floor | None = None

    def arm(self, book: Book, floor: Floor) -> None:
        del book
        self._floor = floor

    async def before(self, call: Call, link: Link | None) -> None:
        del link
        if self.is_first(call) and self._floor is not None:
            self._floor.close_stream(*TAKEN_OVER, after_s=self._later_s)
            self._floor = None


STREAM: tuple[Drill, ...] = (
    Drill(
        "stream-taken",
        "stream",
        "Stream taken over",
        "Another tool takes the stream over, at once.",
        lambda _, __: TakenOver(),
        applies="the moment it is armed, or as soon as a stream opens; once",
        presses=(),
    ),
    Drill(
        "stream-taken-at-press",
        "stream",
        "Stream taken at press",
        "The press acts, and another tool takes the stream over before it is answered.",
        lambda _, __: StreamClosed(TAKEN_OVER, acts=True),
        over_stream="the answer never comes; a press over REST is answered",
        needs="an open stream",
    ),
    Drill(
        "stream-taken-later",
        "stream",
        "Stream taken later",
        "A second after the press, another tool takes the stream over.",
        lambda _, scale: TakenOverLater(scale),
        needs="an open stream",
    ),
    Drill(
        "stream-closed-1008",
        "stream",
        "Stream closed on press",
        "The server closes the stream for misuse when the press comes.",
        lambda _, __: StreamClosed(POLICY, acts=False),
        over_stream="the press does nothing and is never answered; a press over REST acts and is answered",
        needs="an open stream",
    ),
)
