"""The stream beside REST: a press takes the stream while it is open, everything is there without it."""

import asyncio
import logging

from crosstrade_panel.crosstrade.rest import LinkReport, RestGateway
from crosstrade_panel.crosstrade.stream import Stream, StreamReport
from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.domain.scope import Scope
from crosstrade_panel.domain.snapshot import AccountsRead, OrdersRead, PositionsRead
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.trading.ports import NotSentError, OnDelivered, ReadFailedError, Receipt, Way

log = logging.getLogger(__name__)

# The stream is gone: a read may go over REST at once. What took its whole time took it.
_IS_GONE = frozenset({Cause.STREAM_NOT_OPEN, Cause.CONNECTION_LOST})


class StreamGateway:
    """The gateway over both. Snapshot, accounts, orders and cancels always go over REST."""

    def __init__(self, rest: RestGateway, stream: Stream | None = None) -> None:
        """Own both: closing this closes them. They must have the same origin and token.

        Without a stream everything goes over REST.
        """
        self._rest = rest
        self._stream = stream
        self._is_streams_turn = False

    def use(self, stream: Stream | None) -> Stream | None:
        """Use that stream from now on, or none. The one before is the caller's to close."""
        before, self._stream = self._stream, stream
        return before

    @property
    def origin(self) -> str:
        """`scheme://host:port` of the server."""
        return self._rest.origin

    @property
    def report(self) -> LinkReport:
        """How the links do."""
        return self._rest.report

    @property
    def stream_state(self) -> StreamReport | None:
        """How the stream does; None without one."""
        return None if self._stream is None else self._stream.report

    @property
    def ways(self) -> tuple[Way, ...]:
        """The stream first while it is open; it stays the last resort, since it may open in the meantime."""
        if self._stream is None:
            return self._rest.ways
        return (Way.STREAM if self._stream.is_open else Way.REST, Way.REST, Way.STREAM)

    async def flatten(
        self, scope: Scope, way: Way = Way.REST, on_delivered: OnDelivered | None = None
    ) -> Receipt:
        """Close the positions of a scope."""
        if way is Way.STREAM:
            return await self._open_stream().flatten(scope, on_delivered)
        return await self._rest.flatten(scope, way, on_delivered)

    async def reverse(
        self, ticket: ReverseTicket, way: Way = Way.REST, on_delivered: OnDelivered | None = None
    ) -> Receipt:
        """Close the position of a ticket and place its order."""
        if way is Way.STREAM:
            return await self._open_stream().reverse(ticket, on_delivered)
        return await self._rest.reverse(ticket, way, on_delivered)

    async def cancel_order(self, account: str, order_id: str) -> Receipt:
        """Cancel one order."""
        return await self._rest.cancel_order(account, order_id)

    async def cancel_orders(self, account: str, instrument: str) -> Receipt:
        """Cancel every order of one account in one instrument."""
        return await self._rest.cancel_orders(account, instrument)

    async def positions(self) -> PositionsRead:
        """All open positions, in turn over the stream, while it is open, and over REST.

        In turn, because the links that stand in for the stream have to stay proven, too.
        """
        stream = self._stream
        self._is_streams_turn = not self._is_streams_turn
        if stream is not None and stream.is_open and self._is_streams_turn:
            try:
                return await stream.positions(self._rest.read_deadline_s)
            except ReadFailedError as error:
                if error.reason.cause not in _IS_GONE:
                    raise
                log.info("positions not read over the stream: %s", error.reason.cause.value)
        return await self._rest.positions()

    async def snapshot(self) -> PositionsRead:
        """All accounts with their open positions."""
        return await self._rest.snapshot()

    async def accounts(self) -> AccountsRead:
        """All accounts."""
        return await self._rest.accounts()

    async def orders(self, account: str) -> OrdersRead:
        """The orders of one account."""
        return await self._rest.orders(account)

    def reconnect(self) -> None:
        """Take the stream back, or try it now: the trader asked."""
        if self._stream is not None:
            self._stream.reconnect()

    def renew(self) -> None:
        """Begin with new connections, after a sleep of the machine."""
        self._rest.renew()
        if self._stream is not None:
            self._stream.renew()

    async def warm(self) -> None:
        """Connect everything, so that a press needs no handshake. Never raises."""
        await asyncio.gather(self._rest.warm(), *([] if self._stream is None else [self._stream.warm()]))

    async def aclose(self) -> None:
        """Say goodbye on every connection. Resets nothing."""
        await asyncio.gather(self._rest.aclose(), *([] if self._stream is None else [self._stream.aclose()]))

    def _open_stream(self) -> Stream:
        """The stream; it may have been put away since the ways were named.

        Raises:
            NotSentError: there is none.
        """
        if self._stream is None:
            raise NotSentError(Reason(Cause.STREAM_NOT_OPEN), may_try_elsewhere=True)
        return self._stream
