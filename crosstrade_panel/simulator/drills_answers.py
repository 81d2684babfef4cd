"""Drills in which the first press is answered with something else than the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crosstrade_panel.simulator import answers
from crosstrade_panel.simulator.drill import AS_DATA, NO_JSON, Drill

if TYPE_CHECKING:
    from collections.abc import Callable

    from crosstrade_panel.simulator.drill import Make
    from crosstrade_panel.simulator.faults import Faults

LATE_S = 4.0
BYTE_S = 1.0
RETRY_S = 1.0

_LIMIT = b'{"error": "Rate limit exceeded"}'
_HTML = b"<!doctype html><html><body><h1>Just a moment...</h1></body></html>"
_HTML_TYPE = ("content-type", "text/html; charset=utf-8")
_DEAD = "NinjaTrader is not running or the add-on is not connected"
_5XX = (
    (500, "Internal server error", "Failed", "it failed"),
    (502, "Bad gateway", "Relay down", "a part of it is down"),
    (503, "Service unavailable", "Down", "it is not available"),
    (504, "Gateway timeout", "Too slow", "a part of it was too slow"),
)


def _answer(make: answers.Making, *, acts: bool) -> Make:
    return lambda _clock, _scale: answers.OneAnswer(make, acts=acts)


def _retrying(body: bytes, *, in_header: bool = False, in_body: bool = False) -> Make:
    """A 429. Only a scale makes its seconds a fraction."""

    def make(_clock: Callable[[], float], scale: float) -> Faults:
        retry_s = f"{RETRY_S * scale:g}"
        headers = (("Retry-After", retry_s),) if in_header else ()
        whole = body[:-1] + f', "retryAfter": {retry_s}}}'.encode() if in_body else body
        return answers.OneAnswer(answers.said(429, whole, *headers), acts=False)

    return make


ANSWERS: tuple[Drill, ...] = (
    Drill(
        "late-answer",
        "answers",
        "Late answer",
        f"The press acts at once, and its answer comes {LATE_S:g} seconds late.",
        lambda _, scale: answers.LateAnswer(LATE_S * scale),
    ),
    Drill(
        "answer-lost",
        "answers",
        "Answer lost",
        "The press acts, and no answer ever comes.",
        lambda _, __: answers.AnswerLost(),
    ),
    Drill(
        "timeout-408",
        "answers",
        "NT8 away, not done",
        "CrossTrade says that NinjaTrader is not connected, and nothing was done (code 408).",
        _answer(answers.error(408, _DEAD), acts=False),
        over_stream=AS_DATA,
    ),
    Drill(
        "timeout-408-acted",
        "answers",
        "NT8 away, but acted",
        "CrossTrade says that NinjaTrader is not connected, although the press acted (code 408).",
        _answer(answers.error(408, _DEAD), acts=True),
        over_stream=AS_DATA,
    ),
    Drill(
        "limit-header",
        "answers",
        "Budget: told when",
        "The request budget is spent: the press is turned away and told when to try again (code 429).",
        _retrying(_LIMIT, in_header=True),
        over_stream="an error without a time",
    ),
    Drill(
        "limit-body",
        "answers",
        "Budget: told within",
        "The request budget is spent, and when to try again stands within the answer (code 429).",
        _retrying(_LIMIT, in_body=True),
        over_stream=AS_DATA,
    ),
    Drill(
        "limit-bare",
        "answers",
        "Budget: not told",
        "The request budget is spent: the press is turned away and told no time (code 429).",
        _retrying(_LIMIT),
        over_stream=AS_DATA,
    ),
    Drill(
        "limit-html",
        "answers",
        "Turned away in front",
        "Something in front of CrossTrade turns the press away with a web page (code 429).",
        _answer(answers.said(429, _HTML, _HTML_TYPE), acts=False),
        over_stream=NO_JSON,
    ),
    *(
        Drill(
            f"error-{status}{'-acted' if acts else ''}",
            "answers",
            f"{title}, {'but acted' if acts else 'not done'}",
            f"CrossTrade says that {what}, "
            f"{'although the press acted' if acts else 'and nothing was done'} (code {status}).",
            _answer(answers.error(status, words), acts=acts),
            over_stream=AS_DATA,
        )
        for status, words, title, what in _5XX
        for acts in (False, True)
    ),
    Drill(
        "redirect",
        "answers",
        "Pointed elsewhere",
        "The answer sends the press on to another server, and nothing was done.",
        _answer(
            answers.said(
                307, _HTML, _HTML_TYPE, ("location", "http://elsewhere.invalid/v1/api/positions/flatten")
            ),
            acts=False,
        ),
        over_stream=NO_JSON,
    ),
    Drill(
        "html",
        "answers",
        "Web page as answer",
        "The press acts, and a web page comes back instead of an answer.",
        _answer(answers.said(200, _HTML, _HTML_TYPE), acts=True),
        over_stream=NO_JSON,
    ),
    Drill(
        "empty",
        "answers",
        "Empty answer",
        "The press acts, and the answer is empty.",
        _answer(answers.empty, acts=True),
        over_stream="a frame of no length",
    ),
    Drill(
        "malformed",
        "answers",
        "Answer breaks off",
        "The press acts, and the answer stops in the middle of what it says.",
        _answer(answers.malformed, acts=True),
        over_stream=NO_JSON,
    ),
    Drill(
        "truncated",
        "answers",
        "Answer cut off",
        "The press acts, and the connection ends halfway through the answer.",
        _answer(answers.truncated, acts=True),
        over_stream="half a frame, then the end of the connection",
    ),
    Drill(
        "deep",
        "answers",
        "Tangled answer",
        f"The press acts, and the answer is {answers.DEPTH:,} lists within each other.",
        _answer(answers.deep, acts=True),
        over_stream=AS_DATA,
    ),
    Drill(
        "huge",
        "answers",
        "Huge answer",
        "The press acts, and the answer is a gigabyte long.",
        _answer(answers.huge, acts=True),
        over_stream="one frame of that length",
    ),
    Drill(
        "gzip-bomb",
        "answers",
        "Swelling answer",
        "The press acts, and the answer is a megabyte that unpacks to a gigabyte.",
        _answer(answers.gzip_bomb, acts=True),
        over_stream="a compressed frame that nobody agreed on",
    ),
    Drill(
        "endless-headers",
        "answers",
        "Answer never begins",
        "The press acts, and what goes before its answer comes a letter a second and never ends.",
        lambda _, scale: answers.OneAnswer(answers.endless_headers(BYTE_S * scale), acts=True),
        over_stream="a frame of 64 KB, a byte a second",
    ),
    Drill(
        "endless-body",
        "answers",
        "Answer never ends",
        "The press acts, and the answer comes a letter a second and never ends.",
        lambda _, scale: answers.OneAnswer(answers.endless_body(BYTE_S * scale), acts=True),
        over_stream="a message in pieces, a byte a second, without a last one",
    ),
    Drill(
        "invalid-utf8",
        "answers",
        "Unreadable answer",
        "The press acts, and the answer has letters in it that nobody can read.",
        _answer(answers.not_utf8, acts=True),
        over_stream="a text frame with such bytes",
    ),
    Drill(
        "success-false",
        "answers",
        "Says no, not done",
        "The answer says that the press did not succeed, and nothing was done.",
        _answer(answers.said(200, b'{"success": false, "error": "Order rejected"}'), acts=False),
        over_stream=AS_DATA,
    ),
    Drill(
        "success-false-acted",
        "answers",
        "Says no, closed it",
        "The answer says that the press did not succeed, and lists what it closed all the same.",
        _answer(answers.but(success=False, error="Some orders could not be cancelled"), acts=True),
        over_stream=AS_DATA,
    ),
    Drill(
        "no-fields",
        "answers",
        "Answer says nothing",
        "The press acts, and the answer says neither yes nor no.",
        _answer(answers.said(200, b"{}"), acts=True),
        over_stream=AS_DATA,
    ),
    Drill(
        "warning",
        "answers",
        "Done, with a warning",
        "The press acts, and the answer says so with a warning.",
        _answer(answers.but(warning="Some orders took longer than usual"), acts=True),
        over_stream=AS_DATA,
    ),
    Drill(
        "reverse-answer-lost",
        "answers",
        "Reverse: answer lost",
        "The reverse acts, and its answer never comes.",
        lambda _, __: answers.AnswerLost({"reverse"}),
        applies="the first reverse after it is armed",
        presses=("reverse",),
    ),
)
