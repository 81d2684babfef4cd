"""REST without a network: what a failure is called, what goes into a request, what is told and to whom."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx
import pytest

from crosstrade_panel import __version__
from crosstrade_panel.crosstrade import rest
from crosstrade_panel.crosstrade.address import parse_base_url
from crosstrade_panel.crosstrade.link import TooLargeError
from crosstrade_panel.crosstrade.proxy import ProxyError
from crosstrade_panel.crosstrade.rest import LinkReport, RestGateway
from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.ports import NotSentError, UnknownOutcomeError, Way
from tests.crosstrade.gateways import RealClock, strict_tls

TOKEN = "made-up-token"
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
    assert request.content == b'{"a":1}'
    assert request.extensions["trace"] is trace
    assert {key: request.headers[key] for key in request.headers if key != "host"} == {
        "authorization": f"Bearer {TOKEN}",
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": f"crosstrade-panel/{__version__}",
        "content-type": "application/json",
        "content-length": "7",
    }
    read = private(gateway())._request(rest._Call("GET", "/v1/api/x", None, 3.0, 3.0), trace)
    assert "content-type" not in read.headers
    assert read.content == b""


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
