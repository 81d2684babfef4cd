"""Two links, kept proven: which one a call takes, and what becomes of one that is slow, stuck or cut."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from crosstrade_panel.crosstrade import rest, wire
from crosstrade_panel.crosstrade.pipe import Dial, Pipe
from crosstrade_panel.crosstrade.rest import LinkReport, RestGateway
from crosstrade_panel.domain.outcome import Cause
from crosstrade_panel.domain.scope import EveryAccount, OneAccount
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.ports import NotSentError, ReadFailedError, UnknownOutcomeError
from tests import contract_server as cs
from tests.contract_server import ContractServer
from tests.crosstrade.gateways import QUICK, gateway_to, raw_server, strict_tls, until
from tests.wine import sees_resets

pytestmark = pytest.mark.anyio

SCOPE = OneAccount("Sim101", "MES 12-25")
PATIENT = replace(Pace(), link_busy_s=60.0)
"""No replacement in the time of a test."""
HASTY = replace(Pace(), link_busy_s=0.02)


async def warm_up(gateway: RestGateway) -> None:
    """Prove both links."""
    await gateway.warm()
    await gateway.positions()
    await gateway.snapshot()


async def test_reads_alternate_between_two_links() -> None:
    with ContractServer() as server:
        async with gateway_to(server) as gateway:
            await gateway.warm()
            for _ in range(6):
                await gateway.positions()
        assert [call.connection for call in server.log] in ([1, 2] * 3, [2, 1] * 3)
        assert server.connections == 2


async def test_without_warming_the_second_link_opens_beside_the_second_read() -> None:
    with ContractServer() as server:
        async with gateway_to(server) as gateway:
            await gateway.positions()
            await until(lambda: server.connections == 2)
            await gateway.positions()
            await gateway.positions()
        assert {call.connection for call in server.log} == {1, 2}


@pytest.mark.parametrize("tls", [False, True])
async def test_a_press_pays_no_handshake_and_takes_the_link_proven_last(*, tls: bool) -> None:
    with ContractServer(tls=tls) as server:
        async with gateway_to(server) as gateway:
            await warm_up(gateway)
            await gateway.flatten(SCOPE)
        *_, last_read, press = server.log
        assert press.connection == last_read.connection
        assert server.connections == 2


async def test_a_flatten_parses_no_url_however_many_accounts_were_asked_for_their_orders(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parsed: list[str] = []

    class Counted(httpx.URL):
        def __init__(self, url: str) -> None:
            parsed.append(url)
            super().__init__(url)

    with ContractServer() as server:
        async with gateway_to(server) as gateway:
            for number in range(2 * rest._KEPT_URLS):
                gateway._url(wire.orders_path(f"Apex-{number}"))
            await gateway.positions()
            monkeypatch.setattr("httpx.URL", Counted)
            await gateway.flatten(SCOPE)
            assert parsed == []
            await gateway.orders("Sim101")
            assert parsed == [gateway.origin + wire.orders_path("Sim101")]
            assert server.log[1].path == wire.FLATTEN_PATH


async def test_warming_sends_nothing_and_a_failure_of_it_is_silent() -> None:
    with ContractServer() as server:
        async with gateway_to(server) as gateway:
            await gateway.warm()
            await gateway.warm()
            await until(lambda: server.open_connections == 2)
        assert (server.connections, server.log) == (2, [])
    with cs.refusing_port() as port:
        async with gateway_to(port.url("http")) as gateway:
            await gateway.warm()
            assert gateway.report == LinkReport()


async def test_closing_says_goodbye_and_is_no_reset() -> None:
    replies = [b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"positions":[]}']
    ends: list[bytes | Exception] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):  # the second link says nothing
            await reader.readuntil(b"\r\n\r\n")
            writer.write(replies[0])
        try:
            ends.append(await reader.read())
        except OSError as error:
            ends.append(error)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        async with gateway_to(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as gateway:
            await gateway.positions()
            assert ends == []
        await until(lambda: len(ends) == 2)
    assert ends == [b"", b""]


async def test_a_link_that_closes_after_its_answer_is_not_reset() -> None:
    ends: list[bytes | Exception] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):  # the second link says nothing
            await reader.readuntil(b"\r\n\r\n")
            body = b'Connection: close\r\nContent-Length: 16\r\n\r\n{"positions":[]}'
            writer.write(b"HTTP/1.1 200 OK\r\n" + body)
            try:
                ends.append(await reader.read())
            except OSError as error:
                ends.append(error)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, gateway_to(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as gateway:
        await gateway.positions()
        await until(lambda: bool(ends))
        assert ends == [b""]


@sees_resets
async def test_giving_up_is_a_reset_to_the_peer() -> None:
    ends: list[bytes | Exception] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):  # a fresh link says nothing
            await reader.readuntil(b"}")
        try:
            ends.append(await reader.read())
        except OSError as error:
            ends.append(error)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with (
        server,
        gateway_to(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", pace=QUICK) as gateway,
    ):
        with pytest.raises(UnknownOutcomeError):
            await gateway.flatten(SCOPE)
        await until(lambda: bool(ends))
        assert [type(end) for end in ends] == [ConnectionResetError]


@pytest.mark.parametrize("tls", [False, True])
async def test_leaving_does_not_call_a_press_back(*, tls: bool) -> None:
    with ContractServer(tls=tls) as server:
        server.rule("press", cs.Hang())
        async with gateway_to(server) as gateway:
            press = asyncio.ensure_future(gateway.flatten(SCOPE))
            await until(lambda: bool(server.presses) and server.presses[0].complete)
            await gateway.aclose()
            with pytest.raises(UnknownOutcomeError) as caught:
                await press
            assert caught.value.reason.cause is Cause.CONNECTION_LOST
            await until(lambda: server.presses[0].ended is not None)
        assert server.presses[0].ended == "fin"


async def test_a_busy_link_is_relieved_by_a_fresh_one() -> None:
    with ContractServer() as server:
        server.rule("read", cs.Hang(), times=2)
        async with gateway_to(server, pace=HASTY) as gateway:
            await gateway.warm()
            stuck = [asyncio.ensure_future(gateway.positions()) for _ in range(2)]
            await until(lambda: server.open_connections == 4)
            await gateway.flatten(SCOPE)
            assert not any(read.done() for read in stuck)
            for read in stuck:
                read.cancel()
            await asyncio.gather(*stuck, return_exceptions=True)
        assert server.presses[0].connection in {3, 4}


async def test_slow_answers_leave_at_most_three_idle_links() -> None:
    with ContractServer() as server:
        server.rule("read", cs.ActThenLate(0.5), times=3)
        async with gateway_to(server, pace=HASTY) as gateway:
            await gateway.warm()
            await asyncio.gather(gateway.positions(), gateway.snapshot())
            await until(lambda: server.connections == 4 and server.open_connections == 3)
            # With two others at rest, the next slow answer needs no more.
            await gateway.positions()
        assert server.connections == 4


@sees_resets
async def test_a_press_without_an_idle_link_takes_a_reads_place() -> None:
    with ContractServer() as server:
        server.rule("read", cs.Hang(), skip=2)
        reports: list[LinkReport] = []
        async with gateway_to(server, pace=PATIENT, on_link=reports.append) as gateway:
            await warm_up(gateway)
            reads = [asyncio.ensure_future(gateway.positions()) for _ in range(2)]
            await until(lambda: len(server.reads) == 4)
            seen = len(reports)
            await gateway.flatten(SCOPE)
            given_up, kept = reads
            with pytest.raises(ReadFailedError) as caught:
                await given_up
            assert caught.value.reason.cause is Cause.NO_LINK
            assert not kept.done()
            # That tells nothing of the connection.
            assert (len(reports), gateway.give_ups_in_a_row) == (seen, 0)
            await until(lambda: sorted(str(call.ended) for call in server.reads[2:]) == ["None", "rst"])
            kept.cancel()
            await asyncio.gather(kept, return_exceptions=True)
        assert server.presses[0].connection == 3


async def test_a_read_that_still_connects_gives_way_to_a_press_too() -> None:
    with ContractServer() as server:
        server.rule("connect", cs.Hang(), times=0)
        async with gateway_to(server, pace=PATIENT) as gateway:
            opened = asyncio.Event()
            connect = Dial.connect

            async def slow(dial: Dial, on_lost: Callable[[], None]) -> Pipe:
                await opened.wait()
                return await connect(dial, on_lost)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Dial, "connect", slow)
                reads = [asyncio.ensure_future(gateway.positions()) for _ in range(2)]
                await asyncio.sleep(0)
                press = asyncio.ensure_future(gateway.flatten(SCOPE))
                await asyncio.sleep(0)
                opened.set()
                await press
                results = await asyncio.gather(*reads, return_exceptions=True)
        assert sorted(isinstance(result, ReadFailedError) for result in results) == [False, True]
        assert len(server.reads) == 1


async def test_a_link_that_is_being_connected_is_not_connected_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    with ContractServer() as server:
        async with gateway_to(server, pace=PATIENT) as gateway:
            go_on = asyncio.Event()
            connect = Dial.connect

            async def slow(dial: Dial, on_lost: Callable[[], None]) -> Pipe:
                await go_on.wait()
                return await connect(dial, on_lost)

            monkeypatch.setattr(Dial, "connect", slow)
            warming = asyncio.ensure_future(gateway.warm())
            await asyncio.sleep(0)
            read = asyncio.ensure_future(gateway.positions())
            await asyncio.sleep(0)
            assert gateway._tasks == set()
            go_on.set()
            await asyncio.gather(warming, read)
            await until(lambda: server.connections == 2)
        assert server.connections == 2


async def test_a_press_never_gives_up_another_press() -> None:
    with ContractServer() as server:
        server.rule(lambda call: call.method == "POST" and call.connection < 3, cs.Hang())
        async with gateway_to(server, pace=PATIENT) as gateway:
            await warm_up(gateway)
            first = [asyncio.ensure_future(gateway.flatten(SCOPE)) for _ in range(2)]
            await until(lambda: len(server.presses) == 2)
            await gateway.flatten(EveryAccount())
            assert not any(press.done() for press in first)
            for press in first:
                press.cancel()
            await asyncio.gather(*first, return_exceptions=True)
        assert server.presses[2].connection == 3


async def test_a_read_without_an_idle_link_gets_one_of_its_own() -> None:
    with ContractServer() as server:
        server.rule("press", cs.Hang(), times=2)
        async with gateway_to(server, pace=PATIENT) as gateway:
            presses = [asyncio.ensure_future(gateway.flatten(SCOPE)) for _ in range(2)]
            await until(lambda: len(server.presses) == 2)
            assert (await gateway.positions()).positions
            for press in presses:
                press.cancel()
            await asyncio.gather(*presses, return_exceptions=True)


@pytest.mark.parametrize("reset", [False, True])
async def test_a_link_that_the_server_closes_while_idle_is_connected_again(*, reset: bool) -> None:
    with ContractServer() as server:
        async with gateway_to(server) as gateway:
            await warm_up(gateway)
            assert await asyncio.to_thread(server.cut_idle, reset=reset) == 2
            await until(lambda: server.connections == 4 and server.open_connections == 2)
            await gateway.flatten(SCOPE)
            assert server.connections == 4


async def test_a_server_that_closes_every_new_link_is_not_called_in_a_loop() -> None:
    with ContractServer() as server:
        async with gateway_to(server) as gateway:
            await warm_up(gateway)
            for _ in range(2):  # those that served are connected again, those that did not are not
                await until(lambda: [link.is_alive() for link in server._links.values()] == [True, True])
                assert await asyncio.to_thread(server.cut_idle, reset=False) == 2
                await asyncio.to_thread(server.wait_for, lambda: server.connections > 4, 0.2)
            assert server.connections == 4
            await gateway.positions()


# -- after a sleep of the machine ---


async def test_renewing_begins_with_two_fresh_links() -> None:
    with ContractServer() as server:
        async with gateway_to(server) as gateway:
            await warm_up(gateway)
            gateway.renew()
            await until(lambda: server.connections == 4 and server.open_connections == 2)
            await warm_up(gateway)
            await gateway.flatten(SCOPE)
        assert {call.connection for call in server.log[2:]} == {3, 4}
        assert server.connections == 4


async def test_renewing_connects_where_nothing_was_connected() -> None:
    with ContractServer() as server:
        async with gateway_to(server) as gateway:
            gateway.renew()
            await until(lambda: server.open_connections == 2)


async def test_renewing_lets_a_press_under_way_be() -> None:
    with ContractServer() as server:
        server.rule("press", cs.ActThenLate(0.3))
        async with gateway_to(server, pace=PATIENT) as gateway:
            await warm_up(gateway)
            press = asyncio.ensure_future(gateway.flatten(SCOPE))
            await until(lambda: bool(server.presses) and server.presses[0].complete)
            gateway.renew()
            await until(lambda: server.connections == 4 and server.open_connections == 3)
            await gateway.positions()
            assert not press.done()
            assert (await press).order_ids
        assert server.presses[0].ended is None
        assert server.reads[-1].connection in {3, 4}


@sees_resets
async def test_renewing_gives_up_reads_that_would_wait_for_their_deadline() -> None:
    with ContractServer() as server:
        server.rule("read", cs.Hang(), skip=2, times=2)
        reports: list[LinkReport] = []
        async with gateway_to(server, pace=PATIENT, on_link=reports.append) as gateway:
            await warm_up(gateway)
            reads = [asyncio.ensure_future(gateway.positions()) for _ in range(2)]
            await until(lambda: len(server.reads) == 4)
            seen = len(reports)
            gateway.renew()
            ends = await asyncio.wait_for(asyncio.gather(*reads, return_exceptions=True), 1.0)
            assert [end.reason.cause for end in ends if isinstance(end, ReadFailedError)] == [
                Cause.NO_LINK
            ] * 2
            # That tells nothing of the connection.
            assert (len(reports), gateway.give_ups_in_a_row) == (seen, 0)
            await until(lambda: server.connections == 4 and server.open_connections == 2)
            assert (await gateway.positions()).positions
        assert [call.ended for call in server.reads[2:4]] == ["rst", "rst"]


async def test_renewing_gives_up_reads_that_still_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    with ContractServer() as server:
        async with gateway_to(server, pace=PATIENT) as gateway:
            held = HeldDial(monkeypatch)
            read = asyncio.ensure_future(gateway.positions())
            await until(lambda: held.waiting == 2)  # the read's own link, and the spare beside it
            gateway.renew()
            with pytest.raises(ReadFailedError) as caught:
                await asyncio.wait_for(read, 1.0)
            assert caught.value.reason.cause is Cause.NO_LINK
            held.go_on.set()
            # The spare that was being connected is over as well: nobody would ever close it.
            await until(lambda: server.connections == 3 and server.open_connections == 2)
            await until(lambda: [link.is_open for link in gateway._links] == [True, True])
            assert (await gateway.positions()).positions


async def test_a_read_given_up_in_the_moment_in_which_it_is_connected_sends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with ContractServer() as server:
        async with gateway_to(server, pace=PATIENT) as gateway:
            connect = Dial.connect
            begun: list[Dial] = []

            async def connected_too_late(dial: Dial, on_lost: Callable[[], None]) -> Pipe:
                is_the_reads = not begun  # the spare's comes second
                begun.append(dial)
                pipe = await connect(dial, on_lost)
                if is_the_reads:
                    (link,) = (link for link in gateway._links if not link.is_idle)
                    link.give_up(Cause.NO_LINK)
                return pipe

            monkeypatch.setattr(Dial, "connect", connected_too_late)
            with pytest.raises(ReadFailedError) as caught:
                await gateway.positions()
            assert caught.value.reason.cause is Cause.NO_LINK
        assert server.log == []


async def test_giving_up_twice_is_giving_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with ContractServer() as server:
        async with gateway_to(server, pace=PATIENT) as gateway:
            held = HeldDial(monkeypatch)
            read = asyncio.ensure_future(gateway.positions())
            await until(lambda: held.waiting == 2)
            (link,) = (link for link in gateway._links if not link.is_idle)
            link.give_up(Cause.NO_LINK)
            await asyncio.sleep(0)  # it has begun to fail, and has not failed yet
            assert not link.is_idle
            link.give_up(Cause.NO_LINK)
            with pytest.raises(ReadFailedError):
                await asyncio.wait_for(read, 1.0)
            held.go_on.set()


async def test_a_closed_gateway_renews_nothing() -> None:
    with ContractServer() as server:
        async with gateway_to(server) as gateway:
            await gateway.aclose()
            gateway.renew()
            assert gateway._links == []
        assert server.connections == 0


class HeldDial:
    """Connections that are begun and not made before `go_on`. `waiting`: how many."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on = asyncio.Event()
        self.waiting = 0
        connect = Dial.connect

        async def held(dial: Dial, on_lost: Callable[[], None]) -> Pipe:
            self.waiting += 1
            await self.go_on.wait()
            return await connect(dial, on_lost)

        monkeypatch.setattr(Dial, "connect", held)


