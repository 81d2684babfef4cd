"""One WebSocket connection: frames out, answers matched by their id, pings that watch it, one end."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from dataclasses import field
from functools import partial

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from crosstrade_panel.crosstrade import pipe, wire
from crosstrade_panel.crosstrade.untrusted import clean_text
from crosstrade_panel.crosstrade.wire import Answer
from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.trading.ports import Clock, GatewayError, OnDelivered, Receipt, UnknownOutcomeError

log = logging.getLogger(__name__)

# A loop that was held up may run a timer before it reads what came meanwhile (Qt's does).
_GRACE_S = 0.05


@dataclass(eq=False, slots=True)
class Call:
    """One frame that asks for an answer.

    `answer` is cancelled when the connection goes. `sent_at`: monotonic seconds when the frame was handed to
    the system, None while that is not known. `is_delivered`: its receipt came, the pong of a ping right
    behind it.
    """

    frame_id: str
    is_press: bool
    answer: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    sent_at: float | None = None
    is_delivered: bool = False


@dataclass(frozen=True, slots=True)
class Goodbye:
    """How a connection ended: the close code and what was said with it; 1006 where nothing was said."""

    code: int
    said: str


def receipt_of(answer: Answer) -> Receipt:
    """What an answer to a press says.

    Raises:
        GatewayError: as `wire.read_receipt`.
    """
    try:
        return wire.read_receipt(answer)
    except GatewayError:
        raise
    except Exception as error:
        # Our own mistake must not look like "nothing happened".
        raise UnknownOutcomeError(
            Reason(Cause.INTERNAL), sent_at=answer.sent_at, answered_at=answer.answered_at
        ) from error


class Session:
    """A connection that is open until it ends, once.

    It ends when the other side says so, when TCP says so, and when a ping stays unanswered for `dead_s`:
    then by reset, so that what has not left this machine never will.
    """

    def __init__(
        self,
        connection: ClientConnection,
        sock: socket.socket,
        clock: Clock,
        *,
        ping_s: float,
        dead_s: float,
        on_reset: Callable[[], None],
    ) -> None:
        """Take over a connection whose handshake is done. `listen` has to be running for it to live.

        `on_reset` is called when it is reset, at once; `listen` returns a little later.
        """
        self._connection = connection
        self._sock = sock
        self._clock = clock
        self._ping_s = ping_s
        self._dead_s = dead_s
        self._calls: dict[str, Call] = {}
        self._is_over = False
        self._on_reset = on_reset
        self.round_trip_s: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether a frame could go out now."""
        return not self._is_over and self._connection.state is State.OPEN

    @property
    def carries_press(self) -> bool:
        """Whether a press waits for its answer."""
        return any(call.is_press for call in self._calls.values())

    # -- out ---

    async def send(self, call: Call, frame: bytes, on_delivered: OnDelivered | None = None) -> None:
        """Send a frame, and behind that of a press the ping for its receipt.

        Raises:
            Exception: whatever the library or the system say; it proves nothing, the frame may have left.
        """
        self._calls[call.frame_id] = call
        await self._connection.send(frame, text=True)
        call.sent_at = self._clock.monotonic()
        # A turn later: a server that reads both at once would answer the ping before it looks at the frame.
        await asyncio.sleep(0)
        if call.is_press and self.is_open and not call.answer.done():
            pong = await self._ping()
            pong.add_done_callback(partial(self._note_receipt, call, on_delivered))

    def forget(self, call: Call) -> None:
        """Nobody waits for this answer any more."""
        self._calls.pop(call.frame_id, None)

    def late(self, call: Call) -> "asyncio.Future[Receipt]":
        """What becomes of a press whose answer is still to come; cancelled when it cannot come any more."""
        late: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        late.add_done_callback(lambda _: self.forget(call))  # also where nobody wants it any more

        def settle(answer: asyncio.Future[Answer]) -> None:
            if late.done() or answer.cancelled():
                late.cancel()
                return
            try:
                late.set_result(receipt_of(answer.result()))
            except GatewayError as error:
                late.set_exception(error)
                late.exception()  # asked for: that nobody else does is no mistake

        call.answer.add_done_callback(settle)
        return late

    def _note_receipt(
        self, call: Call, on_delivered: OnDelivered | None, pong: "asyncio.Future[float]"
    ) -> None:
        if pong.exception() is None and not call.answer.done():
            call.is_delivered = True
            if on_delivered is not None:
                on_delivered(self._clock.monotonic())

    # -- in ---

    async def listen(self) -> Goodbye:
        """Read until the end: the one reader."""
        pinging = asyncio.get_running_loop().create_task(self._keep_pinging())
        try:
            while True:
                # Not decoded by the library: to it one frame of bad UTF-8 is the end of the connection.
                self._take(await self._connection.recv(decode=False))
        except ConnectionClosed:
            return Goodbye(self._connection.close_code or 0, clean_text(self._connection.close_reason or ""))
        finally:
            pinging.cancel()
            await asyncio.gather(pinging, return_exceptions=True)
            self._end()

    def _take(self, frame: bytes) -> None:
        frame_id = wire.id_of_frame(frame)
        call = self._calls.pop(frame_id, None) if frame_id is not None else None
        if call is None:
            log.info("a frame of %d bytes answers nothing that was asked", len(frame))
            return
        now = self._clock.monotonic()
        sent_at = now if call.sent_at is None else call.sent_at
        call.answer.set_result(wire.answer_of_frame(frame, sent_at, now))

    # -- watching ---

    async def _keep_pinging(self) -> None:
        with contextlib.suppress(ConnectionClosed):  # the reader meets it, too
            while self.is_open:
                pong = await self._ping()
                pong.add_done_callback(self._note_round_trip)
                await asyncio.sleep(self._ping_s)
        # The other side said goodbye, and then did not go.
        self.reset()

    def _note_round_trip(self, pong: "asyncio.Future[float]") -> None:
        if pong.exception() is None:
            self.round_trip_s = pong.result()

    async def _ping(self) -> "asyncio.Future[float]":
        pong = asyncio.ensure_future(await self._connection.ping())  # one already, by another type
        asyncio.get_running_loop().call_later(self._dead_s, self._doubt, pong)
        return pong

    def _doubt(self, pong: "asyncio.Future[float]") -> None:
        if not pong.done():
            asyncio.get_running_loop().call_later(_GRACE_S, self._judge, pong)

    def _judge(self, pong: "asyncio.Future[float]") -> None:
        if not pong.done():
            log.info("a ping was not answered: the connection is dead")
            self.reset()

    # -- the end ---

    def reset(self) -> None:
        """End it now, with an RST."""
        if not self._is_over:
            pipe.reset(self._sock, self._connection.transport)
            self._end()
            self._on_reset()

    async def close(self) -> None:
        """Say goodbye, once nobody listens any more. A press that is under way is not called back."""
        await self._connection.close()

    def _end(self) -> None:
        self._is_over = True
        calls, self._calls = self._calls, {}
        for call in calls.values():
            call.answer.cancel()
