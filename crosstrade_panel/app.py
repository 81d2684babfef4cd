"""The window's program: makes every object, wires them together, and takes them down again."""

import asyncio
import logging
import os
import sys
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QByteArray, QSettings, QTimer
from PySide6.QtWidgets import QApplication

from crosstrade_panel import __version__, cli_texts, texts
from crosstrade_panel.domain.outcome import Cause, Outcome, Reason, Verdict
from crosstrade_panel.crosstrade.address import BaseUrl, parse_base_url
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, Side
from crosstrade_panel.domain.secret import Secret
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.runtime import TaskSupervisor, install_crash_hooks, run
from crosstrade_panel.server_choice import AddressProblem, NoToken, ServerChoice, TokenProblem, choose_server
from crosstrade_panel.storage.credentials import KeyringStore, NotATokenError, read_token
from crosstrade_panel.storage.journal_file import JournalFileError
from crosstrade_panel.storage.journal_view import PressRecord
from crosstrade_panel.storage.log import Redactor, end_log, start_log
from crosstrade_panel.storage.paths import Paths, find_paths
from crosstrade_panel.storage.settings import Settings, SettingsFile
from crosstrade_panel.system_clock import SystemClock
from crosstrade_panel.trading.budget import Budget
from crosstrade_panel.trading.desk import Desk
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.ports import CredentialError
from crosstrade_panel.trading.press import Phase, Press
from crosstrade_panel.trading.record import Record
from crosstrade_panel.trading.watch import Watch
from crosstrade_panel.ui.describe import tone_of
from crosstrade_panel.ui.main_window import MainWindow
from crosstrade_panel.ui.presenter import Presenter
from crosstrade_panel.ui.view import JournalRow, Tone

if TYPE_CHECKING:
    from crosstrade_panel.crosstrade.rest import RestGateway
    from crosstrade_panel.simulator.server import PracticeExchange
    from crosstrade_panel.storage.journal import SqliteJournal

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_REFRESH_MS = 200
_JOURNAL_ROWS = 200
_JOURNAL_WAIT_S = 5.0
_LONG_AGO_S = 3600.0


def run_window(*, practice: bool, base_url: str | None) -> int:
    """Open the window and stay until it is closed; the exit code."""
    app = QApplication(sys.argv[:1])
    app.setApplicationName("CrossTrade Panel")
    app.setApplicationVersion(__version__)
    app.setDesktopFileName("crosstrade-panel")
    app.setStyle("Fusion")
    paths = find_paths()
    redact = Redactor()
    log = start_log(paths.log_of("panel"), redact)
    install_crash_hooks()
    try:
        program = Program(app, paths, redact, practice=practice, base_url=base_url)
        program.show()
        return run(app, program.main)
    finally:
        end_log(log)


