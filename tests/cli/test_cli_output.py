"""What is printed claims no more than was read."""

from datetime import UTC, datetime

import pytest

from crosstrade_panel import cli_output
from crosstrade_panel.domain.outcome import Fate, Outcome, Verdict
from crosstrade_panel.domain.scope import OneAccount, Side
from crosstrade_panel.domain.snapshot import Position

SCOPE = OneAccount("Sim101")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
OPEN = (Fate("Sim101", Verdict.UNKNOWN, still_open=(Position("Sim101", "MES 12-25", Side.LONG, 2),)),)


@pytest.mark.parametrize(
    ("outcome", "is_claimed"),
    [
        (Outcome(Verdict.FLAT, NOON, scope=SCOPE), True),
        (Outcome(Verdict.UNKNOWN, NOON, fates=OPEN, scope=SCOPE), True),
        (Outcome(Verdict.REFUSED, NOON, scope=SCOPE, elsewhere_open=0), True),
        (Outcome(Verdict.REFUSED, NOON, scope=SCOPE), False),
        (Outcome(Verdict.UNKNOWN, NOON, scope=SCOPE), False),
        (Outcome(Verdict.NOT_SENT, NOON, scope=SCOPE), False),
    ],
)
def test_ninjatrader_is_named_only_where_it_was_read_after_the_press(
    outcome: Outcome, is_claimed: bool
) -> None:
    value = cli_output.outcome_object(outcome, "", is_practice=False)
    lines = cli_output.outcome_lines(outcome, "", is_practice=False)
    assert ("per NinjaTrader" in str(value["detail"])) is is_claimed
    assert any("per NinjaTrader" in line for line in lines) is is_claimed
