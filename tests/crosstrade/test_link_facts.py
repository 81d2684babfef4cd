"""One link by itself: what is known before and after use, how far a request got, its limits and its end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from crosstrade_panel.crosstrade.address import parse_base_url
from crosstrade_panel.crosstrade.link import Link, Progress, TooLargeError
from crosstrade_panel.crosstrade.pipe import Dial
from crosstrade_panel.domain.outcome import Cause
from tests.crosstrade.gateways import RealClock, strict_tls, until
from tests.wine import sees_resets

pytestmark = pytest.mark.anyio

LONG_S = 10.0
"""Much longer than anything here takes; what has not ended by then never would have."""


class CountingClock:
    """Says 0, 1, 2 …: of a machine that has only just begun."""

    def __init__(self) -> None:
        self._said = -1.0

    def monotonic(self) -> float:
        self._said += 1.0
        return self._said

    def now(self) -> datetime:
        return datetime(2026, 11, 20, tzinfo=UTC)


class NotingPipe:
    """Stands in for a connection: notes what is asked of it, and what was said of it at that moment."""

    def __init__(self, progress: Progress) -> None:
        self.mid_exchange: object = "nothing said"
        self.told_its_end = False
        self.noted: list[tuple[object, ...]] = []
        self._progress = progress

    def hold(self) -> None:
        self.noted.append(("hold", self.mid_exchange))

    async def let_go(self) -> None:
        self.noted.append(("let go", self.mid_exchange, self._progress.sent_at))

    def reset(self) -> None:
        self.noted.append(("reset",))


class Peer:
    """A server that accepts, and says only what the test has it say."""

    def __init__(self) -> None:
        self.url = ""
        self.ends: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self.accepted = 0

    async def answer(self, said: bytes) -> None:
        """Read one request of the oldest connection and answer it."""
        reader, writer = await self.ends.get()
        await reader.readuntil(b"{}")
        writer.write(said)
        self.ends.put_nowait((reader, writer))


@contextlib.asynccontextmanager
async def peer(scheme: str = "http") -> AsyncIterator[Peer]:
    made = Peer()
    writers: list[asyncio.StreamWriter] = []

    def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.accepted += 1
        writers.append(writer)
        made.ends.put_nowait((reader, writer))

    server = await asyncio.start_server(welcome, "127.0.0.1", 0)
    made.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        async with asyncio.timeout(LONG_S):
            yield made
    finally:
        for _turn in range(9):  # one may be half welcomed
            await asyncio.sleep(0)
        for writer in writers:
            writer.transport.abort()
        server.close()
        await server.wait_closed()


@contextlib.asynccontextmanager
async def link_to(url: str, clock: Any = None) -> AsyncIterator[Link]:
    """A link that is closed again."""
    made = Link(Dial(parse_base_url(url), strict_tls, 3.0), clock or RealClock(), lambda _: None)
    try:
        yield made
    finally:
        await made.close()


async def exchange(link: Link, url: str, progress: Progress | None = None, **limits: Any) -> bytes:
    """One request over a link."""
    progress = progress or Progress(RealClock())
    request = httpx.Request("POST", url, content=b"{}", extensions={"trace": progress})
    return await link.exchange(request, progress, **({"connect_s": 5.0, "cap_bytes": 1000} | limits))


async def answered(link: Link, server: Peer, said: bytes, **options: Any) -> bytes:
    """One request over a link, which the server answers so."""
    async with asyncio.TaskGroup() as both:
        both.create_task(server.answer(said))
        body = both.create_task(exchange(link, server.url, **options))
    return body.result()


def reply(body: bytes, *headers: str) -> bytes:
    """A reply that keeps its connection."""
    return "\r\n".join(["HTTP/1.1 200 OK", *headers, f"Content-Length: {len(body)}", "", ""]).encode() + body


async def ended(work: "asyncio.Future[Any]") -> BaseException | None:
    """How something ended that is to end by itself."""
    await asyncio.wait([work], timeout=LONG_S)
    assert work.done(), "it never ends"
    return work.exception()


# -- how far a request got ---


def test_before_a_request_nothing_is_known_of_it() -> None:
    progress = Progress(CountingClock())
    known = (progress.pipe, progress.left_at, progress.sent_at, progress.answered_at, progress.given_up)
    assert known == (None,) * 5
    assert progress.connecting is None
    assert (progress.status, progress.headers) == (0, {})
    assert (progress.may_have_left, progress.was_cut_off) == (False, False)


async def test_a_request_is_in_the_middle_from_its_first_byte_to_the_last_of_its_answer() -> None:
    progress = Progress(CountingClock())
    progress.pipe = pipe = NotingPipe(progress)  # type: ignore[assignment]
    await progress("http11.something_else", {})
    assert (pipe.mid_exchange, pipe.noted, progress.may_have_left) == ("nothing said", [], False)
    await progress("http11.send_request_headers.started", {})
    assert pipe.noted == [("hold", True)]
    assert (progress.left_at, progress.sent_at, progress.may_have_left) == (0.0, None, True)
    await progress("http11.send_request_headers.complete", {})
    await progress("http11.send_request_body.started", {})
    assert (pipe.mid_exchange, progress.sent_at) == (True, None)
    await progress("http11.send_request_body.complete", {})
    # What was held counts as sent once it was handed over, and not before.
    assert pipe.noted == [("hold", True), ("let go", True, None)]
    assert (pipe.mid_exchange, progress.sent_at, progress.answered_at) == (True, 1.0, None)
    await progress("http11.receive_response_headers.complete", {})
    await progress("http11.receive_response_body.started", {})
    assert (pipe.mid_exchange, progress.answered_at) == (True, None)
    await progress("http11.receive_response_body.complete", {})
    assert pipe.mid_exchange is False
    assert (progress.left_at, progress.sent_at, progress.answered_at) == (0.0, 1.0, 2.0)


async def test_giving_up_ends_the_connecting() -> None:
    progress = Progress(CountingClock())
    connecting = asyncio.Event()

    async def connect() -> None:
        async with asyncio.timeout(None) as progress.connecting:
            connecting.set()
            await asyncio.Event().wait()

    work = asyncio.ensure_future(connect())
    await connecting.wait()
    progress.give_up(Cause.NO_ANSWER)
    assert isinstance(await ended(work), TimeoutError)
    assert progress.given_up is Cause.NO_ANSWER
    progress.give_up(Cause.NO_LINK)  # once more does no harm


async def test_giving_up_resets_what_is_connected() -> None:
    progress = Progress(CountingClock())
    progress.give_up(Cause.NO_LINK)  # before there is anything to end
    assert progress.given_up is Cause.NO_LINK
    made: Any = NotingPipe(progress)
    progress.pipe = made
    assert [progress.was_cut_off] == [False]
    progress.give_up(Cause.NO_LINK)
    assert made.noted == [("reset",)]
    made.told_its_end = True
    assert [progress.was_cut_off] == [True]


# -- a link, before and after use ---


async def test_a_new_link_is_free_unproven_and_older_than_any_moment() -> None:
    async with peer() as server, link_to(server.url) as link:
        assert (link.is_idle, link.is_open, link.is_opening, link.was_connected) == (
            True,
            False,
            False,
            False,
        )
        assert (link.carries_press, link.is_slow, link.progress, link.carried) == (False, False, None, 0)
        # A clock may begin at 0: one never used is the first for a read, and the last for a press.
        assert link.used_at < 0.0
        assert link.proven_at < 0.0
        assert server.accepted == 0


async def test_a_link_has_no_time_limits_of_its_own_and_asks_no_environment() -> None:
    async with peer() as server, link_to(server.url) as link:
        assert link._client.trust_env is False
        assert link._client.timeout == httpx.Timeout(None)


async def test_a_link_is_taken_by_a_request_and_free_and_quick_again_after_it() -> None:
    async with peer() as server, link_to(server.url, CountingClock()) as link:
        progress = Progress(CountingClock())
        link.take(progress)
        assert (link.progress, link.is_idle, link.used_at) == (progress, False, 0.0)
        link.is_slow = True
        link.release()
        assert (link.progress, link.is_idle, link.is_slow) == (None, True, False)
        assert link.used_at == 0.0


async def test_each_request_counts_and_proves_the_link() -> None:
    async with peer() as server, link_to(server.url, CountingClock()) as link:
        progress = Progress(CountingClock())
        assert await answered(link, server, reply(b"one", "X-Made-Up: 1"), progress=progress) == b"one"
        assert (progress.status, progress.headers) == (200, {"x-made-up": "1", "content-length": "3"})
        assert (progress.left_at, progress.sent_at, progress.answered_at) == (0.0, 1.0, 2.0)
        assert (link.carried, link.proven_at) == (1, 1.0)  # the first moment was the connecting
        assert await answered(link, server, reply(b"two")) == b"two"
        assert (link.carried, link.proven_at, link.is_open) == (2, 2.0, True)
        assert server.accepted == 1


async def test_opening_once_more_connects_nothing_and_proves_nothing() -> None:
    async with peer() as server, link_to(server.url, CountingClock()) as link:
        await link.open(LONG_S)
        assert (link.is_open, link.was_connected, link.proven_at) == (True, True, 0.0)
        await link.open(LONG_S)
        assert link.proven_at == 0.0
        await until(lambda: server.accepted == 1)


# -- limits ---


async def test_connecting_ends_with_its_limit() -> None:
    async with peer("https") as server, link_to(server.url) as link:  # a peer that never says a word of TLS
        assert isinstance(await ended(asyncio.ensure_future(link.open(0.02))), TimeoutError)
        assert (link.is_opening, link.was_connected) == (False, False)
        assert isinstance(
            await ended(asyncio.ensure_future(exchange(link, server.url, connect_s=0.02))), TimeoutError
        )


async def test_waiting_for_another_who_connects_it_ends_with_the_limit_as_well() -> None:
    async with peer("https") as server, link_to(server.url) as link:
        first = asyncio.ensure_future(link.open(LONG_S))
        await server.ends.get()
        assert link.is_opening is True
        assert isinstance(await ended(asyncio.ensure_future(link.open(0.02))), TimeoutError)
        assert link.is_opening is True  # the other one goes on
        first.cancel()
        await asyncio.wait([first])
        assert server.accepted == 1


async def test_a_body_of_just_the_cap_is_read_and_one_byte_more_is_too_large() -> None:
    async with peer() as server, link_to(server.url) as link:
        assert await answered(link, server, reply(b"x" * 5000), cap_bytes=5000) == b"x" * 5000
        with pytest.raises(ExceptionGroup) as caught:
            await answered(link, server, reply(b"x" * 5001), cap_bytes=5000)
        assert [type(error) for error in caught.value.exceptions] == [TooLargeError]
        assert link.carried == 1


# -- its end ---


async def test_closing_during_a_request_says_goodbye_and_the_request_fails() -> None:
    async with peer() as server, link_to(server.url) as link:
        progress = Progress(RealClock())
        work = asyncio.ensure_future(exchange(link, server.url, progress))
        reader, _ = await server.ends.get()
        assert (await reader.readuntil(b"{}")).startswith(b"POST / HTTP/1.1\r\n")
        pipe: Any = progress.pipe
        states = [pipe.mid_exchange]
        await link.close()
        states.append(pipe.mid_exchange)
        assert states == [True, False]
        assert await reader.read() == b""  # a goodbye, and no reset
        assert isinstance(await ended(work), Exception)
        assert (progress.may_have_left, progress.answered_at) == (True, None)


@sees_resets
async def test_giving_up_a_request_is_a_reset_and_the_request_fails() -> None:
    async with peer() as server, link_to(server.url) as link:
        progress = Progress(RealClock())
        link.take(progress)
        work = asyncio.ensure_future(exchange(link, server.url, progress))
        reader, _ = await server.ends.get()
        await reader.readuntil(b"{}")
        link.give_up(Cause.NO_ANSWER)
        assert progress.given_up is Cause.NO_ANSWER
        with pytest.raises(ConnectionResetError):
            await reader.read()
        assert isinstance(await ended(work), Exception)


@pytest.mark.parametrize("way", ["close", "reset", "abandon"])
async def test_what_is_connected_after_the_end_is_ended_at_once(
    monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    is_made, gate = asyncio.Event(), asyncio.Event()
    real = Dial.connect

    async def connect(*args: Any) -> Any:
        pipe = await real(*args)
        is_made.set()
        await gate.wait()
        return pipe

    monkeypatch.setattr(Dial, "connect", connect)
    async with peer() as server, link_to(server.url) as link:
        opening = asyncio.ensure_future(link.open(LONG_S))
        await is_made.wait()
        await link.close() if way == "close" else getattr(link, way)()
        gate.set()
        assert isinstance(await ended(opening), ConnectionAbortedError)
        assert link.is_open is False
        reader, _ = await server.ends.get()
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        assert link.proven_at < 0.0