class Program:
    """One run of the window."""

    def __init__(
        self, app: QApplication, paths: Paths, redact: Redactor, *, practice: bool, base_url: str | None
    ) -> None:
        """Make what the first paint needs, and nothing that could make it wait."""
        self._app = app
        self._paths = paths
        self._redact = redact
        self._practice = practice
        self._base_url = base_url
        self._settings_file = SettingsFile(paths.settings)
        loaded = self._settings_file.load()
        self._settings: Settings = loaded.settings
        for note in loaded.notes:
            _log.warning("settings: %s %s %s", note.kind.value, note.name, note.detail)
        self._clock = SystemClock()
        self._pace = replace(
            Pace(), hold_wide_s=self._settings.hold_wide_s, hold_narrow_s=self._settings.hold_narrow_s
        )
        self._window = MainWindow(theme_choice=self._settings.theme)
        self._supervisor = TaskSupervisor(lambda name: _log.error("task %s broke", name))
        self._presenter = Presenter(
            self._clock,
            self._pace,
            self._supervisor,
            new_id=lambda: uuid.uuid4().hex,
            show=self._window.show_panel,
            alert=self._alert,
            reverse_ended=self._window.reverse_done,
            account_committed=self._remember_account,
        )
        self._store = KeyringStore()
        self._closed: asyncio.Event | None = None
        self._is_connecting = False
        self._choice: ServerChoice | None = None
        self._gateway: RestGateway | None = None
        self._exchange: PracticeExchange | None = None
        self._journal: SqliteJournal
        self._refresh = QTimer()
        self._geometry = QSettings(str(paths.config / "window.ini"), QSettings.Format.IniFormat)
        self._wire()

    def show(self) -> None:
        """Paint the window before anything else is loaded."""
        geometry = self._geometry.value("geometry")
        if isinstance(geometry, QByteArray):
            self._window.restoreGeometry(geometry)
        self._window.set_pinned(self._settings.always_on_top)
        self._presenter.refresh()
        self._window.show()

    async def main(self) -> int:
        """Everything after the first paint, until the trader leaves."""
        from crosstrade_panel.storage.journal import SqliteJournal  # noqa: PLC0415 - after the first paint

        loop = asyncio.get_running_loop()

        def on_problem(_: str | None) -> None:  # on the journal's thread
            loop.call_soon_threadsafe(self._presenter.refresh)

        self._closed = asyncio.Event()
        self._journal = SqliteJournal(
            self._paths.journal,
            on_problem=on_problem,
            redact=self._redact,
        )
        self._refresh.start(_REFRESH_MS)
        self._supervisor.start("begin", self._begin())
        try:
            await self._closed.wait()
        finally:
            self._refresh.stop()
            self._geometry.setValue("geometry", self._window.saveGeometry())
            self._window.hide()
            await self._leave()
        return 0

    # --- the server ---------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        """Find the server and its token; without one the window says NO TOKEN and waits."""
        if self._practice:
            await self._practise()
            return
        choice = await in_thread("token", self._choose)
        if choice.base_url is None or choice.token is None:
            self._tell_token_problem(choice)
            await self._show_journal()
            return
        await self._connect(choice.base_url, choice.token.secret, is_practice=False)

    def _choose(self) -> ServerChoice:
        """Which server, which token. May wait for a keyring's prompt: never on the window's thread."""
        return choose_server(
            base_url=self._base_url,
            environ=os.environ,
            settings=self._settings_file.load,
            store=self._store,
        )

    def _tell_token_problem(self, choice: ServerChoice) -> None:
        self._choice = choice
        self._presenter.token_problem = _problem_text(choice)
        self._presenter.refresh()

    async def _practise(self) -> None:
        """Start the practice exchange inside this program and connect to it."""
        from crosstrade_panel.simulator.server import PracticeExchange  # noqa: PLC0415 - only for practice

        exchange = PracticeExchange()
        await in_thread("practice", exchange.start)
        self._exchange = exchange
        await self._connect(parse_base_url(exchange.base_url), Secret(exchange.token), is_practice=True)

    async def _connect(self, base_url: BaseUrl, token: Secret, *, is_practice: bool) -> None:
        from crosstrade_panel.crosstrade.rest import RestGateway  # noqa: PLC0415 - after the first paint

        self._redact.hide(token)
        gateway = RestGateway(base_url, token.reveal(), clock=self._clock, pace=self._pace)
        self._gateway = gateway
        watch = Watch(gateway, self._clock, Budget(self._clock.monotonic()), self._pace)
        desk = Desk(
            gateway=gateway,
            watch=watch,
            record=Record(self._journal, self._clock, gateway.origin, is_practice=is_practice),
            book=self._presenter.book,
            clock=self._clock,
            pace=self._pace,
            on_change=self._on_press_changed,
        )
        last = None if is_practice else self._settings.last_account or None
        self._presenter.connect(desk, is_practice=is_practice, last_account=last)
        self._supervisor.start("watch", watch.run())
        await self._show_interrupted(is_practice=is_practice)
        await self._show_journal()

    async def _leave(self) -> None:
        """Take everything down; nothing here waits for long, and no press is reset."""
        if self._gateway is not None:
            # First: a cancelled press would be reset, and leaving resets nothing.
            await self._gateway.aclose()
        await self._supervisor.stop()
        if self._exchange is not None:
            await in_thread("practice", self._exchange.stop)
        self._journal.close()

    # --- gestures that are not the presenter's ------------------------------------------------------------

    def _wire(self) -> None:
        window, presenter = self._window, self._presenter
        window.flatten_requested.connect(presenter.on_flatten)
        window.reverse_started.connect(presenter.on_reverse_started)
        window.reverse_held.connect(presenter.on_reverse_held)
        window.reverse_released.connect(presenter.on_reverse_released)
        window.account_chosen.connect(presenter.on_account)
        window.instrument_chosen.connect(presenter.on_instrument)
        window.instrument_typed.connect(presenter.on_instrument_typed)
        window.side_chosen.connect(presenter.on_side)
        window.row_chosen.connect(presenter.on_row)
        window.widen_side_requested.connect(presenter.on_widen_side)
        window.ticket_edited.connect(presenter.on_ticket)
        window.acknowledged.connect(presenter.on_acknowledged)
        window.token_entered.connect(self._on_token)
        window.practice_requested.connect(self._on_practice)
        window.pin_toggled.connect(lambda pinned: self._save({"always_on_top": pinned}))
        window.theme_chosen.connect(lambda theme: self._save({"theme": theme}))
        window.close_requested.connect(self._on_close)
        self._refresh.timeout.connect(presenter.refresh)

    def _on_close(self) -> None:
        if self._closed is not None and self._presenter.may_close():
            self._closed.set()

    def _on_practice(self) -> None:
        if self._gateway is None and not self._is_connecting:
            self._is_connecting = True
            self._supervisor.start("practice", self._practise())

    def _on_token(self, text: str) -> None:
        """A token was pasted on the first-run card."""
        if self._gateway is not None or self._is_connecting:
            return
        base_url = None if self._choice is None else self._choice.base_url
        try:
            token = read_token(text)
        except NotATokenError as error:
            self._presenter.token_problem = cli_texts.wrong_token(error.fault, "")
            self._presenter.refresh()
            return
        if base_url is None:
            return  # the card says what is wrong with the address
        self._is_connecting = True
        self._redact.hide(token)
        self._supervisor.start("token", self._keep_and_connect(base_url, token))

    async def _keep_and_connect(self, base_url: BaseUrl, token: Secret) -> None:
        await self._connect(base_url, token, is_practice=False)
        try:
            await in_thread("keyring", lambda: self._store.save(base_url.origin, token.reveal()))
        except CredentialError:
            self._presenter.say(cli_texts.TOKEN_FOR_SESSION)

    def _remember_account(self, account: str | None) -> None:
        if not self._practice and self._exchange is None:
            self._save({"last_account": account or ""})

    def _save(self, changes: dict[str, str | bool]) -> None:
        """Keep settings on a thread of their own: a slow disk must not hold up the window."""

        async def save() -> None:
            for note in await in_thread("settings", lambda: self._settings_file.save(changes)):
                _log.warning("settings: %s %s %s", note.kind.value, note.name, note.detail)

        if self._closed is not None:
            self._supervisor.start("settings", save())

    # --- presses ------------------------------------------------------------------------------------------

    def _on_press_changed(self, press: Press) -> None:
        self._presenter.on_press_changed(press)
        if press.phase is Phase.ENDED:
            self._supervisor.start("journal", self._show_journal())

    def _alert(self, press: Press) -> None:
        """A loud outcome: beyond the window, too."""
        _log.info("press %s ended %s", press.id, press.outcome.verdict.value if press.outcome else "?")
        self._app.alert(self._window)
        if self._settings.sound:
            self._app.beep()

    async def _show_journal(self) -> None:
        records = await _answer(self._journal.recent(_JOURNAL_ROWS))
        self._presenter.show_journal(tuple(_journal_row(record) for record in records or ()))

    async def _show_interrupted(self, *, is_practice: bool) -> None:
        """A press that an earlier run left without an outcome is UNKNOWN until the trader has seen it."""
        for record in reversed(await _answer(self._journal.open_presses()) or ()):
            if record.practice is is_practice:
                self._presenter.take_over(_interrupted_press(record, self._clock.monotonic()))