async def test_what_a_server_says_unasked_is_never_taken_for_an_answer() -> None:
    good = b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"positions":[]}'
    async with raw_server(good + good, stay=True) as url, gateway_to(url, pace=PATIENT) as gateway:
        await gateway.positions()
        await gateway.positions()
        link = gateway._links[0]
        assert link.carried == 1 or not link.is_open


async def test_a_failed_link_is_replaced_by_a_connected_one() -> None:
    with ContractServer() as server:
        server.rule("press", cs.DropAfterReading(), times=1)
        async with gateway_to(server, pace=PATIENT) as gateway:
            await warm_up(gateway)
            with pytest.raises(UnknownOutcomeError):
                await gateway.flatten(SCOPE)
            await until(lambda: server.connections == 3 and server.open_connections == 2)
        assert len(server.presses) == 1


async def test_a_connection_that_fails_is_not_tried_again_by_itself() -> None:
    with cs.handshake_closing_port() as port:
        async with gateway_to(port.url(), tls=strict_tls()) as gateway:
            with pytest.raises(NotSentError):
                await gateway.flatten(SCOPE)
            assert gateway._tasks == set()
        assert len(port.received) == 1


async def test_a_server_that_closes_after_every_answer_is_served_all_the_same() -> None:
    reply = cs.Reply(200, b'{"positions":[]}', (("Connection", "close"),))
    with ContractServer(tls=True) as server:
        server.rule("read", reply)
        async with gateway_to(server) as gateway:
            for _ in range(4):
                assert (await gateway.positions()).positions == ()


