"""REST without a network: what a failure is called, what goes into a request, what is told and to whom."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import httpcore
import httpx
import pytest

from crosstrade_panel import __version__
from crosstrade_panel.crosstrade import rest, wire
from crosstrade_panel.crosstrade.address import parse_base_url
from crosstrade_panel.crosstrade.link import Link, Progress, TooLargeError
from crosstrade_panel.crosstrade.pipe import Dial
from crosstrade_panel.crosstrade.proxy import ProxyError, read_proxy
from crosstrade_panel.crosstrade.rest import LinkReport, RestGateway
from crosstrade_panel.crosstrade.wire import Answer
from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.domain.scope import OneAccount
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.ports import (
    NotSentError,
    ReadFailedError,
    RefusedError,
    UnknownOutcomeError,
    Way,
)
from tests.crosstrade.gateways import RealClock, strict_tls, until

TOKEN = "made-up-token"
SCOPE = OneAccount("Sim101", "MES 12-25")
CERTIFICATE = ssl.SSLCertVerificationError("made up")


@dataclass
class Far:
    """How far a request got."""

    may_have_left: bool = False
    status: int = 0
    given_up: Cause | None = None
    was_cut_off: bool = False
    sent_at: float | None = None
    left_at: float | None = None
    answered_at: float | None = None
    headers: Any = None


def gateway(token: str | None = TOKEN, **options: Any) -> RestGateway:
    made: dict[str, Any] = {"clock": RealClock(), "pace": Pace(), "tls": strict_tls()} | options
    return RestGateway(parse_base_url("https://panel.invalid:8443"), token, **made)


def private(made: RestGateway) -> Any:
    return made


@pytest.mark.parametrize(
    ("error", "far", "reason"),
    [
        (ProxyError("407 No"), Far(), Reason(Cause.PROXY, "407 No")),
        (CERTIFICATE, Far(), Reason(Cause.CERTIFICATE)),
        (TimeoutError(), Far(), Reason(Cause.CONNECT_TIMEOUT)),
        (OSError(), Far(), Reason(Cause.CONNECT_FAILED)),
        (ssl.SSLError(), Far(), Reason(Cause.CONNECT_FAILED)),
        (UnicodeError(), Far(), Reason(Cause.BAD_ADDRESS)),
        (httpx.InvalidURL("x"), Far(), Reason(Cause.BAD_ADDRESS)),
        (KeyError(), Far(), Reason(Cause.NO_LINK)),
        (OSError(), Far(given_up=Cause.NO_LINK), Reason(Cause.NO_LINK)),
        (OSError(), Far(may_have_left=True, given_up=Cause.NO_LINK), Reason(Cause.NO_LINK)),
        (OSError(), Far(may_have_left=True, given_up=Cause.NO_ANSWER), Reason(Cause.NO_ANSWER)),
        (TooLargeError(), Far(may_have_left=True, status=200), Reason(Cause.TOO_LARGE, status=200)),
        (httpcore.RemoteProtocolError(), Far(may_have_left=True), Reason(Cause.UNREADABLE)),
        (
            httpcore.RemoteProtocolError(),
            Far(may_have_left=True, was_cut_off=True, status=200),
            Reason(Cause.CONNECTION_LOST, status=200),
        ),
        (httpcore.ReadError(), Far(may_have_left=True), Reason(Cause.CONNECTION_LOST)),
        (OSError(), Far(may_have_left=True), Reason(Cause.CONNECTION_LOST)),
        (KeyError(), Far(may_have_left=True, status=503), Reason(Cause.INTERNAL, status=503)),
    ],
)
def test_a_failure_is_called_by_how_far_the_request_got(error: Exception, far: Any, reason: Reason) -> None:
    assert rest._reason_of(error, far) == reason


def test_what_was_interrupted_may_have_acted_only_where_bytes_may_have_left() -> None:
    left: Any = Far(may_have_left=True, sent_at=3.0)
    error = rest._interrupted(left)
    assert isinstance(error, UnknownOutcomeError)
    assert (error.reason, error.sent_at) == (Reason(Cause.INTERRUPTED), 3.0)
    never: Any = Far()
    kept = rest._interrupted(never)
    assert isinstance(kept, NotSentError)
    assert kept.reason == Reason(Cause.INTERRUPTED_BEFORE_SENDING)
    assert not kept.may_try_elsewhere


def test_a_request_carries_the_token_and_says_what_it_takes() -> None:
    trace: Any = Far()
    call = rest._Call("POST", "/v1/api/x%2Fy", b'{"a":1}', 15.0, 3.0)
    request = private(gateway())._request(call, trace)
    assert (request.method, str(request.url)) == ("POST", "https://panel.invalid:8443/v1/api/x%2Fy")
    assert request.read() == b'{"a":1}'
    assert request.extensions["trace"] is trace
    assert dict(request.headers) == {
        "host": "panel.invalid:8443",
        "authorization": f"Bearer {TOKEN}",
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": f"crosstrade-panel/{__version__}",
        "content-type": "application/json",
        "content-length": "7",
    }
    read = private(gateway())._request(rest._Call("GET", "/v1/api/x", None, 3.0, 3.0), trace)
    assert set(request.headers) - set(read.headers) == {"content-type", "content-length"}
    assert read.read() == b""


def test_a_cause_is_chained_unless_it_would_print_the_token() -> None:
    clean, leaky = OSError("connection refused"), OSError(f"header Bearer {TOKEN}")
    made = private(gateway())
    assert made._without_token(clean) is clean
    assert made._without_token(leaky) is None
    assert private(gateway(None))._without_token(leaky) is leaky


def test_without_a_token_that_can_be_sent_there_is_a_flaw() -> None:
    assert private(gateway())._token_flaw() is None
    assert private(gateway(None))._token_flaw() is Cause.NO_TOKEN
    assert private(gateway("a\nb"))._token_flaw() is Cause.BAD_TOKEN


def test_the_times_of_an_answer_are_the_best_that_is_known() -> None:
    made = private(gateway())
    known = made._answer(Far(status=200, sent_at=2.0, left_at=1.0, answered_at=3.0, headers={"a": "b"}), b"x")
    assert (known.status, known.body, known.headers) == (200, b"x", {"a": "b"})
    assert (known.sent_at, known.answered_at) == (2.0, 3.0)
    early = made._answer(Far(left_at=1.0, answered_at=3.0), b"")
    assert (early.sent_at, early.answered_at) == (1.0, 3.0)
    before = RealClock().monotonic()
    unknown = made._answer(Far(), b"")
    assert before <= unknown.sent_at == unknown.answered_at <= RealClock().monotonic()


@pytest.mark.anyio
async def test_what_is_told_of_the_link_is_told_a_turn_later_and_keeps_when_it_went_silent() -> None:
    told: list[LinkReport] = []
    made = private(gateway(on_link=told.append))
    assert made.report == LinkReport()
    silent: Any = Far()
    before = RealClock().monotonic()
    made._note_failure(Reason(Cause.NO_ANSWER), silent)
    first = made.report
    assert told == []
    await asyncio.sleep(0)
    assert told == [first]
    assert first.failure == Reason(Cause.NO_ANSWER)
    assert before <= (first.offline_since or 0.0) <= RealClock().monotonic()
    made._note_failure(Reason(Cause.CONNECTION_LOST), silent)
    assert made.report == LinkReport(None, Reason(Cause.CONNECTION_LOST), first.offline_since)
    made._note_failure(Reason(Cause.TOO_LARGE), Far(status=200))
    assert made.report == LinkReport(None, Reason(Cause.TOO_LARGE), None)


def test_a_read_waits_longer_where_answers_are_slow_and_twice_as_long_after_each_give_up() -> None:
    made = private(gateway())
    pace = Pace()
    assert made.read_deadline_s == pace.read_least_deadline_s
    made.give_ups_in_a_row = 1
    assert made.read_deadline_s == 2 * pace.read_least_deadline_s
    made.give_ups_in_a_row = 10_000
    assert made.read_deadline_s == pace.read_most_deadline_s
    made.give_ups_in_a_row = 0
    made._read_times.extend([0.1, 2.0, 5.0])
    assert made.read_deadline_s == rest._PATIENCE * 2.0


# -- one call ---


class Exchange:
    """Stands in for the sending: notes each call, and ends it as the test says."""

    def __init__(self, made: Any, end: Callable[[Progress], Answer]) -> None:
        self.calls: list[rest._Call] = []
        self.carrying: list[int] = []
        self._made, self._end = made, end
        made._exchange = self

    async def __call__(self, link: Link, call: rest._Call, progress: Progress) -> Answer:
        self.calls.append(call)
        assert link in self._made._links
        self.carrying.append(sum(each.carries_press for each in self._made._links))
        return self._end(progress)


def done(_: Progress) -> Answer:
    return Answer(200, b'{"success":true,"orderIds":["a"],"positions":[]}', 1.0, 2.0)


def fault(cause: Cause, error: Exception, **far: Any) -> Callable[[Progress], Answer]:
    def end(progress: Progress) -> Answer:
        for name, value in far.items():
            setattr(progress, name, value)
        raise rest._FaultError(Reason(cause), progress) from error

    return end


@contextlib.asynccontextmanager
async def calling(end: Callable[[Progress], Answer], **options: Any) -> AsyncIterator[tuple[Any, Exchange]]:
    """A gateway whose calls end as the test says."""
    made = private(gateway(**options))
    try:
        yield made, Exchange(made, end)
    finally:
        await made.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize(("deadline_s", "connect_s"), [(15.0, 3.0), (2.0, 2.0)])
async def test_a_press_has_a_deadline_and_less_time_to_connect_and_a_read_one_for_both(
    deadline_s: float, connect_s: float
) -> None:
    pace = replace(Pace(), press_deadline_s=deadline_s, connect_s=3.0)
    async with calling(done, pace=pace) as (made, exchange):
        assert (await made.flatten(SCOPE)).order_ids == ("a",)
        assert (await made.positions()).positions == ()
        read_s = pace.read_least_deadline_s
        assert exchange.calls == [
            rest._Call("POST", wire.FLATTEN_PATH, wire.flatten_body(SCOPE), deadline_s, connect_s),
            rest._Call("GET", wire.POSITIONS_PATH, None, read_s, read_s),
        ]
        assert list(made._read_times) == [1.0]
        assert made.report == LinkReport(1.0)


@pytest.mark.anyio
async def test_a_link_carries_a_press_as_long_as_the_press_lasts_however_it_ends() -> None:
    async with calling(done) as (made, exchange):
        await made.flatten(SCOPE)
        exchange._end = fault(Cause.CONNECT_FAILED, OSError())
        with pytest.raises(NotSentError):
            await made.flatten(SCOPE)
        assert exchange.carrying == [1, 1]
        assert [link.carries_press for link in made._links] == [False, False]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("cause", "elsewhere"),
    [
        (Cause.CONNECT_FAILED, True),
        (Cause.CONNECT_TIMEOUT, True),
        (Cause.NO_LINK, True),
        (Cause.PROXY, False),
    ],
)
async def test_a_press_that_did_not_leave_says_why_and_whether_another_link_could_do_better(
    cause: Cause, elsewhere: bool
) -> None:
    error = OSError("made up")
    async with calling(fault(cause, error)) as (made, _):
        with pytest.raises(NotSentError) as caught:
            await made.flatten(SCOPE)
    assert (caught.value.reason, caught.value.may_try_elsewhere) == (Reason(cause), elsewhere)
    assert caught.value.__cause__ is error


@pytest.mark.anyio
async def test_a_press_that_may_have_left_is_unknown_unless_the_status_says_all() -> None:
    error = OSError("made up")
    async with calling(fault(Cause.CONNECTION_LOST, error, left_at=1.0, sent_at=2.0)) as (made, exchange):
        with pytest.raises(UnknownOutcomeError) as unknown:
            await made.flatten(SCOPE)
        assert (unknown.value.reason, unknown.value.sent_at) == (Reason(Cause.CONNECTION_LOST), 2.0)
        assert unknown.value.__cause__ is error
        exchange._end = fault(
            Cause.CONNECTION_LOST, error, left_at=1.0, sent_at=2.0, answered_at=3.0, status=401
        )
        with pytest.raises(RefusedError) as refused:
            await made.flatten(SCOPE)
        assert refused.value.reason == Reason(Cause.TOKEN_REFUSED, "", 401)
        assert (refused.value.sent_at, refused.value.answered_at) == (2.0, 3.0)


@pytest.mark.anyio
async def test_a_mistake_of_ours_in_reading_an_answer_is_unknown_and_keeps_its_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mistake = KeyError("made up")

    def broken(_: Answer) -> None:
        raise mistake

    monkeypatch.setattr(wire, "read_receipt", broken)
    async with calling(done) as (made, _):
        with pytest.raises(UnknownOutcomeError) as caught:
            await made.flatten(SCOPE)
    assert (caught.value.reason, caught.value.sent_at) == (Reason(Cause.INTERNAL), 1.0)
    assert caught.value.answered_at == 2.0
    assert caught.value.__cause__ is mistake


@pytest.mark.anyio
async def test_only_reads_that_took_all_their_time_make_the_next_one_wait_longer() -> None:
    error = OSError("made up")
    async with calling(fault(Cause.NO_ANSWER, error)) as (made, exchange):
        least_s = Pace().read_least_deadline_s
        for number, cause in enumerate((Cause.NO_ANSWER, Cause.CONNECT_TIMEOUT), 1):
            exchange._end = fault(cause, error)
            with pytest.raises(ReadFailedError) as caught:
                await made.positions()
            assert (caught.value.reason, caught.value.__cause__) == (Reason(cause), error)
            assert made.give_ups_in_a_row == number
            assert len(made._read_times) == number
        assert made._read_times[0] == least_s
        exchange._end = fault(Cause.CONNECTION_LOST, error)
        with pytest.raises(ReadFailedError):
            await made.positions()
        assert (made.give_ups_in_a_row, len(made._read_times)) == (2, 2)
        exchange._end = done
        await made.positions()
        assert (made.give_ups_in_a_row, len(made._read_times)) == (0, 3)


# -- which link ---


@dataclass(eq=False)
class IdleLink:
    """A link of which nothing is asked but how it does."""

    is_open: bool = True
    used_at: float = 0.0
    proven_at: float = 0.0
    is_idle: bool = True
    is_opening: bool = False
    carries_press: bool = False
    is_slow: bool = False
    was_connected: bool = False
    carried: int = 0
    fails: Exception | None = None
    given_up: list[Cause] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)

    def give_up(self, cause: Cause) -> None:
        self.given_up.append(cause)

    def reset(self) -> None:
        self.ended.append("reset")

    async def close(self) -> None:
        self.ended.append("close")

    async def open(self, limit_s: float) -> None:
        self.opened.append(limit_s)
        if self.fails is not None:
            raise self.fails


def among(*links: IdleLink) -> tuple[Any, list[IdleLink]]:
    """A gateway with these links, and those of them that it connects."""
    made = private(gateway())
    opened: list[IdleLink] = []
    made._links = list(links)
    made._open_soon = opened.append
    return made, opened


def test_a_press_takes_the_open_link_that_was_proven_last() -> None:
    late, early, shut = IdleLink(proven_at=2.0), IdleLink(proven_at=1.0), IdleLink(False, proven_at=3.0)
    made, _ = among(early, shut, late)
    assert made._link_for_press() is late
    late.is_idle = False
    assert made._link_for_press() is early
    early.is_idle = False
    assert made._link_for_press() is shut


def test_a_read_takes_the_open_link_that_was_used_longest_ago_and_connects_the_others() -> None:
    late, early, shut = IdleLink(used_at=2.0), IdleLink(used_at=1.0), IdleLink(False, used_at=-1.0)
    made, opened = among(late, shut, early)
    assert made._link_for_read() is early
    assert opened == [shut]
    late.is_idle = early.is_idle = False
    assert made._link_for_read() is shut  # and whoever uses it connects it
    assert opened == [shut]


@pytest.mark.anyio
async def test_without_an_idle_link_a_press_takes_the_place_of_the_read_begun_longest_ago() -> None:
    early, late = IdleLink(used_at=1.0, is_idle=False), IdleLink(used_at=2.0, is_idle=False)
    press = IdleLink(used_at=0.0, is_idle=False, carries_press=True)
    made, _ = among(press, late, early)
    fresh = made._link_for_press()
    assert fresh not in {early, late, press}
    assert (early.given_up, late.given_up, press.given_up) == ([Cause.NO_LINK], [], [])
    await fresh.close()


def test_after_a_failure_a_link_is_reset_and_replaced_where_it_had_been_connected() -> None:
    failed, kept = IdleLink(was_connected=True), IdleLink()
    made, opened = among(failed, kept)
    made._discard(failed)
    assert failed.ended == ["reset"]
    assert made._links == [kept, *opened]
    assert len(opened) == 1
    made._discard(failed)  # it is gone already, and two are there
    assert (failed.ended, len(opened)) == (["reset", "reset"], 1)
    never = IdleLink()
    made, opened = among(never, kept)
    made._discard(never)
    assert (made._links, opened, never.ended) == ([kept], [], ["reset"])


@pytest.mark.anyio
async def test_what_was_cancelled_is_closed_without_a_reset() -> None:
    left, kept, third = IdleLink(was_connected=True), IdleLink(), IdleLink()
    made, opened = among(left, kept, third)
    made._discard(left, reset=False)
    assert made._links == [kept, third]
    assert opened == []
    await asyncio.gather(*made._tasks)
    assert left.ended == ["close"]


@pytest.mark.anyio
async def test_of_more_than_three_idle_links_those_proven_longest_ago_are_closed() -> None:
    idle = [IdleLink(proven_at=at) for at in (3.0, 1.0, 4.0, 2.0, 5.0)]
    busy = IdleLink(proven_at=0.0, is_idle=False)
    made, _ = among(busy, *idle)
    made._trim()
    assert made._links == [busy, idle[0], idle[2], idle[4]]
    await asyncio.gather(*made._tasks)
    assert [link.ended for link in idle] == [[], ["close"], [], ["close"], []]
    made._trim()
    assert len(made._links) == 4


def test_an_idle_link_that_was_lost_is_connected_again_once_it_has_served() -> None:
    served, busy, fresh, gone = (IdleLink(carried=1) for _ in range(4))
    busy.is_idle = False
    fresh.carried = 0
    made, opened = among(served, busy, fresh)
    for link in (served, busy, fresh, gone):
        made._on_lost(link)
    assert opened == [served]
    assert (served.carried, busy.carried) == (0, 1)
    made._on_lost(served)  # this time it had served nobody
    assert opened == [served]


def test_two_links_are_there_that_no_slow_answer_holds_up() -> None:
    one, two, three = IdleLink(), IdleLink(), IdleLink()
    made, opened = among(one, two, three)
    made._relieve(one)
    assert (one.is_slow, two.is_slow, opened) == (True, False, [])
    made._relieve(two)
    assert opened == [made._links[3]]
    made._relieve(made._links[3])
    assert len(opened) == 2
    assert [link.is_slow for link in made._links] == [True, True, False, True, False]


@pytest.mark.anyio
async def test_a_spare_link_that_does_not_open_is_logged_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = private(gateway())
    link, opening = IdleLink(), IdleLink(is_opening=True)
    with caplog.at_level(logging.INFO):
        made._open_soon(opening)
        assert made._tasks == set()
        made._open_soon(link)
        await asyncio.gather(*made._tasks)
        assert (link.opened, caplog.messages) == ([Pace().connect_s], [])
        link.fails = TimeoutError("made up")
        made._open_soon(link)
        await asyncio.gather(*made._tasks)
    assert caplog.messages == ["a link did not open: TimeoutError"]
    assert (opening.opened, made.report) == ([], LinkReport())
    await asyncio.sleep(0)
    assert made._tasks == set()
    await made.aclose()
    made._open_soon(link)  # closed: nothing is begun any more
    assert (made._tasks, len(link.opened)) == (set(), 2)


# -- the one place that sends ---


@dataclass(eq=False)
class BusyLink(IdleLink):
    """A link that carries one request, and ends it as the test says."""

    end: Callable[[Progress], bytes] = lambda _: b"{}"
    seen: list[object] = field(default_factory=list)

    def take(self, progress: Progress) -> None:
        self.seen.append(progress)
        self.is_idle = False

    def release(self) -> None:
        self.seen.append("release")
        self.is_idle = True

    async def exchange(self, request: httpx.Request, progress: Progress, **limits: float) -> bytes:
        self.seen.append((request.method, str(request.url), limits))
        await asyncio.sleep(0)
        return self.end(progress)


def failing(error: BaseException, **far: Any) -> Callable[[Progress], bytes]:
    def end(progress: Progress) -> bytes:
        for name, value in far.items():
            setattr(progress, name, value)
        raise error

    return end


CALL = rest._Call("POST", "/v1/api/x", b"{}", 60.0, 3.0)


@pytest.mark.anyio
async def test_one_request_goes_once_over_its_link_within_its_limits_and_frees_it() -> None:
    link, spare = BusyLink(), IdleLink()
    made, opened = among(link, spare)
    made._cap_bytes = 77
    made._report = LinkReport(0.5, Reason(Cause.NO_ANSWER), 3.0)
    progress = Progress(RealClock())
    progress.status, progress.sent_at, progress.answered_at = 200, 1.0, 2.0
    answer = await made._exchange(link, CALL, progress)
    url = "https://panel.invalid:8443/v1/api/x"
    assert link.seen == [progress, ("POST", url, {"connect_s": 3.0, "cap_bytes": 77}), "release"]
    assert (answer.status, answer.body, answer.sent_at, answer.answered_at) == (200, b"{}", 1.0, 2.0)
    assert made.report == LinkReport(0.5)  # it answers again
    assert (made._links, opened, link.ended, link.is_slow) == ([link, spare], [], [], False)


@pytest.mark.anyio
@pytest.mark.parametrize("took_its_link", [False, True])
async def test_a_request_that_failed_is_logged_by_its_cause_and_its_link_is_gone(
    caplog: pytest.LogCaptureFixture, *, took_its_link: bool
) -> None:
    error = OSError("made up")
    link, spare, third = BusyLink(), IdleLink(), IdleLink()
    made, _ = among(link, spare, third)
    cause = Cause.NO_LINK if took_its_link else Cause.CONNECT_FAILED
    link.end = failing(error, given_up=Cause.NO_LINK) if took_its_link else failing(error)
    progress = Progress(RealClock())
    with (
        caplog.at_level(logging.INFO),
        pytest.raises(rest._FaultError, match=rf"\A{cause.value}\Z") as caught,
    ):
        await made._exchange(link, CALL, progress)
    assert (caught.value.reason, caught.value.progress) == (Reason(cause), progress)
    assert caught.value.__cause__ is error
    assert caplog.messages == [f"POST failed: {cause.value}"]
    assert (made._links, link.ended, link.seen[-1]) == ([spare, third], ["reset"], "release")
    # That a press took the link of a read tells nothing of the server.
    assert made.report.failure == (None if took_its_link else Reason(cause))
    assert (made.report.offline_since is None) == took_its_link


@pytest.mark.anyio
async def test_a_request_that_was_cancelled_leaves_its_link_to_a_goodbye() -> None:
    link, spare, third = BusyLink(end=failing(asyncio.CancelledError())), IdleLink(), IdleLink()
    made, _ = among(link, spare, third)
    with pytest.raises(asyncio.CancelledError):
        await made._exchange(link, CALL, Progress(RealClock()))
    assert (made._links, link.seen[-1], made.report) == ([spare, third], "release", LinkReport())
    await asyncio.gather(*made._tasks)
    assert link.ended == ["close"]


@pytest.mark.anyio
async def test_time_makes_a_link_slow_and_then_gives_its_request_up() -> None:
    pace = replace(Pace(), link_busy_s=0.02)
    made = private(gateway(pace=pace))
    released = asyncio.Event()

    class Hanging(BusyLink):
        async def exchange(self, request: httpx.Request, progress: Progress, **limits: float) -> bytes:
            del request, limits
            await until(lambda: progress.given_up is not None)  # what a reset socket would tell
            released.set()
            raise OSError

    link, spare = Hanging(), IdleLink()
    made._links = [link, spare]
    opened: list[Link] = []
    made._open_soon = opened.append
    with pytest.raises(rest._FaultError) as caught:
        await made._exchange(link, replace(CALL, limit_s=0.1), Progress(RealClock()))
    assert caught.value.progress.given_up is Cause.NO_ANSWER
    assert released.is_set()
    assert link.is_slow
    assert made._links == [spare, *opened]
    assert len(opened) == 1


@pytest.mark.anyio
async def test_an_answer_that_shows_nothing_is_an_answer_all_the_same() -> None:
    async with calling(lambda _: Answer(200, b"no JSON", 1.0, 2.0)) as (made, _):
        made._report = LinkReport(0.5, Reason(Cause.NO_ANSWER), 3.0)
        with pytest.raises(ReadFailedError) as caught:
            await made.positions()
        assert made.report == LinkReport(0.5, caught.value.reason, None)


@pytest.mark.anyio
async def test_what_it_had_begun_has_ended_when_it_is_closed() -> None:
    made = private(gateway())
    ends: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for _turn in range(9):
                await asyncio.sleep(0)
            ends.append("work")

    made._spawn(work())
    await asyncio.sleep(0)
    await made.aclose()
    assert ends == ["work"]


def test_it_dials_its_origin_through_its_proxy_and_keeps_few_addresses() -> None:
    proxy = read_proxy("http://proxy.test:3128")
    made = private(gateway(proxy=proxy))
    origin = parse_base_url("https://panel.invalid:8443")
    assert made._dial == Dial(origin, made._tls_context, Pace().read_least_deadline_s, proxy)
    # Of every cancelled order the address is another one.
    assert made._url.cache_info().maxsize == rest._KEPT_URLS


@pytest.mark.anyio
async def test_it_has_an_origin_and_two_ways_and_makes_its_context_when_it_is_asked() -> None:
    made: list[ssl.SSLContext] = []

    def make() -> ssl.SSLContext:
        made.append(strict_tls())
        return made[-1]

    panel = gateway(tls=make)
    assert (panel.origin, panel.ways) == ("https://panel.invalid:8443", (Way.REST, Way.REST))
    assert made == []
    assert private(panel)._tls_context() is private(panel)._tls_context()
    assert len(made) == 1
    await panel.aclose()