async def in_thread(name: str, call: Callable[[], _T]) -> _T:
    """Run what may block on a daemon thread: unlike an executor's, the end of the program waits for none."""
    answer: Future[_T] = Future()

    def work() -> None:
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - handed over whole to who waits
            answer.set_exception(error)
        else:
            answer.set_result(result)

    threading.Thread(target=work, name=name, daemon=True).start()
    return await asyncio.wrap_future(answer)


async def _answer(question: "Future[list[_T]]") -> list[_T] | None:
    """What the journal answers; None when it cannot be read in time."""
    try:
        async with asyncio.timeout(_JOURNAL_WAIT_S):
            return await asyncio.wrap_future(question)
    except (TimeoutError, JournalFileError) as error:
        _log.warning("the journal could not be read: %r", error)
        return None


def _scope_of(record: PressRecord) -> Scope:
    side = Side(record.side) if record.side in {"long", "short"} and record.action == "flatten" else None
    if record.account is None:
        return EveryAccount(record.instrument, side)
    return OneAccount(record.account, record.instrument, side)


def _interrupted_press(record: PressRecord, now: float) -> Press:
    """A press of an earlier run, as far as its journal tells. It ended long ago: nothing of it is locked."""
    scope = _scope_of(record)
    reason = Reason(Cause.INTERRUPTED)
    return Press(
        record.press_id,
        scope,
        now - _LONG_AGO_S,
        record.at,
        _ticket_of(record),
        phase=Phase.ENDED,
        may_have_left=True,
        outcome=Outcome(Verdict.UNKNOWN, record.at, scope=scope, ticket=_ticket_of(record), reason=reason),
    )


def _ticket_of(record: PressRecord) -> ReverseTicket | None:
    """The ticket of a reverse, as far as an interrupted one still matters: which position, which side."""
    quantity = record.facts.get("quantity")
    if record.action != "reverse" or record.account is None or record.instrument is None:
        return None
    if record.side not in {"long", "short"} or not isinstance(quantity, int):
        return None
    return ReverseTicket(record.account, record.instrument, Side(record.side), quantity)


def _journal_row(record: PressRecord) -> JournalRow:
    try:
        verdict = None if record.verdict is None else Verdict(record.verdict)
        what = texts.scope_text(_scope_of(record))
    except ValueError:  # written by another version
        verdict, what = None, "?"
    return JournalRow(
        record.press_id,
        texts.clock_time(record.at)[:8],
        f"{record.action.upper()} {what}",
        texts.NO_OUTCOME if verdict is None else texts.verdict_word(verdict),
        Tone.DOUBT if verdict is None else tone_of(verdict),
    )


def _problem_text(choice: ServerChoice) -> str:
    """What stands between the trader and a connection."""
    match choice.problem:
        case AddressProblem(detail=detail):
            return cli_texts.wrong_address(detail)
        case TokenProblem(fault=fault, variable=variable):
            return cli_texts.wrong_token(fault, variable)
        case NoToken(store=store, environment_ignored=ignored):
            return cli_texts.no_token(choice.origin, store, environment_ignored=ignored)
        case None:
            return ""
