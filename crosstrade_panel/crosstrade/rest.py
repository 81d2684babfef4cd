"""The API over REST: sends once, says whether it may have left, keeps two links warm."""

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Protocol, TypeVar

import httpcore
import httpx

from crosstrade_panel import __version__
from crosstrade_panel.crosstrade import wire
from crosstrade_panel.crosstrade.address import BaseUrl, Secret
from crosstrade_panel.crosstrade.link import Link, Progress, TooLargeError
from crosstrade_panel.crosstrade.pipe import Dial
from crosstrade_panel.crosstrade.proxy import Proxy, ProxyError
from crosstrade_panel.crosstrade.steps import in_turns
from crosstrade_panel.crosstrade.tls import default_tls
from crosstrade_panel.crosstrade.wire import Answer
from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.domain.scope import Scope, ScopeError
from crosstrade_panel.domain.snapshot import AccountsRead, OrdersRead, PositionsRead
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.trading.ports import (
    Clock,
    GatewayError,
    NotSentError,
    OnDelivered,
    ReadFailedError,
    Receipt,
    UnknownOutcomeError,
    Way,
)

log = logging.getLogger(__name__)

CAP_BYTES = 16 * 1024 * 1024
"""The largest reply that is read."""

_LINKS = 2
_MOST_IDLE_LINKS = 3
_KEPT_URLS = 64
_REMEMBERED_READS = 20
_BETTER_ELSEWHERE = frozenset({Cause.CONNECT_FAILED, Cause.CONNECT_TIMEOUT, Cause.NO_LINK})
_PATIENCE = 4  # times the median of the remembered reads


class Limits(Protocol):
    """The waiting times that count here, in seconds; the program's `Pace` has them."""

    @property
    def press_deadline_s(self) -> float:
        """One press, from first to last byte."""

    @property
    def connect_s(self) -> float:
        """Connecting for a press."""

    @property
    def read_least_deadline_s(self) -> float:
        """The shortest deadline of a read; also how long sent bytes may stay unacknowledged."""

    @property
    def read_most_deadline_s(self) -> float:
        """The longest deadline of a read."""

    @property
    def link_busy_s(self) -> float:
        """How long a link may be busy before another one stands in."""


@dataclass(frozen=True, slots=True)
class LinkReport:
    """How the connection does.

    `round_trip_s`: the last answered read, None before the first. `failure`: why the last call showed
    nothing, None while all is well. `offline_since`: monotonic seconds of the first call in a row that got no
    answer at all; None while the server answers, be it with a refusal.
    """

    round_trip_s: float | None = None
    failure: Reason | None = None
    offline_since: float | None = None


_ReadT = TypeVar("_ReadT")


@dataclass(frozen=True, slots=True)
class _Call:
    """One request. `limit_s` is over all of it, `connect_s` over its connecting; no body for a read."""

    method: str
    path: str
    body: bytes | None
    limit_s: float
    connect_s: float


class _FaultError(Exception):
    """A request that brought no usable answer; `progress` tells how far it got."""

    def __init__(self, reason: Reason, progress: Progress) -> None:
        super().__init__(reason.cause.value)
        self.reason = reason
        self.progress = progress


