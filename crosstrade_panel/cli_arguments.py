"""What the command line can be asked to do, read strictly: anything doubtful is a usage error."""

import argparse
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from crosstrade_panel import cli_usage
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, ScopeError, Side
from crosstrade_panel.domain.ticket import (
    OrderType,
    ReverseTicket,
    TimeInForce,
    read_price,
    read_quantity,
)
from crosstrade_panel.domain.value import dataclass

if TYPE_CHECKING:
    from crosstrade_panel.cli_errands import Errand

_MOST_PORT = 65535
_NEGATIVE = re.compile(r"-[\d.,]")


@dataclass(frozen=True, slots=True)
class Where:
    """The server that was asked for; without `base_url` the usual places say which."""

    practice: bool = False
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class FlattenCommand:
    """Close the positions of a scope."""

    scope: Scope
    where: Where
    json: bool = False


@dataclass(frozen=True, slots=True)
class ReverseCommand:
    """Reverse a position. `wanted` has the quantity 1 where none was given: then the open size counts."""

    wanted: ReverseTicket
    has_quantity: bool
    where: Where
    json: bool = False


Command: TypeAlias = "FlattenCommand | ReverseCommand | Errand"


class _Once(argparse.Action):
    """A value that may be given once: of two accounts, the wrong one might win."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        if getattr(namespace, f"had_{self.dest}", False):
            parser.error(cli_usage.given_twice(option_string or self.dest))
        setattr(namespace, f"had_{self.dest}", True)
        setattr(namespace, self.dest, values)


def parse(arguments: Sequence[str]) -> Command:
    """Read the arguments.

    Raises:
        SystemExit: with 2 after a usage error was printed to stderr, with 0 after the help was printed.
    """
    words = _with_negatives_attached(arguments)
    parser, verbs = _parsers(words)
    chosen = parser.parse_args(words)
    if chosen.verb in {"flatten", "reverse"}:
        if _has_options_before(chosen):
            parser.error(cli_usage.OPTIONS_GO_BEHIND)
        return _press(verbs[chosen.verb], chosen)
    return _errand(parser, verbs, chosen)


def _has_options_before(chosen: argparse.Namespace) -> bool:
    """Whether options stand before the verb: `--practice flatten` must not be a live flatten."""
    return bool(chosen.version or chosen.diagnose or chosen.top_practice or chosen.top_base_url is not None)


def _press(verb: argparse.ArgumentParser, chosen: argparse.Namespace) -> FlattenCommand | ReverseCommand:
    where = _where(verb, practice=chosen.practice, base_url=chosen.base_url)
    try:
        if chosen.verb == "flatten":
            return FlattenCommand(_scope(chosen), where, chosen.json)
        return ReverseCommand(_ticket(chosen), chosen.quantity is not None, where, chosen.json)
    except ScopeError as error:
        verb.error(str(error))


def _errand(
    parser: argparse.ArgumentParser,
    verbs: dict[str, argparse.ArgumentParser],
    chosen: argparse.Namespace,
) -> "Errand":
    from crosstrade_panel.cli_errands import (  # noqa: PLC0415 - a press would wait for them
        DiagnoseCommand,
        ShortcutCommand,
        SimulatorCommand,
        StatusCommand,
        VersionCommand,
    )

    if chosen.verb is None:
        if chosen.version:
            return VersionCommand()
        if chosen.diagnose:
            return DiagnoseCommand(_where(parser, practice=chosen.top_practice, base_url=chosen.top_base_url))
        parser.error(cli_usage.NO_VERB)
    if _has_options_before(chosen):
        parser.error(cli_usage.OPTIONS_GO_BEHIND)
    match chosen.verb:
        case "simulator":
            return SimulatorCommand(chosen.port, chosen.seed, chosen.drill)
        case "status":
            where = _where(verbs["status"], practice=chosen.practice, base_url=chosen.base_url)
            return StatusCommand(where, chosen.json)
        case _:
            return ShortcutCommand(wanted=chosen.verb == "install-shortcut")


def _scope(chosen: argparse.Namespace) -> Scope:
    side = None if chosen.side is None else Side(chosen.side)
    if chosen.everything:
        return EveryAccount(chosen.instrument, side)
    return OneAccount(chosen.account, chosen.instrument, side)


def _ticket(chosen: argparse.Namespace) -> ReverseTicket:
    return ReverseTicket(
        account=chosen.account,
        instrument=chosen.instrument,
        leaving=Side(chosen.side),
        quantity=1 if chosen.quantity is None else read_quantity(chosen.quantity),
        order_type=OrderType(chosen.order_type),
        time_in_force=TimeInForce(chosen.time_in_force),
        limit_price=_price(chosen.limit_price),
        stop_price=_price(chosen.stop_price),
        oco_id=chosen.oco_id,
        strategy=chosen.strategy,
    )


def _price(text: str | None) -> Decimal | None:
    return None if text is None else read_price(text)


def _where(parser: argparse.ArgumentParser, *, practice: bool, base_url: str | None) -> Where:
    if practice and base_url is not None:
        parser.error(cli_usage.PRACTICE_HAS_ITS_OWN)
    return Where(practice, base_url)


def _with_negatives_attached(arguments: Sequence[str]) -> list[str]:
    """`--limit-price -5,25` as one word, so that it is refused as a price and not taken for an option."""
    attached: list[str] = []
    for each in arguments:
        if attached and attached[-1].startswith("--") and "=" not in attached[-1] and _NEGATIVE.match(each):
            attached[-1] = f"{attached[-1]}={each}"
        else:
            attached.append(each)
    return attached


def _parsers(words: Sequence[str]) -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The parser of everything, and those of the verbs: options only of verbs that are among the words."""
    # Options only in full: "--every" must not mean "--everything".
    parser = argparse.ArgumentParser("crosstrade-panel", description=cli_usage.ABOUT, allow_abbrev=False)
    parser.add_argument("--version", action="store_true", help=cli_usage.HELP_VERSION)
    parser.add_argument("--diagnose", action="store_true", help=cli_usage.HELP_DIAGNOSE)
    parser.add_argument("--practice", action="store_true", dest="top_practice", help=cli_usage.HELP_PRACTICE)
    parser.add_argument(
        "--base-url", action=_Once, dest="top_base_url", metavar="URL", help=cli_usage.HELP_BASE_URL
    )
    group = parser.add_subparsers(dest="verb", metavar="VERB")
    verbs = {
        name: group.add_parser(name, help=about, description=about, allow_abbrev=False)
        for name, about in cli_usage.VERBS.items()
    }
    options = {
        "flatten": (_add_flatten, _add_where),
        "reverse": (_add_reverse, _add_where),
        "status": (_add_where,),
        "simulator": (_add_simulator,),
    }
    for name in options.keys() & set(words):
        for add in options[name]:
            add(verbs[name])
    return parser, verbs


