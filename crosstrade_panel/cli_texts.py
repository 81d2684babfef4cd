"""What the command line says, and of tokens and addresses the window too; all else it says is in `texts`."""

from collections.abc import Sequence

from crosstrade_panel.domain.scope import Side
from crosstrade_panel.domain.snapshot import Account, Mode, Position
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.texts import (
    amount,
    count,
    duration,
    position_text,
    price,
    scope_text,
    side_word,
    ticket_text,
    verdict_word,
)
from crosstrade_panel.trading.press import Press

# --- the way to a press


def wrong_address(detail: str) -> str:
    """The server's address cannot be used."""
    return f"the server's address cannot be used: {detail}"


def wrong_token(fault: str, variable: str) -> str:
    """A text that is no token; it is never shown. `fault` is the value of a TokenFault."""
    where = f"the environment variable {variable}" if variable else "the keyring"
    what = {
        "empty": "nothing",
        "too_long": "more characters than a token has",
        "space_inside": "a space inside the token",
        "not_ascii": "characters that no token has",
        "not_printable": "characters that cannot be seen",
    }[fault]
    return f"{where} holds {what}"


_STORE_PROBLEMS = {
    "none_here": "this system has no keyring",
    "not_private": "this system has no keyring that keeps secrets",
    "locked": "the keyring is locked",
    "timed_out": "the keyring did not answer",
    "failed": "the keyring failed",
}


def no_token(origin: str, store: str | None, *, environment_ignored: bool) -> str:
    """Nothing to authenticate with. `store` is the value of a StoreProblem."""
    if environment_ignored:
        return (
            f"the token in the environment is not used for {origin}, which only the settings name; "
            "give it with --base-url or CROSSTRADE_BASE_URL"
        )
    why = "" if store is None else f"; {_STORE_PROBLEMS[store]}"
    return f"there is no token for {origin}{why}. Set XTRADE_TOKEN or CROSSTRADE_TOKEN, or use --practice"


def no_practice(detail: str) -> str:
    """The embedded exchange did not start."""
    return f"practice is not possible: {detail}"


def locked_by(press: Press, pid: int, age_s: float) -> str:
    """Another process's press is in flight."""
    what = "REVERSE" if press.is_reverse else "FLATTEN"
    how = "" if press.outcome is None else f" ({verdict_word(press.outcome.verdict)})"
    return (
        f"process {pid} pressed {what} {scope_text(press.scope)} {duration(age_s)} ago{how}; "
        "wait for its outcome"
    )


JOURNAL_UNREADABLE = (
    "the journal cannot be written and read in time, so nobody knows whether another press is in flight; "
    "a reverse is then not sent"
)


def acted_since_read(press: Press, pid: int) -> str:
    """Another process's press was over only after the read that a reverse rests on."""
    what = "REVERSE" if press.is_reverse else "FLATTEN"
    return f"process {pid} pressed {what} {scope_text(press.scope)} while the position was being read"


def other_side(side: Side, quantity: int, instrument: str, leaving: Side) -> str:
    """The fresh read shows something else than what is to be left."""
    return f"{instrument} is {side_word(side)} {quantity}, not {side_word(leaving)}; nothing was sent"


def no_read(detail: str) -> str:
    """A reverse begins with a read."""
    return f"the position to leave could not be made out: {detail}"


# --- lists


def order_ids(ids: tuple[str, ...]) -> str:
    """As the server reported them."""
    return f"Reported order ids: {', '.join(ids)}"


def ticket_line(ticket: ReverseTicket) -> str:
    """What a reverse was to do, prices as they were understood."""
    return f"From {side_word(ticket.leaving)}: {ticket_text(ticket)}"


def closed_line(row: Position) -> str:
    """A position as the server reported that it was ordered closed."""
    return f"Reported closed: {row.account or 'unreadable account'} · {open_line(row)}"


def open_line(row: Position) -> str:
    """`Short 2 MES 12-25 at 5780.25, market 5774, +62.50`."""
    prices = f"at {price(row.average_price)}, market {price(row.market_price)}"
    return f"{position_text(row)} {prices}, {amount(row.unrealized)}"


def mode_word(account: Account, *, is_practice: bool) -> str:
    """LIVE, SIM or PRACTICE."""
    return (Mode.PRACTICE if is_practice else account.mode).value


def account_line(account: Account, *, is_practice: bool) -> str:
    """`Sim101 · SIM · connected`."""
    connected = {None: "connection unknown", True: "connected", False: "not connected"}[account.connected]
    return f"{account.name} · {mode_word(account, is_practice=is_practice)} · {connected}"


def status_title(accounts: int, positions: int, *, is_practice: bool) -> str:
    """`3 accounts, 4 positions open, per NinjaTrader`."""
    by = "per the practice exchange" if is_practice else "per NinjaTrader"
    return f"{count(accounts, 'account')}, {count(positions, 'position')} open, {by} (one read)"


def status_failed(detail: str) -> str:
    """No clean read."""
    return f"CANNOT TELL: {detail}"