class RestGateway:
    """The gateway over HTTP. Every call is sent once, over one of two links that both are kept proven.

    A press that is cancelled raises CancelledError, as asyncio wants it, with the truth as its `__cause__`: a
    NotSentError or an UnknownOutcomeError with the cause INTERRUPTED.
    """

    def __init__(
        self,
        base_url: BaseUrl,
        token: str | None,
        *,
        clock: Clock,
        pace: Limits,
        tls: ssl.SSLContext | Callable[[], ssl.SSLContext] = default_tls,
        proxy: Proxy | None = None,
        cap_bytes: int = CAP_BYTES,
        on_link: Callable[[LinkReport], None] | None = None,
    ) -> None:
        """Connect nothing yet. `tls`: a context, or what makes one at the first connection.

        `proxy`: what https is to go through; whoever makes the gateway asks the system, and the trader.
        """
        self._origin = base_url.origin
        self._token = None if token is None else Secret(token)
        self._url = lru_cache(_KEPT_URLS)(lambda path: httpx.URL(base_url.origin + path))
        self._clock = clock
        self._pace = pace
        self._cap_bytes = cap_bytes
        self._on_link = on_link
        self._tls = tls
        self._dial = Dial(base_url, self._tls_context, self._pace.read_least_deadline_s, proxy)
        self._links: list[Link] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self._read_times: deque[float] = deque(maxlen=_REMEMBERED_READS)
        self._report = LinkReport()
        self.give_ups_in_a_row = 0

    # -- the port ---

    @property
    def origin(self) -> str:
        """`scheme://host:port` of the server."""
        return self._origin

    @property
    def report(self) -> LinkReport:
        """How the connection does."""
        return self._report

    @property
    def read_deadline_s(self) -> float:
        """How long the next read may take, first to last byte; doubled for each one given up in a row."""
        pace = self._pace
        usual = 0.0
        if self._read_times:
            from statistics import median  # noqa: PLC0415 - a press of the command line comes before any read

            usual = _PATIENCE * float(median(self._read_times))
        # The exponent is bounded: a night offline would overflow a float.
        doubled = max(pace.read_least_deadline_s, usual) * 2 ** min(self.give_ups_in_a_row, 10)
        return float(min(pace.read_most_deadline_s, doubled))

    @property
    def ways(self) -> tuple[Way, ...]:
        """Over one link, and where that never left over the other."""
        return (Way.REST, Way.REST)

    async def flatten(
        self, scope: Scope, way: Way = Way.REST, on_delivered: OnDelivered | None = None
    ) -> Receipt:
        """Close the positions of a scope. Over HTTP the answer is the first that is heard of a delivery."""
        del way, on_delivered
        body = wire.flatten_body(scope)
        try:
            is_the_same = wire.scope_of_body(body) == scope
        except ScopeError:
            is_the_same = False
        if not is_the_same:
            raise NotSentError(Reason(Cause.SCOPE_CHANGED))
        return await self._press(wire.FLATTEN_PATH, body)

    async def reverse(
        self, ticket: ReverseTicket, way: Way = Way.REST, on_delivered: OnDelivered | None = None
    ) -> Receipt:
        """Close the position of a ticket and place its order."""
        del way, on_delivered
        return await self._press(wire.reverse_path(ticket), wire.reverse_body(ticket))

    async def cancel_order(self, account: str, order_id: str) -> Receipt:
        """Cancel one order."""
        return await self._press(wire.cancel_path(account, order_id), b"{}")

    async def cancel_orders(self, account: str, instrument: str) -> Receipt:
        """Cancel every order of one account in one instrument."""
        return await self._press(wire.cancel_orders_path(account), wire.cancel_orders_body(instrument))

    def renew(self) -> None:
        """Begin with new links, after a sleep of the machine: what the old ones led to may be gone.

        Reads under way are given up, which would else wait for their deadline; a press keeps its link.
        """
        if self._is_closed:
            return
        old = [link for link in self._links if not link.carries_press]
        self._links = [link for link in self._links if link.carries_press]
        for link in old:
            link.abandon()
        for _ in range(_LINKS):
            self._open_soon(self._add_link())

    async def positions(self) -> PositionsRead:
        """All open positions."""
        return await self._read(wire.POSITIONS_PATH, wire.positions_in_steps)

    async def snapshot(self) -> PositionsRead:
        """All accounts with their open positions."""
        return await self._read(wire.SNAPSHOT_PATH, wire.snapshot_in_steps)

    async def accounts(self) -> AccountsRead:
        """All accounts."""
        return await self._read(wire.ACCOUNTS_PATH, wire.accounts_in_steps)

    async def orders(self, account: str) -> OrdersRead:
        """The orders of one account."""
        return await self._read(
            wire.orders_path(account), lambda answer: wire.orders_in_steps(answer, account)
        )

    async def warm(self) -> None:
        """Connect both links, so that a press needs no handshake. Sends nothing; never raises."""
        if not self._is_closed:
            self._idle_links()
            await asyncio.gather(*(self._open(link) for link in self._links))

    async def aclose(self) -> None:
        """Say goodbye on every link. Resets nothing: a press that is under way is not called back."""
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        links, self._links = self._links, []
        await asyncio.gather(*(link.close() for link in links))

    # -- one call ---

    async def _press(self, path: str, body: bytes) -> Receipt:
        flaw = self._token_flaw()
        if flaw is not None:
            raise NotSentError(Reason(flaw))
        progress = Progress(self._clock)
        link = self._link_for_press()
        link.carries_press = True
        limit_s = self._pace.press_deadline_s
        call = _Call("POST", path, body, limit_s, min(limit_s, self._pace.connect_s))
        try:
            answer = await self._exchange(link, call, progress)
        except _FaultError as fault:
            cause = fault.__cause__
            if not progress.may_have_left:
                elsewhere = fault.reason.cause in _BETTER_ELSEWHERE
                raise NotSentError(fault.reason, may_try_elsewhere=elsewhere) from cause
            if not wire.decides_alone(progress.status):
                raise UnknownOutcomeError(fault.reason, sent_at=progress.sent_at) from cause
            answer = self._answer(progress, b"")
        except asyncio.CancelledError as cancelled:
            raise cancelled from _interrupted(progress)
        finally:
            link.carries_press = False
        try:
            return wire.read_receipt(answer)
        except GatewayError:
            raise
        except Exception as error:
            # Our own mistake must not look like "nothing happened".
            raise UnknownOutcomeError(
                Reason(Cause.INTERNAL), sent_at=answer.sent_at, answered_at=answer.answered_at
            ) from error

    async def _read(self, path: str, parse: Callable[[Answer], Generator[None, None, _ReadT]]) -> _ReadT:
        flaw = self._token_flaw()
        if flaw is not None:
            raise ReadFailedError(Reason(flaw))
        limit_s = self.read_deadline_s
        call = _Call("GET", path, None, limit_s, limit_s)
        progress = Progress(self._clock)
        try:
            answer = await self._exchange(self._link_for_read(), call, progress)
        except _FaultError as fault:
            if fault.reason.cause in {Cause.NO_ANSWER, Cause.CONNECT_TIMEOUT}:
                self._read_times.append(limit_s)
                self.give_ups_in_a_row += 1
            raise ReadFailedError(fault.reason) from fault.__cause__
        round_trip_s = answer.answered_at - answer.sent_at
        self._read_times.append(round_trip_s)
        self.give_ups_in_a_row = 0
        self._url(wire.FLATTEN_PATH)  # among the latest that are kept: a press parses none
        try:
            read = await in_turns(parse(answer))
        except ReadFailedError as error:
            self._tell(replace(self._report, failure=error.reason, offline_since=None))
            raise
        self._tell(LinkReport(round_trip_s))
        return read

    async def _exchange(self, link: Link, call: _Call, progress: Progress) -> Answer:
        """Send one request over one link: the one place that sends.

        Raises:
            _FaultError: no whole answer came; the link is gone.
        """
        loop = asyncio.get_running_loop()
        link.take(progress)
        # The deadline resets the socket; the request then fails by itself, and nothing is cancelled.
        timers = (
            loop.call_later(call.limit_s, progress.give_up, Cause.NO_ANSWER),
            loop.call_later(self._pace.link_busy_s, self._relieve, link),
        )
        try:
            if self._is_closed:
                raise RuntimeError("the gateway is closed")  # noqa: TRY301 - classified as any other
            request = self._request(call, progress)
            received = await link.exchange(
                request, progress, connect_s=call.connect_s, cap_bytes=self._cap_bytes
            )
        except asyncio.CancelledError:
            self._discard(link, reset=False)
            raise
        except Exception as error:  # noqa: BLE001 - httpx raises more than HTTPError
            self._discard(link)
            reason = _reason_of(error, progress)
            log.info("%s failed: %s", call.method, reason.cause.value)
            if progress.given_up is not Cause.NO_LINK:  # a press took the link of a read: tells nothing of it
                self._note_failure(reason, progress)
            raise _FaultError(reason, progress) from self._without_token(error)
        finally:
            for timer in timers:
                timer.cancel()
            link.release()
            self._trim()
        if self._report.offline_since is not None:
            self._tell(replace(self._report, failure=None, offline_since=None))
        return self._answer(progress, received)

    def _answer(self, progress: Progress, body: bytes) -> Answer:
        answered_at = progress.answered_at or self._clock.monotonic()
        # An answer may come before the last byte could be written; then the first one is what is known.
        sent_at = progress.sent_at or progress.left_at or answered_at
        return Answer(progress.status, body, sent_at, answered_at, progress.headers)

    @cached_property
    def _fields(self) -> httpx.Headers:
        """What the head of every request says."""
        assert self._token is not None  # noqa: S101 - looked at before
        return httpx.Headers(
            {
                "Host": self._url("/").netloc.decode("ascii"),
                "Authorization": f"Bearer {self._token.reveal()}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": f"crosstrade-panel/{__version__}",
            }
        )

    def _request(self, call: _Call, progress: Progress) -> httpx.Request:
        """From parts that are kept: to parse them again would be a tenth of what a press takes to leave."""
        body = call.body or b""
        request = httpx.Request(
            call.method,
            self._url(call.path),
            headers=self._fields,
            stream=httpx.ByteStream(body),
            extensions={"trace": progress},
        )
        if call.body is not None:
            request.headers["Content-Type"] = "application/json"
            request.headers["Content-Length"] = str(len(body))
        return request

    def _token_flaw(self) -> Cause | None:
        if self._token is None:
            return Cause.NO_TOKEN
        return None if self._token.is_usable else Cause.BAD_TOKEN

    def _without_token(self, error: Exception) -> Exception | None:
        """The error as a cause to chain; nothing where it, or what it hangs on, would print the token."""
        return None if self._token is not None and self._token.is_in(error) else error

    def _tls_context(self) -> ssl.SSLContext:
        if not isinstance(self._tls, ssl.SSLContext):
            self._tls = self._tls()
        return self._tls

    # -- the report ---

    def _tell(self, report: LinkReport) -> None:
        self._report = report
        if self._on_link is not None:
            # A turn later, and not within a press: neither its time nor its mistakes are the press's.
            asyncio.get_running_loop().call_soon(self._on_link, report)

    def _note_failure(self, reason: Reason, progress: Progress) -> None:
        since = self._report.offline_since
        if progress.status:
            since = None
        elif since is None:
            since = self._clock.monotonic()
        self._tell(replace(self._report, failure=reason, offline_since=since))

    # -- the links ---

    def _link_for_press(self) -> Link:
        """The idle link proven last; without one a read's link is given up, and a fresh one taken."""
        idle = self._idle_links()
        if idle:
            return max(idle, key=lambda link: (link.is_open, link.proven_at))
        reads = [link for link in self._links if not link.carries_press]
        if reads:
            victim = min(reads, key=lambda link: link.used_at)
            victim.give_up(Cause.NO_LINK)
        return self._add_link()

    def _link_for_read(self) -> Link:
        """The open link used longest ago, so that all stay proven; the others open meanwhile."""
        idle = self._idle_links()
        if not idle:
            return self._add_link()
        chosen = min(idle, key=lambda link: (not link.is_open, link.used_at))
        for link in idle:
            if link is not chosen and not link.is_open:
                self._open_soon(link)
        return chosen

    def _idle_links(self) -> list[Link]:
        while len(self._links) < _LINKS:
            self._add_link()
        return [link for link in self._links if link.is_idle]

    def _add_link(self) -> Link:
        link = Link(self._dial, self._clock, self._on_lost)
        self._links.append(link)
        return link

    def _relieve(self, link: Link) -> None:
        """See to it that two links are not waiting for a slow answer."""
        link.is_slow = True
        if sum(not each.is_slow for each in self._links) < _LINKS:
            self._open_soon(self._add_link())

    def _discard(self, link: Link, *, reset: bool = True) -> None:
        """Throw a link away after a failure. Where it had been connected, another connects in its place."""
        was_connected = link.was_connected
        if reset:
            link.reset()
        else:
            self._spawn(link.close())
        if link in self._links:
            self._links.remove(link)
        if was_connected and len(self._links) < _LINKS:
            self._open_soon(self._add_link())

    def _trim(self) -> None:
        """Close what slow answers made superfluous, the link proven longest ago first."""
        idle = [link for link in self._links if link.is_idle]
        for link in sorted(idle, key=lambda link: link.proven_at)[: max(0, len(idle) - _MOST_IDLE_LINKS)]:
            self._links.remove(link)
            self._spawn(link.close())

    def _on_lost(self, link: Link) -> None:
        """Connect again where the server closed an idle link, but not one that it had never served."""
        if link in self._links and link.is_idle and link.carried:
            link.carried = 0
            self._open_soon(link)

    def _open_soon(self, link: Link) -> None:
        if not link.is_opening:
            self._spawn(self._open(link))

    async def _open(self, link: Link) -> None:
        """Connect a link ahead of need; whoever needs it will find out if that failed."""
        try:
            await link.open(self._pace.connect_s)
        except Exception as error:  # noqa: BLE001 - a spare link; nothing depends on it
            log.info("a link did not open: %s", type(error).__name__)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        if self._is_closed:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _interrupted(progress: Progress) -> GatewayError:
    if progress.may_have_left:
        return UnknownOutcomeError(Reason(Cause.INTERRUPTED), sent_at=progress.sent_at)
    return NotSentError(Reason(Cause.INTERRUPTED_BEFORE_SENDING))