def _add_where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help=cli_usage.HELP_JSON)
    parser.add_argument("--practice", action="store_true", help=cli_usage.HELP_PRACTICE)
    parser.add_argument("--base-url", action=_Once, metavar="URL", help=cli_usage.HELP_BASE_URL)


def _add_flatten(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--account", action=_Once, metavar="NAME", help=cli_usage.HELP_ACCOUNT)
    which.add_argument("--everything", action="store_true", help=cli_usage.HELP_EVERYTHING)
    parser.add_argument("--instrument", action=_Once, metavar="NAME", help=cli_usage.HELP_INSTRUMENT)
    parser.add_argument("--side", action=_Once, choices=("long", "short"), help=cli_usage.HELP_SIDE)


def _add_reverse(parser: argparse.ArgumentParser) -> None:
    def add(name: str, help_text: str, **options: object) -> None:
        parser.add_argument(name, action=_Once, help=help_text, **options)  # type: ignore[arg-type]

    add("--account", cli_usage.HELP_ACCOUNT, required=True, metavar="NAME")
    add("--instrument", cli_usage.HELP_INSTRUMENT, required=True, metavar="NAME")
    add("--side", cli_usage.HELP_LEAVING, required=True, choices=("long", "short"))
    add("--quantity", cli_usage.HELP_QUANTITY, metavar="N")
    order_types = [each.value for each in OrderType]
    add("--order-type", cli_usage.HELP_ORDER_TYPE, choices=order_types, default="market")
    add("--limit-price", cli_usage.HELP_LIMIT_PRICE, metavar="P")
    add("--stop-price", cli_usage.HELP_STOP_PRICE, metavar="P")
    add("--time-in-force", cli_usage.HELP_TIME, choices=[each.value for each in TimeInForce], default="day")
    add("--oco-id", cli_usage.HELP_OCO, metavar="ID")
    add("--strategy", cli_usage.HELP_STRATEGY, metavar="NAME")


def _add_simulator(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", action=_Once, type=_port, default=0, metavar="N", help=cli_usage.HELP_PORT)
    parser.add_argument("--seed", action=_Once, type=int, default=1, metavar="N", help=cli_usage.HELP_SEED)
    parser.add_argument("--drill", action=_Once, metavar="NAME", help=cli_usage.HELP_DRILL)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _MOST_PORT:
        raise argparse.ArgumentTypeError(cli_usage.NOT_A_PORT)
    return int(text)
