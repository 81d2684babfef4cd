"""Drills of the connection: what happens to the bytes of the first press on their way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crosstrade_panel.simulator.drill import Drill
from crosstrade_panel.simulator.faults import NoFaults, Raw
from crosstrade_panel.simulator.presses import press_in
from crosstrade_panel.simulator.spells import FirstPress

if TYPE_CHECKING:
    from crosstrade_panel.simulator.book import Book
    from crosstrade_panel.simulator.faults import Call, Floor, Reply
    from crosstrade_panel.simulator.link import Link

HOLE_S = 18.0
"""Longer than a client waits for an answer, so that it gives up first."""


class ClosedIdle(NoFaults):
    """When armed, the exchange says goodbye on every connection that is idle."""

    def arm(self, book: Book, floor: Floor) -> None:
        del book
        floor.close_idle_links()


class DroppedBefore(NoFaults):
    """As soon as the request begins to arrive the connection is reset; nobody read a byte of it."""

    def __init__(self) -> None:
        self._done = False

    def incoming(self, data: bytes, link: Link) -> bool:
        if self._done or press_in(data, is_stream=link.is_stream) is None:
            return True
        self._done = True
        link.reset()
        return False


class DroppedDuring(FirstPress):
    """The request is read, and the connection is reset before it acts."""

    async def before(self, call: Call, link: Link | None) -> Raw | None:
        del link
        return Raw("reset") if self.is_first(call) else None


class DroppedAfter(FirstPress):
    """It acts, and the connection is reset before the answer."""

    async def after(self, call: Call, reply: Reply, link: Link | None) -> Reply | Raw:
        del link
        return Raw("reset") if self.is_first(call) else reply


class HoleTowards(NoFaults):
    """What the press sends stays under way for a while. See `Link.hold` for who can still take it back."""

    def __init__(self, for_s: float) -> None:
        self._for_s = for_s
        self._done = False

    def incoming(self, data: bytes, link: Link) -> bool:
        if not self._done and press_in(data, is_stream=link.is_stream) is not None:
            self._done = True
            link.hold(self._for_s)
        return True


class HoleBack(FirstPress):
    """It acts; whatever the exchange sends on that connection stays under way for a while."""

    def __init__(self, for_s: float) -> None:
        super().__init__()
        self._for_s = for_s

    async def after(self, call: Call, reply: Reply, link: Link | None) -> Reply | None:
        if not self.is_first(call):
            return reply
        if link is None:
            return None
        link.mute(self._for_s)
        # A moment longer than the hole, so that the log has the time at which the answer went out.
        return None if await link.pause(self._for_s + 0.01) else reply


CONNECTION: tuple[Drill, ...] = (
    Drill(
        "link-closed-idle",
        "connection",
        "Idle links closed",
        "The server closes every connection that is idle.",
        lambda _, __: ClosedIdle(),
        applies="the moment it is armed",
        over_stream="the stream ends without a goodbye, where no request is under way on it",
        presses=(),
    ),
    Drill(
        "link-dropped-before",
        "connection",
        "Link dropped before",
        "The connection breaks as soon as the press begins to arrive, and nothing of it was read.",
        lambda _, __: DroppedBefore(),
    ),
    Drill(
        "link-dropped-during",
        "connection",
        "Link dropped during",
        "The press arrives, and the connection breaks before it acts.",
        lambda _, __: DroppedDuring(),
    ),
    Drill(
        "link-dropped-after",
        "connection",
        "Link dropped after",
        "The press acts, and the connection breaks before the answer.",
        lambda _, __: DroppedAfter(),
    ),
    Drill(
        "black-hole-out",
        "connection",
        "Press held up",
        f"What the press sends is held up for {HOLE_S:g} seconds; then it acts, unless it was called back.",
        lambda _, scale: HoleTowards(HOLE_S * scale),
    ),
    Drill(
        "black-hole-back",
        "connection",
        "Answer held up",
        f"The press acts, and what the server sends on that connection is held up for {HOLE_S:g} seconds.",
        lambda _, scale: HoleBack(HOLE_S * scale),
        over_stream="the same, pushes, pongs and other answers included",
    ),
)