def _reason_of(error: Exception, progress: Progress) -> Reason:
    """Why a request brought no whole answer; `progress` decides on which side of the sending it failed."""
    if progress.given_up is Cause.NO_LINK:
        return Reason(Cause.NO_LINK)
    if isinstance(error, ProxyError):
        return Reason(Cause.PROXY, error.said)
    cause = _cause_after_sending(error, progress) if progress.may_have_left else _cause_before_sending(error)
    return Reason(cause, status=progress.status or None)


def _cause_before_sending(error: Exception) -> Cause:
    match error:
        case ssl.SSLCertVerificationError():
            return Cause.CERTIFICATE
        case TimeoutError():
            return Cause.CONNECT_TIMEOUT
        case OSError():  # TLS errors and failed look-ups are some, too
            return Cause.CONNECT_FAILED
        case ValueError() | httpx.InvalidURL():  # UnicodeError is one: a host name that is none
            return Cause.BAD_ADDRESS
        case _:
            return Cause.NO_LINK


def _cause_after_sending(error: Exception, progress: Progress) -> Cause:
    match error:
        case _ if progress.given_up is not None:
            return progress.given_up
        case TooLargeError():
            return Cause.TOO_LARGE
        case httpcore.RemoteProtocolError():
            return Cause.CONNECTION_LOST if progress.was_cut_off else Cause.UNREADABLE
        case httpcore.NetworkError() | OSError():
            return Cause.CONNECTION_LOST
        case _:
            return Cause.INTERNAL
