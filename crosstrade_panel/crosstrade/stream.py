"""The API over its WebSocket: kept open, watched, sends once, says whether it may have left.

One connection per user: another one takes its place. Then this one says so and stays away until it is asked
back; anything else would fight the trader's own tools.
"""

import asyncio
import contextlib
import itertools
import logging
import secrets
import ssl
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import Protocol

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from crosstrade_panel import __version__
from crosstrade_panel.crosstrade import wire
from crosstrade_panel.crosstrade.address import BaseUrl, Secret
from crosstrade_panel.crosstrade.pipe import Dial, notice_dead_peer
from crosstrade_panel.crosstrade.proxy import Proxy, ProxyError
from crosstrade_panel.crosstrade.session import Call, Goodbye, Session, receipt_of
from crosstrade_panel.crosstrade.steps import in_turns
from crosstrade_panel.crosstrade.tls import default_tls
from crosstrade_panel.crosstrade.wire import Answer
from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.domain.scope import Scope, ScopeError
from crosstrade_panel.domain.snapshot import PositionsRead
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.trading.ports import (
    Clock,
    NotSentError,
    OnDelivered,
    ReadFailedError,
    Receipt,
    UnknownOutcomeError,
)

log = logging.getLogger(__name__)

CAP_BYTES = 16 * 1024 * 1024
"""The largest frame that is read."""

_MOST_QUEUED = 16
_GOODBYE_S = 0.25
_POLICY_VIOLATION = 1008

# The library would write the token into its debug log, headers and all.
_NO_LOG = logging.Logger("websockets")  # noqa: LOG001 - nobody's: the library's own stays as it is
_NO_LOG.disabled = True


class StreamLimits(Protocol):
    """The waiting times that count here, in seconds; the program's `Pace` has them."""

    @property
    def press_deadline_s(self) -> float:
        """One press, until its answer."""

    @property
    def connect_s(self) -> float:
        """Connecting, TLS and the WebSocket's handshake included."""

    @property
    def read_least_deadline_s(self) -> float:
        """How long sent bytes may stay unacknowledged."""

    @property
    def stream_ping_s(self) -> float:
        """From one ping to the next."""

    @property
    def stream_dead_s(self) -> float:
        """How long a ping may stay unanswered."""

    @property
    def stream_back_off_s(self) -> tuple[float, ...]:
        """Before the first, second … attempt in a row to connect again; the last one for all after it."""


class StreamState(Enum):
    """What the stream is doing. Presses go out while it is OPEN, and only then."""

    CLOSED = "closed"
    CONNECTING = "connecting"
    OPEN = "open"
    WAITING = "waiting"  # to try again
    REFUSED = "refused"  # for want of rights; tried again slowly
    TAKEN_OVER = "taken_over"  # by another tool; not tried again until asked


@dataclass(frozen=True, slots=True)
class StreamReport:
    """How the stream does.

    `round_trip_s`: the last answered ping of this connection. `reason`: why it is not open, as far as known.
    `retry_at`: monotonic seconds of the next attempt.
    """

    state: StreamState
    round_trip_s: float | None = None
    reason: Reason | None = None
    retry_at: float | None = None


@dataclass(frozen=True, slots=True)
class _Ending:
    """Why there is no connection. `is_slow`: the next attempt waits as long as any."""

    state: StreamState
    reason: Reason
    is_slow: bool = False


