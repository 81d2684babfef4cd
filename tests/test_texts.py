"""What the trader is told: nothing that was not read, and a next step that does not hurt."""

import ast
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from crosstrade_panel import texts
from crosstrade_panel.domain.outcome import Cause, Fate, Outcome, Reason, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Side
from crosstrade_panel.domain.snapshot import Position
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.ui import captions

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ROW = Position("Sim101", "MES 12-25", Side.SHORT, 2)


def lines(outcome: Outcome, *, is_practice: bool = False) -> str:
    return "\n".join(texts.outcome_lines(outcome, is_practice=is_practice))


@pytest.mark.parametrize("cause", [Cause.LOCKED, Cause.NOT_AS_READ])
def test_not_sent_is_not_called_safe_to_press_again_while_something_else_decides(cause: Cause) -> None:
    told = lines(Outcome(Verdict.NOT_SENT, NOON, reason=Reason(cause)))
    assert "safe" not in told
    assert "This press sent nothing." in told


def test_not_sent_for_want_of_a_connection_is_safe_to_press_again() -> None:
    assert "safe to press again" in lines(
        Outcome(Verdict.NOT_SENT, NOON, reason=Reason(Cause.CONNECT_FAILED))
    )


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.NOT_PROVED, Verdict.CANNOT_TELL])
def test_nobody_is_named_as_the_source_where_nothing_was_read(verdict: Verdict) -> None:
    fate = Fate("Sim101", verdict)
    assert "per NinjaTrader" not in lines(Outcome(verdict, NOON, fates=(fate,)))
    assert "per NinjaTrader" in lines(Outcome(verdict, NOON, fates=(fate,), elsewhere_open=0))
    seen = Fate("Sim101", verdict, still_open=(ROW,))
    assert "NinjaTrader shows Short 2 MES 12-25" in lines(Outcome(verdict, NOON, fates=(seen,)))


def test_a_refusal_says_what_was_read_afterwards_or_that_nothing_was() -> None:
    fate = Fate("Sim101", Verdict.REFUSED)
    assert "No read since says whether anything is open" in lines(
        Outcome(Verdict.REFUSED, NOON, fates=(fate,))
    )
    read = Outcome(Verdict.REFUSED, NOON, fates=(fate,), elsewhere_open=0)
    assert "NinjaTrader shows nothing open" in lines(read)
    shown = Outcome(Verdict.REFUSED, NOON, fates=(Fate("Sim101", Verdict.REFUSED, still_open=(ROW,)),))
    assert lines(shown).count("shows") == 1


def test_accounts_that_are_not_connected_are_never_counted_as_connected() -> None:
    away = Reason(Cause.NOT_CONNECTED)
    outcome = Outcome(
        Verdict.CANNOT_TELL,
        NOON,
        scope=EveryAccount(),
        fates=(
            Fate("A", Verdict.FLAT),
            Fate("B", Verdict.CANNOT_TELL, reason=away),
            Fate("C", Verdict.CANNOT_TELL, reason=away, takes_headline=False),
        ),
    )
    assert "1 flat of 1 connected · 2 not connected, cannot tell: B, C" in lines(outcome)


@pytest.mark.parametrize("verdict", [Verdict.STILL_OPEN, Verdict.FLAT_ORDERS_NOT_CHECKED, Verdict.NOT_PROVED])
def test_an_account_that_was_never_connected_is_named_though_no_other_is_flat(verdict: Verdict) -> None:
    away = Fate("B", Verdict.CANNOT_TELL, reason=Reason(Cause.NOT_CONNECTED), takes_headline=False)
    outcome = Outcome(verdict, NOON, scope=EveryAccount(), fates=(Fate("A", verdict), away))
    assert "1 not connected, cannot tell: B" in lines(outcome)


def test_accounts_of_which_the_same_is_told_share_a_line() -> None:
    unread = Reason(Cause.READS_FAILED)
    fates = tuple(Fate(f"A{number}", Verdict.NOT_PROVED, reason=unread) for number in range(100))
    told = lines(Outcome(Verdict.NOT_PROVED, NOON, scope=EveryAccount(), fates=fates)).splitlines()
    assert f"A0, A1, A2, A3, A4, A5, A6, A7 and 92 more: {texts.cause_words(Cause.READS_FAILED)}" in told
    assert len(told) < 6


