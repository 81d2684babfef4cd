"""What the command line takes, and what it refuses before anything happens."""

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crosstrade_panel.cli_arguments import FlattenCommand, ReverseCommand, Where, parse
from crosstrade_panel.cli_errands import DiagnoseCommand, SimulatorCommand, StatusCommand, VersionCommand
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Side
from crosstrade_panel.domain.ticket import OrderType, ReverseTicket, TimeInForce

if TYPE_CHECKING:
    from tests.cli.conftest import Run

REVERSE = ["reverse", "--account", "Sim101", "--instrument", "MES 12-25", "--side", "short"]


def test_every_scope_of_a_flatten_can_be_said() -> None:
    assert parse(["flatten", "--everything"]) == FlattenCommand(EveryAccount(), Where())
    assert parse(["flatten", "--account", "A b", "--side", "long", "--json"]) == FlattenCommand(
        OneAccount("A b", None, Side.LONG), Where(), json=True
    )
    assert parse(["flatten", "--everything", "--instrument", "MES 12-25", "--practice"]) == FlattenCommand(
        EveryAccount("MES 12-25"), Where(practice=True)
    )
    url = "http://127.0.0.1:1"
    assert parse(["flatten", "--account=-odd", f"--base-url={url}"]) == FlattenCommand(
        OneAccount("-odd"), Where(base_url=url)
    )


def test_a_reverse_takes_all_nine_fields() -> None:
    limits = ["--limit-price", "5780,25", "--stop-price", "5781", "--order-type", "stop-limit"]
    others = ["--quantity", "3", "--time-in-force", "gtc", "--oco-id", "o1", "--strategy", "Bracket"]
    command = parse([*REVERSE, *limits, *others])
    assert command == ReverseCommand(
        ReverseTicket(
            "Sim101",
            "MES 12-25",
            Side.SHORT,
            3,
            OrderType.STOP_LIMIT,
            TimeInForce.GTC,
            Decimal("5780.25"),
            Decimal(5781),
            "o1",
            "Bracket",
        ),
        has_quantity=True,
        where=Where(),
    )


def test_a_reverse_without_a_quantity_says_so() -> None:
    command = parse(REVERSE)
    assert isinstance(command, ReverseCommand)
    assert not command.has_quantity


def test_the_other_verbs() -> None:
    assert parse(["status", "--json"]) == StatusCommand(Where(), json=True)
    assert parse(["simulator"]) == SimulatorCommand(0, 1)
    assert parse(["simulator", "--port", "8123", "--seed", "7"]) == SimulatorCommand(8123, 7)
    assert parse(["simulator", "--drill", "refill"]) == SimulatorCommand(0, 1, "refill")
    assert parse(["--diagnose", "--practice"]) == DiagnoseCommand(Where(practice=True))
    assert parse(["--diagnose", "--base-url", "x"]) == DiagnoseCommand(Where(base_url="x"))
    assert parse(["--version"]) == VersionCommand()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "say what to do"),
        (["flatten"], "one of the arguments --account --everything is required"),
        (["flatten", "--account", "A", "--everything"], "not allowed with"),
        (["flatten", "--account", ""], "would mean a wider scope"),
        (["flatten", "--account", " "], "would mean a wider scope"),
        (["flatten", "--account", "\u200b"], "would mean a wider scope"),
        (["flatten", "--account", "\u3164"], "would mean a wider scope"),
        (["flatten", "--account", "Sim\u200b101"], "would mean a wider scope"),
        (["flatten", "--account", "\udcff\udcfe"], "would mean a wider scope"),
        (["flatten", "--account", "A", "--instrument", ""], "would mean a wider scope"),
        (["flatten", "--everything", "--instrument", "\ufeff"], "would mean a wider scope"),
        (["flatten", "--account", "A", "--account", "B"], "--account is given twice"),
        (["flatten", "--account", "A", "--instrument", "ES", "--instrument", "NQ"], "given twice"),
        (["flatten", "--account", "A", "--side", "long", "--side", "long"], "given twice"),
        (["flatten", "--account", "A", "--side", "both"], "invalid choice"),
        (["flatten", "--account", "A", "--side", "LONG"], "invalid choice"),
        (["flatten", "--every"], "one of the arguments"),
        (["--diag"], "unrecognized arguments"),
        (["flatten", "--account", "A", "B"], "unrecognized arguments"),
        (["flatten", "--everything", "--practice", "--base-url", "https://x"], "leave --base-url out"),
        (["status", "--practice", "--base-url", ""], "leave --base-url out"),
        (["--diagnose", "--practice", "--base-url", "x"], "leave --base-url out"),
        (["--practice", "flatten", "--everything"], "options go behind the verb"),
        (["--base-url", "http://127.0.0.1:1", "status"], "options go behind the verb"),
        (["--diagnose", "status"], "options go behind the verb"),
        (["--version", "status"], "options go behind the verb"),
        (["status", "--account", "A"], "unrecognized arguments"),
        (["explode"], "invalid choice"),
        (["simulator", "--port", "65536"], "a port is a number from 0 to 65535"),
        (["simulator", "--port", "-1"], "a port is a number from 0 to 65535"),
        (["simulator", "--port", "http"], "a port is a number from 0 to 65535"),
        (["simulator", "--seed", "x"], "invalid int value"),
        (["simulator", "--drill", "refill", "--drill", "deep"], "--drill is given twice"),
        (["flatten", "--everything", "--drill", "deep"], "unrecognized arguments"),
        (["reverse", "--account", "A", "--instrument", "ES"], "required: --side"),
        ([*REVERSE, "--quantity", "0"], "is not a number of contracts"),
        ([*REVERSE, "--quantity", "-1"], "is not a number of contracts"),
        ([*REVERSE, "--quantity", "1.5"], "is not a number of contracts"),
        ([*REVERSE, "--limit-price", "5780"], "a market order takes no limit price"),
        ([*REVERSE, "--order-type", "limit"], "a limit order needs a limit price"),
        ([*REVERSE, "--order-type", "limit", "--limit-price", "-5"], "'-5' is not a price"),
        ([*REVERSE, "--order-type", "limit", "--limit-price", "-5,25"], "'-5,25' is not a price"),
        ([*REVERSE, "--order-type", "limit", "--limit-price=-5"], "'-5' is not a price"),
        ([*REVERSE, "--order-type", "limit", "--limit-price", "1e3"], "is not a price"),
        ([*REVERSE, "--order-type", "limit", "--limit-price", "0"], "'0' is not a price"),
        ([*REVERSE, "--order-type", "limit", "--limit-price", "5780.10"], "is not on the tick"),
        ([*REVERSE, "--oco-id", ""], "is left out or has a visible name"),
        ([*REVERSE, "--account", ""], "--account is given twice"),
    ],
)
def test_whatever_is_doubtful_is_a_usage_error_and_nothing_happens(
    run: "Run", home: Path, arguments: list[str], said: str
) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert not home.exists()


def test_help_is_no_error(run: "Run") -> None:
    done = run("flatten", "--help")
    assert done.code == 0
    assert "--everything" in done.out