READ_FLAWED = "the answer contradicts itself or has rows that cannot be read"
STOPPED = "stopped"
BROKEN = "an error in this program; its log has the details"

# --- the entry in the menu

SHORTCUT_NAME = "CrossTrade Panel"
SHORTCUT_KIND = "Flatten and reverse"
SHORTCUT_ABOUT = "Flatten and reverse NinjaTrader 8 positions through CrossTrade"
SHORTCUT_PRACTICE = "Practice"
SHORTCUT_KEYWORDS = ("trading", "futures", "flatten", "reverse", "NinjaTrader", "CrossTrade")
NO_SHORTCUT = "the menu had no entry of this program"


def shortcut_made(path: str) -> str:
    """The entry is there, or there anew."""
    return f'"{SHORTCUT_NAME}" is in the menu: {path}'


def shortcut_removed(path: str) -> str:
    """The entry is gone."""
    return f'"{SHORTCUT_NAME}" is out of the menu: {path}'


def shortcut_failed(why: str) -> str:
    """Nothing was changed, or not all."""
    return f"the menu could not be changed: {why}"


def shortcut_of_others(path: str) -> str:
    """An entry that this program did not make; it was left as it is."""
    return f"the menu has an entry that this program did not make, which is left alone: {path}"


# --- opening the window


def no_display(command: str, display: str = "") -> str:
    """Nowhere to draw; `display` is what DISPLAY says, where nothing answers."""
    why = (
        f"the display {display} does not answer"
        if display
        else ("there is no display (DISPLAY and WAYLAND_DISPLAY are not set)")
    )
    return f"crosstrade-panel: no window can open, because {why}.\n{_instead(command)}"


def no_window(missing: str, command: str) -> str:
    """A library that the window needs is not there."""
    return (
        f"crosstrade-panel: the window cannot open, because this is missing: {missing}\n"
        "On Debian and Ubuntu the .deb brings it; in a checkout, packaging/bootstrap.py installs it or\n"
        "prints the line to type.\n"
        f"{_instead(command)}"
    )


def _instead(command: str) -> str:
    return (
        "The command line works without a window, for example:\n"
        f"  {command} status --practice\n"
        f"  {command} flatten --account Sim101 --practice\n"
        f"  {command} --help"
    )


# --- diagnosis


def token_from(variable: str, *, is_practice: bool) -> str:
    """Where the token came from; never the token. `variable` is empty for the keyring."""
    if is_practice:
        return "made for this practice exchange"
    return f"from the environment variable {variable}" if variable else "from the keyring"


def mask(number: int) -> str:
    """An account without its name."""
    return f"account {number}"


def keyring_named(name: str | None, problem: str | None) -> str:
    """What would keep a token, or why nothing would. `problem` is the value of a StoreProblem."""
    return f"keyring: {name}" if problem is None else f"keyring: none: {_STORE_PROBLEMS[problem]}"


def roots_trusted(number: int, library: str) -> str:
    """How many certificates a server's may descend from."""
    return f"trusted roots: {number}, {library}"


def roots_missing(why: str) -> str:
    """No server would be trusted."""
    return f"trusted roots: none: {why}"


def icons_found(number: int, folder: str) -> str:
    """The drawings of the window's buttons and of the program."""
    return f"icons: {number} in {folder}"


def plugins_found(names: Sequence[str]) -> str:
    """What Qt can load: ways to the screen, and the readers of the icons."""
    return f"Qt plugins: {', '.join(names) or 'none'}"


TOKEN_FOR_SESSION = "the keyring did not keep the token: it serves until the panel is closed"  # noqa: S105 - words


def journal_state(problem: str | None) -> str:
    """Whether presses are being written down."""
    return "journal: working" if problem is None else f"journal: off ({problem})"


def read_done(what: str, seconds: float, found: str, flaw: str | None) -> str:
    """One read-only call that was answered."""
    return f"{what}: {found} in {duration(seconds)}" + (f", but {flaw}" if flaw else "")


def read_failed(what: str, why: str, status: int | None) -> str:
    """One read-only call that showed nothing; without the server's words, which may name an account."""
    return f"{what}: failed, {why}" + (f" (HTTP {status})" if status else "")


def masked_account(number: int, account: Account, positions: int, *, is_practice: bool) -> str:
    """An account without its name: `account 1: SIM, connected, 2 positions`."""
    connected = {None: "connection unknown", True: "connected", False: "not connected"}[account.connected]
    mode = mode_word(account, is_practice=is_practice)
    return f"  {mask(number)}: {mode}, {connected}, {count(positions, 'position')}"


def server_from(origin: str, came_from: str, *, is_practice: bool) -> str:
    """Where requests go, and who said so."""
    if is_practice:
        return f"server: the embedded practice exchange, {origin}"
    who = {
        "vendor": "the vendor's own",
        "command": "from --base-url",
        "environment": "from CROSSTRADE_BASE_URL",
        "settings": "from the settings file",
    }[came_from]
    return f"server: {origin} ({who})" if origin else f"server: none that can be used ({who})"