# -- deadlines ---


async def test_the_deadline_of_reads_follows_the_last_twenty_and_doubles_with_each_give_up() -> None:
    with ContractServer() as server:
        async with gateway_to(server, pace=QUICK) as gateway:
            assert gateway.read_deadline_s == 0.6
            await gateway.positions()
            assert gateway.read_deadline_s == 0.6
            server.rule("read", cs.Hang())
            for tries, limit_s in enumerate((0.6, 1.2), start=1):
                # Two reads are remembered by then, one of them given up: 4 x their median is more.
                gateway._read_times.extend([0.001] * 20)
                assert gateway.read_deadline_s == pytest.approx(limit_s)
                with pytest.raises(ReadFailedError):
                    await gateway.positions()
                assert gateway.give_ups_in_a_row == tries
                assert gateway._read_times[-1] == pytest.approx(limit_s)  # it counts at its limit
            assert gateway.read_deadline_s == 1.5  # the most
            server.be_honest()
            await gateway.positions()
            assert gateway.give_ups_in_a_row == 0
            gateway._read_times.extend([0.25] * 20)
            assert gateway.read_deadline_s == pytest.approx(1.0)
            gateway.give_ups_in_a_row = 100_000
            assert gateway.read_deadline_s == 1.5


async def test_a_read_that_cannot_connect_in_time_counts_as_given_up() -> None:
    with cs.handshake_hanging_port() as port:
        async with gateway_to(port.url(), pace=QUICK, tls=strict_tls()) as gateway:
            with pytest.raises(ReadFailedError) as caught:
                await gateway.positions()
            assert caught.value.reason.cause is Cause.CONNECT_TIMEOUT
            assert gateway.give_ups_in_a_row == 1


