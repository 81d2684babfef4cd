"""What `--diagnose` prints: enough to help somebody from afar, nothing that is secret, no account's name."""

import platform
import ssl
import sys
from collections.abc import Awaitable, Callable
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from crosstrade_panel import __version__, cli_texts, texts
from crosstrade_panel.crosstrade.tls import default_tls
from crosstrade_panel.domain.outcome import Reason
from crosstrade_panel.domain.snapshot import AccountsRead, Flaws, OrdersRead, PositionsRead, Source
from crosstrade_panel.icon_files import icon_path
from crosstrade_panel.server_choice import ServerChoice
from crosstrade_panel.storage.credentials import KeyringStore
from crosstrade_panel.storage.paths import Paths
from crosstrade_panel.storage.settings import SettingsFile
from crosstrade_panel.trading.ports import ReadFailedError
from crosstrade_panel.trading.watch import Watch

_Read = TypeVar("_Read", PositionsRead, AccountsRead, OrdersRead)

LIBRARIES = ("PySide6-Essentials", "qasync", "httpx", "msgspec", "websockets", "keyring", "uvicorn")


def surroundings(paths: Paths, choice: ServerChoice, problem: str) -> list[str]:
    """Versions, paths, the server and where the token came from. Sends nothing."""
    lines = [
        f"crosstrade-panel {__version__}",
        f"Python {platform.python_version()} on {platform.platform()}, {sys.executable}",
        *(f"{name} {_version(name)}" for name in LIBRARIES),
        *_parts(),
        f"settings: {paths.settings}",
        f"journal: {paths.journal}",
        f"log: {paths.log_of('command')}",
    ]
    notes = SettingsFile(paths.settings).load().notes
    lines.extend(f"settings: {note.kind.value} {note.name} {note.detail}".rstrip() for note in notes)
    lines.append(cli_texts.server_from(choice.origin, choice.came_from, is_practice=choice.is_practice))
    if choice.token is None:
        lines.append(f"token: none: {problem}")
    else:
        lines.append(f"token: {cli_texts.token_from(choice.token.variable, is_practice=choice.is_practice)}")
    return lines


async def reads(watch: Watch, *, is_practice: bool) -> list[str]:
    """The result of every read-only call; orders only of the first account."""
    lines: list[str] = []
    snapshot = await _try(lines, "accounts/snapshot", lambda: watch.positions(Source.SNAPSHOT))
    await _try(lines, "positions", lambda: watch.positions(Source.POSITIONS))
    listing = await _try(lines, "accounts", watch.list_accounts)
    accounts = None if snapshot is None else snapshot.accounts
    if accounts is None and listing is not None:
        accounts = listing.accounts
    for number, account in enumerate(accounts or (), start=1):
        held = 0 if watch.latest is None else len(watch.latest.of(account.name))
        lines.append(cli_texts.masked_account(number, account, held, is_practice=is_practice))
    if accounts:
        first = accounts[0].name
        await _try(lines, f"orders of {cli_texts.mask(1)}", lambda: watch.orders(first))
    return lines


async def _try(lines: list[str], what: str, call: Callable[[], Awaitable[_Read]]) -> _Read | None:
    try:
        read = await call()
    except ReadFailedError as error:
        reason = error.reason
        # Not the server's own words: they may name an account.
        lines.append(cli_texts.read_failed(what, texts.reason_sentence(Reason(reason.cause)), reason.status))
        return None
    seconds = read.stamp.answered_at - read.stamp.sent_at
    flaw = None if read.flaws == Flaws() else cli_texts.READ_FLAWED
    lines.append(cli_texts.read_done(what, seconds, _found(read), flaw))
    return read


def _found(read: PositionsRead | AccountsRead | OrdersRead) -> str:
    match read:
        case PositionsRead(accounts=None):
            return texts.count(len(read.positions), "position")
        case PositionsRead(accounts=accounts):
            listed = texts.count(len(accounts or ()), "account")
            return f"{listed}, {texts.count(len(read.positions), 'position')}"
        case AccountsRead():
            return texts.count(len(read.accounts), "account")
        case OrdersRead():  # pragma: no branch - the types end here
            return texts.count(len(read.orders), "order")


def _parts() -> list[str]:
    """What a packaged program might have been packaged without. Loads no Qt, asks the keyring for nothing."""
    icons = icon_path("crosstrade-panel.svg").parent
    store = KeyringStore()
    name = store.backend_name()
    return [
        _roots(),
        cli_texts.keyring_named(name, None if store.problem is None else store.problem.value),
        cli_texts.icons_found(len(list(icons.glob("*.svg"))), str(icons)),
        cli_texts.plugins_found(_plugins()),
    ]


def _roots() -> str:
    try:
        return cli_texts.roots_trusted(len(default_tls().get_ca_certs()), ssl.OPENSSL_VERSION)
    except OSError as error:
        return cli_texts.roots_missing(str(error))


def _plugins() -> list[str]:
    """Files of Qt's plugin folders that the window depends on, as `platforms/qxcb`."""
    found = find_spec("PySide6")
    if found is None or found.origin is None:
        return []
    library = Path(found.origin).parent
    return sorted(
        f"{each.parent.name}/{each.name.partition('.')[0].removeprefix('lib')}"
        for kind in ("platforms", "iconengines", "imageformats")
        for folder in (library / "Qt" / "plugins", library / "plugins")
        for each in (folder / kind).glob("*q*.*")
    )


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