class _Handshake(connect):
    """Connects to where it was told, and nowhere else: the token goes along."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class Stream:
    """The WebSocket of one token at one origin. Nothing is ever sent twice, over two connections either.

    `on_change` is told each new state, a turn of the loop later. After OPEN whatever was known from before is
    old: nothing that happened meanwhile is told by anybody.

    A press that is cancelled raises CancelledError with the truth as its `__cause__`, as over REST.
    """

    def __init__(
        self,
        base_url: BaseUrl,
        token: str | None,
        *,
        clock: Clock,
        pace: StreamLimits,
        tls: Callable[[], ssl.SSLContext] = default_tls,
        proxy: Proxy | None = None,
        on_change: Callable[[StreamState], None] | None = None,
    ) -> None:
        """Connect nothing yet.

        `tls` makes a context at the first connection. It must not be the one of the HTTP client: httpcore
        changes its ALPN, and the handshake of a WebSocket fails then.
        """
        self._base_url = base_url
        self._token = None if token is None else Secret(token)
        self._clock = clock
        self._pace = pace
        self._make_tls = tls
        self._tls: ssl.SSLContext | None = None
        self._dial = Dial(base_url, self._tls_context, pace.read_least_deadline_s, proxy)
        self._on_change = on_change
        self._ids = itertools.count(1)
        self._session: Session | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False
        self._asked = asyncio.Event()
        self._settled = asyncio.Event()
        flaw = self._token_flaw()
        self._report = StreamReport(StreamState.CLOSED, reason=None if flaw is None else Reason(flaw))

    # -- for its owner ---

    @property
    def report(self) -> StreamReport:
        """How it does now."""
        session = self._session
        return self._report if session is None else replace(self._report, round_trip_s=session.round_trip_s)

    @property
    def is_open(self) -> bool:
        """Whether a press could go out now."""
        return self._session is not None and self._session.is_open

    def reconnect(self) -> None:
        """Connect now, whatever is being waited for; takes the stream over from other tools."""
        if self._is_closed or self._token_flaw() is not None:
            return
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._stay_connected())
        elif self._report.state not in {StreamState.CONNECTING, StreamState.OPEN}:
            self._asked.set()

    async def warm(self) -> None:
        """Connect for the first time; returns when that has succeeded or failed. Takes nothing over again."""
        if self._task is None:
            self.reconnect()
        if self._task is not None:
            await self._settled.wait()

    def renew(self) -> None:
        """Begin anew after a sleep of the machine. A press under way keeps its connection: pings judge it."""
        if self._session is not None and self._session.carries_press:
            return
        if self._session is not None:
            self._session.reset()
        if self._report.state not in {StreamState.TAKEN_OVER, StreamState.CONNECTING, StreamState.CLOSED}:
            self._asked.set()

    async def aclose(self) -> None:
        """Say goodbye, for good. Resets nothing."""
        self._is_closed = True
        session = self._session
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._become(StreamReport(StreamState.CLOSED))
        if session is not None:
            await session.close()

    # -- calls ---

    async def flatten(self, scope: Scope, on_delivered: OnDelivered | None = None) -> Receipt:
        """Close the positions of a scope."""
        frame_id = self._next_id()
        frame = wire.flatten_frame(frame_id, scope)
        try:
            is_the_same = wire.scope_of_frame(frame) == scope
        except ScopeError:
            is_the_same = False
        if not is_the_same:
            raise NotSentError(Reason(Cause.SCOPE_CHANGED))
        return await self._press(frame_id, frame, on_delivered)

    async def reverse(self, ticket: ReverseTicket, on_delivered: OnDelivered | None = None) -> Receipt:
        """Close the position of a ticket and place its order."""
        frame_id = self._next_id()
        return await self._press(frame_id, wire.reverse_frame(frame_id, ticket), on_delivered)

    async def positions(self, limit_s: float) -> PositionsRead:
        """All open positions, within so many seconds.

        Raises:
            ReadFailedError: it shows nothing; only with STREAM_NOT_OPEN, CONNECTION_LOST and NO_ANSWER did
                the server not say so itself.
        """
        session = self._session
        if session is None or not session.is_open:
            raise ReadFailedError(Reason(Cause.STREAM_NOT_OPEN))
        call = Call(self._next_id(), is_press=False)
        try:
            await self._rpc(session, call, wire.positions_frame(call.frame_id), limit_s)
        except Exception as error:
            raise ReadFailedError(Reason(Cause.CONNECTION_LOST)) from error
        if call.answer.cancelled():
            raise ReadFailedError(Reason(Cause.CONNECTION_LOST))
        if not call.answer.done():
            raise ReadFailedError(Reason(Cause.NO_ANSWER))
        return await in_turns(wire.positions_in_steps(call.answer.result()))

    async def _press(self, frame_id: str, frame: bytes, on_delivered: OnDelivered | None) -> Receipt:
        flaw = self._token_flaw()
        if flaw is not None:
            raise NotSentError(Reason(flaw))
        session = self._session
        # Before sending, and nothing else: an exception from the sending proves nothing.
        if session is None or not session.is_open:
            raise NotSentError(Reason(Cause.STREAM_NOT_OPEN), may_try_elsewhere=True)
        call = Call(frame_id, is_press=True)
        try:
            await self._rpc(session, call, frame, self._pace.press_deadline_s, on_delivered)
        except asyncio.CancelledError as cancelled:
            raise cancelled from UnknownOutcomeError(Reason(Cause.INTERRUPTED), sent_at=call.sent_at)
        except Exception as error:
            raise UnknownOutcomeError(Reason(Cause.CONNECTION_LOST), sent_at=call.sent_at) from error
        if call.answer.cancelled():
            raise UnknownOutcomeError(Reason(Cause.CONNECTION_LOST), sent_at=call.sent_at)
        if not call.answer.done():
            self._give_up(session, call)
        return receipt_of(call.answer.result())

    async def _rpc(
        self,
        session: Session,
        call: Call,
        frame: bytes,
        limit_s: float,
        on_delivered: OnDelivered | None = None,
    ) -> None:
        """Send one frame, once, and wait for its answer, for the end of the connection or of the time."""
        has_ended = False
        try:
            await session.send(call, frame, on_delivered)
            await asyncio.wait([call.answer], timeout=limit_s)
            has_ended = True
        finally:
            if not (call.is_press and has_ended):  # the answer to a press may come late, and is wanted then
                session.forget(call)

    def _give_up(self, session: Session, call: Call) -> None:
        """Stop waiting. What was delivered may still be answered; what was not must not be any more."""
        reason = Reason(Cause.NO_ANSWER)
        if not call.is_delivered:
            session.reset()
            raise UnknownOutcomeError(reason, sent_at=call.sent_at)
        raise UnknownOutcomeError(reason, sent_at=call.sent_at, late=session.late(call))

    def _next_id(self) -> str:
        # Unguessable, so that nobody's push can be taken for an answer.
        return f"{next(self._ids)}-{secrets.token_hex(8)}"

    def _token_flaw(self) -> Cause | None:
        if self._token is None:
            return Cause.NO_TOKEN
        return None if self._token.is_usable else Cause.BAD_TOKEN

    # -- staying connected ---

    async def _stay_connected(self) -> None:
        back_off_s = self._pace.stream_back_off_s
        failures = 0
        while True:
            self._asked.clear()
            self._become(StreamReport(StreamState.CONNECTING))
            started_at = self._clock.monotonic()
            ending = await self._live_once()
            # Only one that lasted: two tools that throw each other out would do so every second.
            if self._clock.monotonic() - started_at >= back_off_s[-1]:
                failures = 0
            wait_s = back_off_s[-1 if ending.is_slow else min(failures, len(back_off_s) - 1)]
            failures = 0 if await self._wait(ending, wait_s) else failures + 1

    async def _live_once(self) -> _Ending:
        """Connect, and read until the end; why it ended."""
        try:
            async with asyncio.timeout(self._pace.connect_s):
                session = await self._connect()
        except Exception as error:  # noqa: BLE001 - the library raises more than it names
            ending = _why_not_connected(error)
            log.info("the stream did not open: %s", ending.reason.cause.value)
            return ending
        self._session = session
        self._become(StreamReport(StreamState.OPEN))
        try:
            goodbye = await session.listen()
        finally:
            self._session = None
        log.info("the stream ended with code %d", goodbye.code)
        return _why_ended(goodbye)

    async def _connect(self) -> Session:
        assert self._token is not None  # noqa: S101 - looked at before
        base_url, pace = self._base_url, self._pace
        scheme = "wss" if base_url.is_secure else "ws"
        tls = self._tls_context() if base_url.is_secure else None
        sock = await self._dial.connect_socket()
        notice_dead_peer(sock, pace.read_least_deadline_s)
        connection = await _Handshake(
            f"{scheme}://{base_url.host}:{base_url.port}{wire.STREAM_PATH}",
            sock=sock,
            ssl=tls,
            proxy=None,
            additional_headers={"Authorization": f"Bearer {self._token.reveal()}"},
            user_agent_header=f"crosstrade-panel/{__version__}",
            compression=None,
            open_timeout=None,  # ours is over the connecting, too
            ping_interval=None,  # ours are quicker
            close_timeout=_GOODBYE_S,
            max_size=CAP_BYTES,
            max_queue=_MOST_QUEUED,
            write_limit=CAP_BYTES,  # no press waits for a buffer; a peer that does not read is dead first
            logger=_NO_LOG,
        )
        return Session(
            connection,
            sock,
            self._clock,
            ping_s=pace.stream_ping_s,
            dead_s=pace.stream_dead_s,
            on_reset=self._on_reset,
        )

    async def _wait(self, ending: _Ending, wait_s: float) -> bool:
        """Wait before the next attempt; whether somebody asked for it."""
        if ending.state is StreamState.TAKEN_OVER:
            self._become(StreamReport(ending.state, reason=ending.reason))
            return await self._asked.wait()
        retry_at = self._clock.monotonic() + wait_s
        self._become(StreamReport(ending.state, reason=ending.reason, retry_at=retry_at))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                return await self._asked.wait()
        return False

    def _on_reset(self) -> None:
        """The connection is gone, although its reader is still to find out."""
        self._session = None
        self._become(StreamReport(StreamState.WAITING, reason=Reason(Cause.CONNECTION_LOST)))

    def _become(self, report: StreamReport) -> None:
        is_new = report.state is not self._report.state
        self._report = report
        if report.state is StreamState.CONNECTING:
            self._settled.clear()
        else:
            self._settled.set()
        if is_new and self._on_change is not None:
            asyncio.get_running_loop().call_soon(self._on_change, report.state)

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = self._make_tls()
        return self._tls


def _why_not_connected(error: Exception) -> _Ending:
    match error:
        case InvalidStatus():
            return _why_refused(error)
        case ProxyError():
            return _Ending(StreamState.WAITING, Reason(Cause.PROXY, error.said))
        case ssl.SSLCertVerificationError():
            cause = Cause.CERTIFICATE
        case TimeoutError():
            cause = Cause.CONNECT_TIMEOUT
        case UnicodeError():  # a host name that is none
            cause = Cause.BAD_ADDRESS
        case _:
            cause = Cause.CONNECT_FAILED
    return _Ending(StreamState.WAITING, Reason(cause))


def _why_refused(error: InvalidStatus) -> _Ending:
    response = error.response
    headers = {name.lower(): value for name, value in response.headers.raw_items()}
    reason = wire.reason_of(Answer(response.status_code, bytes(response.body or b""), 0.0, 0.0, headers))
    is_refused = reason.cause is Cause.TOKEN_REFUSED
    state = StreamState.REFUSED if is_refused else StreamState.WAITING
    return _Ending(state, reason, is_slow=is_refused or reason.cause is Cause.OVER_BUDGET)


def _why_ended(goodbye: Goodbye) -> _Ending:
    if wire.is_taken_over(goodbye.said):
        return _Ending(StreamState.TAKEN_OVER, Reason(Cause.CONNECTION_LOST, goodbye.said))
    if goodbye.code == _POLICY_VIOLATION:
        return _Ending(StreamState.WAITING, Reason(Cause.OVER_BUDGET, goodbye.said), is_slow=True)
    return _Ending(StreamState.WAITING, Reason(Cause.CONNECTION_LOST, goodbye.said))
