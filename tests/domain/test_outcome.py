"""The ladder of outcomes: order, exit codes, loudness, and the worst of many fates."""

from crosstrade_panel.domain.outcome import Fate, Verdict, headline

LADDER = [
    "overfilled",
    "closed_more_than_asked",
    "reopened",
    "still_open",
    "reverse_mismatch",
    "unknown",
    "not_proved",
    "cannot_tell",
    "orders_working",
    "still_working",
    "reverse_working",
    "flat_orders_not_checked",
    "refused",
    "not_sent",
    "flat",
    "reversed",
    "cancelled",
    "nothing_open",
]
EXIT_CODES = {
    "not_sent": 4,
    "refused": 3,
    "flat": 0,
    "flat_orders_not_checked": 7,
    "nothing_open": 0,
    "orders_working": 6,
    "still_open": 6,
    "overfilled": 6,
    "closed_more_than_asked": 6,
    "reopened": 6,
    "not_proved": 5,
    "cannot_tell": 5,
    "unknown": 5,
    "reversed": 0,
    "reverse_working": 8,
    "reverse_mismatch": 6,
    "cancelled": 0,
    "still_working": 6,
}


def test_verdicts_are_ordered_and_spelled_as_the_product_says() -> None:
    assert [verdict.value for verdict in sorted(Verdict, key=lambda each: each.rank)] == LADDER


def test_exit_codes_are_those_of_the_product() -> None:
    assert {verdict.value: verdict.exit_code for verdict in Verdict} == EXIT_CODES


def test_everything_but_the_four_good_ends_is_loud() -> None:
    quiet = {verdict.value for verdict in Verdict if not verdict.is_loud}
    assert quiet == {"flat", "reversed", "nothing_open", "cancelled"}


def test_only_ends_that_leave_nothing_to_decide_are_resolved() -> None:
    resolved = {verdict.value for verdict in Verdict if verdict.is_resolved}
    assert resolved == {"not_sent", "refused", "flat", "nothing_open", "reversed", "cancelled"}


def test_the_headline_is_the_worst_fate_that_counts() -> None:
    fates = (
        Fate("a", Verdict.FLAT),
        Fate("b", Verdict.STILL_OPEN),
        Fate("c", Verdict.OVERFILLED, takes_headline=False),
    )
    assert headline(fates) is Verdict.STILL_OPEN
    assert headline(fates[2:]) is None