# -- what the window shows ---


async def test_the_report_says_how_the_connection_does() -> None:
    reports: list[LinkReport] = []
    with ContractServer() as server:
        async with gateway_to(server, on_link=reports.append) as gateway:
            await gateway.positions()
            server.rule("read", cs.add_on_away(), times=1)
            server.rule("read", cs.DropAfterReading(), times=2)
            for _ in range(3):
                with pytest.raises(ReadFailedError):
                    await gateway.positions()
            await gateway.flatten(SCOPE)
            await gateway.positions()
    good, offline_nt, lost, lost_again, answered, fine = reports
    assert good.round_trip_s is not None
    assert 0 < good.round_trip_s < 5
    assert (good.failure, good.offline_since) == (None, None)
    assert offline_nt.failure is not None
    assert offline_nt.failure.cause is Cause.NINJATRADER_OFFLINE
    assert (offline_nt.round_trip_s, offline_nt.offline_since) == (good.round_trip_s, None)
    assert lost.failure is not None
    assert lost.failure.cause is Cause.CONNECTION_LOST
    assert lost.offline_since is not None
    assert lost_again.offline_since == lost.offline_since
    assert (answered.failure, answered.offline_since) == (None, None)
    assert fine.failure is None


async def test_a_listener_that_breaks_breaks_no_press(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    heard: list[dict[str, Any]] = []
    monkeypatch.setattr(loop, "call_exception_handler", heard.append)

    def broken(_: LinkReport) -> None:
        raise RuntimeError("the window is gone")

    with ContractServer() as server:
        async with gateway_to(server, on_link=broken) as gateway:
            await gateway.positions()
            await gateway.flatten(SCOPE)
    assert len(heard) == 1


async def test_an_answer_of_any_kind_is_not_offline() -> None:
    with ContractServer() as server:
        server.rule("read", cs.HugeBody())
        async with gateway_to(server) as gateway:
            with pytest.raises(ReadFailedError):
                await gateway.positions()
            assert gateway.report.offline_since is None
            assert gateway.report.failure is not None
            assert gateway.origin == server.base_url


async def test_the_tls_context_is_made_once() -> None:
    made: list[object] = []
    with ContractServer(tls=True) as server:

        def make() -> object:
            made.append(server.client_context())
            return made[-1]

        async with gateway_to(server, tls=make) as gateway:
            assert made == []
            await warm_up(gateway)
            assert await asyncio.to_thread(server.cut_idle) == 2
            await until(lambda: server.connections == 4)
            await gateway.positions()
        assert len(made) == 1


def test_the_cap_is_sixteen_mebibytes() -> None:
    assert rest.CAP_BYTES == 16 * 1024 * 1024