def test_every_account_with_something_open_has_its_own_line() -> None:
    fates = tuple(Fate(f"A{number}", Verdict.STILL_OPEN, still_open=(ROW,)) for number in range(20))
    told = lines(Outcome(Verdict.STILL_OPEN, NOON, scope=EveryAccount(), fates=fates)).splitlines()
    assert [line for line in told if "shows" in line] == [
        f"A{number}: NinjaTrader shows Short 2 MES 12-25" for number in range(20)
    ]


def test_an_account_found_connected_later_is_told_by_its_rows_and_no_longer_as_away() -> None:
    fates = (Fate("A", Verdict.FLAT), Fate("B", Verdict.CANNOT_TELL, still_open=(ROW,), takes_headline=False))
    told = lines(Outcome(Verdict.FLAT, NOON, scope=EveryAccount(), fates=fates))
    assert "B: NinjaTrader shows Short 2 MES 12-25" in told
    assert "cannot tell" not in told


def test_in_practice_nobody_real_is_named() -> None:
    outcome = Outcome(
        Verdict.REFUSED,
        NOON,
        scope=OneAccount("Sim101"),
        fates=(Fate("Sim101", Verdict.REFUSED, still_open=(ROW,)),),
        reason=Reason(Cause.SERVER_SAID_NO, "Invalid request"),
    )
    told = lines(outcome, is_practice=True)
    assert "The practice exchange said no" in told
    assert "CrossTrade" not in told
    assert "NinjaTrader" not in told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.0004, "<1 ms"),
        (0.038, "38 ms"),
        (0.9996, "1.0 s"),
        (1.44, "1.4 s"),
        (9.96, "10 s"),
        (119, "119 s"),
        (180, "3 min"),
    ],
)
def test_durations_are_told_as_one_says_them(seconds: float, told: str) -> None:
    assert texts.duration(seconds) == told


def test_every_cause_and_every_verdict_has_its_words() -> None:
    for cause in Cause:
        assert texts.cause_words(cause)
    for verdict in Verdict:
        assert texts.verdict_word(verdict)


def test_every_loud_outcome_says_what_to_do_next() -> None:
    for verdict in Verdict:
        known = lines(Outcome(verdict, NOON, fates=(Fate("Sim101", verdict),)))
        steps = [line for line in known.splitlines() if line.endswith(".")]
        assert bool(steps) is verdict.is_loud, verdict


@pytest.mark.parametrize("cause", [Cause.OVER_BUDGET, Cause.TOKEN_REFUSED, Cause.NO_POSITION])
def test_after_a_refusal_the_next_step_is_that_of_its_reason(cause: Cause) -> None:
    usual = lines(Outcome(Verdict.REFUSED, NOON, reason=Reason(Cause.SERVER_SAID_NO))).splitlines()
    told = lines(Outcome(Verdict.REFUSED, NOON, reason=Reason(cause))).splitlines()
    assert told[-1 if cause is not Cause.TOKEN_REFUSED else -2] not in usual


@pytest.mark.parametrize(
    ("cause", "keeps", "told"),
    [
        (
            Cause.CONNECT_FAILED,
            True,
            "app.example cannot be reached — it is kept once a read is answered",
        ),
        (Cause.CONNECT_FAILED, False, "app.example cannot be reached"),
        (Cause.NO_ANSWER, True, "app.example does not answer — it is kept once a read is answered"),
        (Cause.CERTIFICATE, False, "app.example: the server's certificate is not trusted"),
    ],
)
def test_a_token_that_was_not_tested_names_the_server_and_why(cause: Cause, keeps: bool, told: str) -> None:
    assert texts.token_untested("app.example", cause, keeps_token=keeps) == f"token not tested yet: {told}"


@pytest.mark.parametrize(
    ("said", "names_something"),
    [
        ("Invalid request", False),
        ("invalid request.", False),
        ("", False),
        ("Order rejected: the limit price is off the tick", True),
        ("Invalid request: no such account", True),
    ],
)
def test_what_a_refusal_names_is_to_be_put_right_only_where_it_names_something(
    said: str, names_something: bool
) -> None:
    told = lines(Outcome(Verdict.REFUSED, NOON, reason=Reason(Cause.SERVER_SAID_NO, said)))
    assert ("Put right what it names" in told) is names_something
    assert ("It does not say what is wrong. Check account and instrument" in told) is not names_something


