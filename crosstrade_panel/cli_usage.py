"""What the command line says of itself, `--help` and wrong usage; it needs nothing else to say it."""

from collections.abc import Sequence

ABOUT = (
    "Flattens and reverses NinjaTrader 8 positions through CrossTrade, and says only what was proved. "
    "Without a verb it opens the window. Exit codes: 0 flat, nothing open or reversed; 2 usage; 3 refused; "
    "4 not sent; 5 unknown or not proved; 6 still open, overfilled, orders working or another bad end; "
    "7 flat, orders not checked; 8 the entry of a reverse is working."
)
VERBS = {
    "flatten": "close positions and cancel their orders",
    "reverse": "close one position and enter the other side",
    "status": "read accounts and open positions once",
    "simulator": "run the practice exchange alone",
    "install-shortcut": "put the window into the Start menu or the applications menu",
    "remove-shortcut": "take it out of that menu again",
}
NO_VERB = "say what to do: flatten, reverse, status, simulator, install-shortcut or remove-shortcut"
OPTIONS_GO_BEHIND = "options go behind the verb, as in: flatten --account NAME --practice"
PRACTICE_HAS_ITS_OWN = "--practice has a server of its own; leave --base-url out"
NOT_A_PORT = "a port is a number from 0 to 65535"

HELP_VERSION = "print the version"
HELP_DIAGNOSE = "print versions, paths and the result of read-only calls, account names masked"
HELP_PRACTICE = "use the embedded practice exchange; nothing real is touched"
HELP_BASE_URL = "address of the API; plain http only to 127.0.0.1 or [::1]"
HELP_JSON = "print one JSON object on standard output"
HELP_ACCOUNT = "the account"
HELP_EVERYTHING = "every account; the only way to leave the account out"
HELP_INSTRUMENT = "the instrument, such as 'MES 12-25'"
HELP_SIDE = "only positions of this side"
HELP_LEAVING = "the side held now, which is left; refused when the position is on the other one"
HELP_QUANTITY = "contracts of the new order; the open size when left out"
HELP_ORDER_TYPE = "how the new order is executed; market when left out"
HELP_LIMIT_PRICE = "for limit and stop-limit; a decimal comma is taken for a decimal point"
HELP_STOP_PRICE = "for stop-market and stop-limit"
HELP_TIME = "how long the new order works; day when left out"
HELP_OCO = "create or join this OCO group"
HELP_STRATEGY = "ATM strategy template"
HELP_PORT = "a port of 127.0.0.1; any free one when left out"
HELP_SEED = "of the price walk"
LIST_DRILLS = "list"
HELP_DRILL = f"let this go wrong; '{LIST_DRILLS}' prints all there is to choose from"


def given_twice(option: str) -> str:
    """One of the two values would be dropped."""
    return f"{option} is given twice"


def unknown_drill(name: str, near: Sequence[str]) -> str:
    """A name that no drill has; `near` are some that were probably meant."""
    meant = f"; did you mean {' or '.join(near)}?" if near else ""
    return (
        f"crosstrade-panel simulator: error: no drill is called '{name}'{meant} "
        f"(--drill {LIST_DRILLS} prints them all)"
    )
