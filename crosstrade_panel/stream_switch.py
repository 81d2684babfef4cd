"""The trader's choice of the stream: takes it up, puts it away, and says how it does."""

import asyncio
from collections.abc import Awaitable, Callable

from crosstrade_panel import texts
from crosstrade_panel.crosstrade.stream import Stream, StreamReport, StreamState
from crosstrade_panel.crosstrade.stream_gateway import StreamGateway
from crosstrade_panel.ui.view import StreamView

_WORDS = {
    StreamState.CONNECTING: texts.STREAM_CONNECTING,
    StreamState.WAITING: texts.STREAM_WAITING,
    StreamState.REFUSED: texts.STREAM_REFUSED,
    StreamState.TAKEN_OVER: texts.STREAM_TAKEN_OVER,
}


class StreamSwitch:
    """One gateway's stream, which is there only while it is wanted. Presses go over REST whatever it does."""

    def __init__(self, gateway: StreamGateway, make: Callable[[], Awaitable[Stream]]) -> None:
        """Not wanted yet; `make` prepares a stream that connects nothing."""
        self._gateway = gateway
        self._make = make
        self._turn = asyncio.Lock()
        self._is_wanted = False

    async def turn(self, *, on: bool) -> None:
        """Take the stream up, away from every other tool with this token; or leave it to them."""
        self._is_wanted = on
        async with self._turn:
            if self._is_wanted == (self._gateway.stream_state is not None):
                return
            if self._is_wanted:
                stream = await self._make()
                self._gateway.use(stream)
                stream.reconnect()
            elif (before := self._gateway.use(None)) is not None:
                await before.aclose()

    def take_back(self) -> None:
        """Another tool took it over, and the trader wants it back."""
        self._gateway.reconnect()

    def view(self) -> tuple[StreamView, str]:
        """How it does, and the link in words while presses go over it."""
        report = self._gateway.stream_state
        if report is None:
            return StreamView(self._is_wanted), ""
        link = texts.stream_text(report.round_trip_s) if report.state is StreamState.OPEN else ""
        may_reconnect = report.state is StreamState.TAKEN_OVER
        return StreamView(self._is_wanted, _in_words(report), may_reconnect), link


def _in_words(report: StreamReport) -> str:
    words = _WORDS.get(report.state, "")
    said = "" if report.reason is None else report.reason.said
    return f"{words}: “{said}”" if words and said and report.state is StreamState.REFUSED else words