def test_what_was_closed_outside_the_scope_is_named() -> None:
    other = Position("Apex-07", "NQ 12-25", Side.LONG, 1)
    told = lines(
        Outcome(
            Verdict.CLOSED_MORE_THAN_ASKED, NOON, scope=OneAccount("Sim101"), closed_positions=(ROW, other)
        )
    )
    assert "Reported closed outside the scope: Long 1 NQ 12-25 in Apex-07" in told
    assert "Short 2 MES 12-25 in Sim101" not in told


def test_no_sentence_speaks_of_http() -> None:
    jargon = re.compile(
        r"HTTP|JSON|URL|socket|endpoint|payload|timeout|timed out|status code|[45]\d\d\b|exception"
    )
    for module in (texts, captions):
        tree = ast.parse(Path(module.__file__ or "").read_text("utf-8"))
        # What stands by itself is said to the reader of the code.
        documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
                assert not jargon.search(node.value), node.value


@pytest.mark.parametrize(
    ("noun", "several"),
    [
        ("position", "2 positions"),
        ("order", "2 orders"),
        ("ORDER", "2 ORDERS"),
        ("order id", "2 order ids"),
        ("account", "2 accounts"),
        ("press", "2 presses"),
    ],
)
def test_several_of_a_thing_are_spelled_as_they_are_spoken(noun: str, several: str) -> None:
    assert texts.count(1, noun) == f"1 {noun}"
    assert texts.count(2, noun).casefold() == several.casefold()


def test_every_noun_that_is_counted_has_its_plural_tested() -> None:
    tested = {"position", "order", "ORDER", "order id", "account", "press"}
    counted = set()
    for path in Path(texts.__file__ or "").parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or len(node.args) != 2:
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            noun = node.args[1]
            if name == "count" and isinstance(noun, ast.Constant) and isinstance(noun.value, str):
                counted.add(noun.value)
    assert "press" in counted
    assert counted <= tested


@pytest.mark.parametrize(
    ("number", "told"), [(1, "1 press unresolved"), (2, "2 presses unresolved"), (6, "6 presses unresolved")]
)
def test_presses_are_counted_when_the_window_is_to_close(number: int, told: str) -> None:
    assert texts.unresolved_at_close(number) == f"{told} — close again to leave"


def test_a_reverse_is_told_as_of_its_proof_and_never_as_of_now() -> None:
    ticket = ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2)
    told = lines(Outcome(Verdict.REVERSED, NOON, scope=OneAccount("Sim101", "MES 12-25"), ticket=ticket))
    assert f"Long 2 MES 12-25 as of {texts.clock_time(NOON)[:8]}" in told.splitlines()
    assert "now" not in told


@pytest.mark.parametrize("verdict", [Verdict.STILL_OPEN, Verdict.FLAT, Verdict.REOPENED])
def test_why_a_press_had_no_usable_answer_is_told_however_the_reads_settled_it(verdict: Verdict) -> None:
    doubt = Reason(Cause.NINJATRADER_OFFLINE, "NinjaTrader is not connected", 408)
    told = texts.outcome_lines(Outcome(verdict, NOON), is_practice=False, doubt=doubt)
    assert "NinjaTrader did not answer CrossTrade; the reads show this" in told
    assert (texts.FALLBACK in told) is verdict.is_loud
    told = texts.outcome_lines(Outcome(verdict, NOON), is_practice=True, doubt=doubt)
    assert "Its NinjaTrader did not answer the practice exchange; the reads show this" in told
    assert texts.FALLBACK not in told


def test_why_there_was_no_usable_answer_is_told_once() -> None:
    doubt = Reason(Cause.NO_ANSWER)
    told = texts.outcome_lines(Outcome(Verdict.UNKNOWN, NOON, reason=doubt), is_practice=False, doubt=doubt)
    assert sum("no answer came" in line.casefold() for line in told) == 1


@pytest.mark.parametrize(
    ("full", "told"),
    [
        ("2026-11-20 14:31:07.412", "14:31:07"),
        ("2026-11-19 23:59:59.999", "11-19 23:59"),
        ("2025-11-20 14:31:07.412", "2025-11-20"),
    ],
)
def test_a_time_in_the_journal_is_as_short_as_today_allows(full: str, told: str) -> None:
    assert texts.journal_time(full, date(2026, 11, 20)) == told


def test_a_full_time_is_told_to_the_millisecond() -> None:
    noon = datetime(2026, 11, 20, 12, 0, 0, 999_900).astimezone()
    assert texts.full_time(noon.astimezone(UTC)) == "2026-11-20 12:00:00.999"
