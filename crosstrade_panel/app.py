"""The window's program: makes every object, wires them together, and takes them down again."""

import asyncio
import logging
import os
import sys
import uuid
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import QByteArray, QSettings, QTimer
from PySide6.QtWidgets import QApplication

from crosstrade_panel import __version__, cli_texts, texts
from crosstrade_panel.crosstrade.address import BaseUrl
from crosstrade_panel.domain.outcome import Cause, Outcome, Reason, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, ScopeError, Side
from crosstrade_panel.domain.secret import Secret
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.elsewhere import presses_of
from crosstrade_panel.runtime import TaskSupervisor, in_thread, install_crash_hooks, run
from crosstrade_panel.server_choice import (
    AddressProblem,
    NoToken,
    ServerChoice,
    TokenProblem,
    choose_server,
    practice_server,
)
from crosstrade_panel.storage.credentials import KeyringStore, NotATokenError, StoreProblem, read_token
from crosstrade_panel.storage.journal_file import JournalFileError
from crosstrade_panel.storage.journal_view import PressRecord
from crosstrade_panel.storage.log import Redactor, end_log, start_log
from crosstrade_panel.storage.paths import Paths, find_paths
from crosstrade_panel.storage.settings import Settings, SettingsFile
from crosstrade_panel.system_clock import SystemClock
from crosstrade_panel.trading.budget import Budget
from crosstrade_panel.trading.desk import Desk
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.ports import CredentialError, NotSentError
from crosstrade_panel.trading.press import Phase, Press, PressBook
from crosstrade_panel.trading.record import Record
from crosstrade_panel.trading.watch import Watch
from crosstrade_panel.ui.describe import tone_of
from crosstrade_panel.ui.main_window import MainWindow
from crosstrade_panel.ui.presenter import Presenter
from crosstrade_panel.ui.view import JournalRow, PanelView, Tone

if TYPE_CHECKING:
    from crosstrade_panel.crosstrade.rest import RestGateway
    from crosstrade_panel.simulator.server import PracticeExchange
    from crosstrade_panel.storage.journal import SqliteJournal

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_REFRESH_MS = 200
_JOURNAL_ROWS = 200
_JOURNAL_WAIT_S = 5.0
_ELSEWHERE_S = 0.2
_ASK_AFTER_S = 1.0
_GOODBYE_S = 2.0
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
        self._supervisor = TaskSupervisor(self._on_task_broke)
        self._presenter = Presenter(
            self._clock,
            self._pace,
            self._supervisor,
            new_id=lambda: uuid.uuid4().hex,
            show=self._show_panel,
            alert=self._alert,
            reverse_ended=self._window.reverse_done,
            account_committed=self._remember_account,
        )
        self._store = KeyringStore()
        self._closed = asyncio.Event()
        self._is_connecting = False
        self._is_leaving = False
        self._gateway: RestGateway | None = None
        self._exchange: PracticeExchange | None = None
        self._journal: SqliteJournal
        self._refresh = QTimer()
        self._watching: list[asyncio.Task[None] | None] = []
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
            if not self._is_leaving:
                loop.call_soon_threadsafe(self._presenter.refresh)

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
            self._is_leaving = True
            self._refresh.stop()
            self._geometry.setValue("geometry", self._window.saveGeometry())
            self._window.hide()
            await self._leave()
        return 0

    # --- the server ---------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        """Find the server and its token; without one the window says NO TOKEN and waits."""
        if self._practice:
            self._on_practice()
            return
        self._supervisor.start("ask for a token", self._ask_soon())
        choice = await in_thread("token", self._choose)
        if self._is_connecting:
            return  # the trader was faster: a token was pasted, or practice chosen
        if choice.base_url is None or choice.token is None:
            self._presenter.ask_for_token(_problem_text(choice))
            await self._show_interrupted(is_practice=False)
            await self._show_journal()
            return
        self._is_connecting = True
        await self._connect(choice, choice.base_url, choice.token.secret)

    async def _ask_soon(self) -> None:
        """A keyring may wait for a prompt: meanwhile a token can be pasted, or practice chosen."""
        await asyncio.sleep(_ASK_AFTER_S)
        if not self._is_connecting:
            self._presenter.ask_for_token("")

    def _choose(self) -> ServerChoice:
        """Which server, which token. May wait for a keyring's prompt: never on the window's thread."""
        return choose_server(
            base_url=self._base_url,
            environ=os.environ,
            settings=self._settings_file.load,
            store=self._store,
        )

    async def _practise(self) -> None:
        """Start the practice exchange inside this program and connect to it."""
        from crosstrade_panel.simulator.listener import PracticeError  # noqa: PLC0415 - only for practice
        from crosstrade_panel.simulator.server import PracticeExchange  # noqa: PLC0415

        exchange = self._exchange = PracticeExchange()
        try:
            await in_thread("practice", exchange.start)
        except (PracticeError, OSError) as error:
            _log.warning("practice did not start: %s", error)
            self._exchange = None
            self._is_connecting = False
            self._presenter.ask_for_token(cli_texts.no_practice(str(error)))
            return
        choice = practice_server(exchange.base_url, exchange.token)
        if choice.base_url is not None:
            await self._connect(choice, choice.base_url, Secret(exchange.token))

    async def _connect(self, choice: ServerChoice, base_url: BaseUrl, token: Secret) -> None:
        from crosstrade_panel.crosstrade.pipe import default_tls  # noqa: PLC0415 - after the first paint
        from crosstrade_panel.crosstrade.rest import RestGateway  # noqa: PLC0415

        self._redact.hide(token)
        # Made once, and not here: that would hold up the window for a tenth of a second.
        tls = await in_thread("tls", default_tls) if base_url.is_secure else default_tls
        gateway = RestGateway(base_url, token.reveal(), clock=self._clock, pace=self._pace, tls=tls)
        presenter, is_practice = self._presenter, choice.is_practice
        await self._disconnect()
        book = presenter.new_book() if self._gateway is None else presenter.book
        self._gateway = gateway
        watch = Watch(gateway, self._clock, Budget(self._clock.monotonic()), self._pace)
        desk = Desk(
            gateway=gateway,
            watch=watch,
            record=Record(self._journal, self._clock, gateway.origin, is_practice=is_practice),
            book=book,
            clock=self._clock,
            pace=self._pace,
            on_change=self._on_press_changed,
            after_intent=self._give_way,
        )
        last = None if is_practice else self._settings.last_account or None
        presenter.connect(desk, is_practice=is_practice, last_account=last)
        self._watching = [
            self._supervisor.start("watch", watch.run()),
            self._supervisor.start("elsewhere", self._watch_elsewhere(gateway.origin)),
        ]
        await self._show_interrupted(is_practice=is_practice)
        await self._show_journal()

    async def _disconnect(self) -> None:
        """Leave the server before, whose token was refused."""
        for task in self._watching:
            if task is not None:
                task.cancel()
        if self._gateway is not None:
            await _within(_GOODBYE_S, self._gateway.aclose())

    async def _leave(self) -> None:
        """Take everything down; nothing here waits for long, and no press is reset."""
        if self._gateway is not None:
            # First: a cancelled press would be reset, and leaving resets nothing.
            await _within(_GOODBYE_S, self._gateway.aclose())
        await self._supervisor.stop()
        if self._exchange is not None:
            await _within(_GOODBYE_S, in_thread("practice", self._exchange.stop))
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
        # The end of a session asks nobody: what is on its way is in the journal.
        self._app.commitDataRequest.connect(self._on_session_ends)

    def _show_panel(self, view: PanelView) -> None:
        if not self._is_leaving:
            self._window.show_panel(view)

    def _on_close(self) -> None:
        if self._presenter.may_close():
            self._closed.set()

    def _on_session_ends(self) -> None:
        self._closed.set()

    def _on_practice(self) -> None:
        if not self._is_connecting:
            self._is_connecting = True
            self._supervisor.start("practice", self._practise())

    def _on_token(self, text: str) -> None:
        """A token was pasted on the first-run card, or after the server refused the one before."""
        if self._is_connecting and not self._presenter.may_take_token:
            return
        try:
            token = read_token(text)
        except NotATokenError as error:
            self._presenter.ask_for_token(texts.wrong_entry(error.fault.value))
            return
        self._is_connecting = True
        self._redact.hide(token)
        self._supervisor.start("token", self._keep_and_connect(token))

    async def _keep_and_connect(self, token: Secret) -> None:
        # Only the address is wanted; the keyring, which may be waiting for a prompt, is not asked again.
        choice = await in_thread("address", self._choose_address)
        if choice.base_url is None:
            self._is_connecting = False
            self._presenter.ask_for_token(_problem_text(choice))
            return
        origin = choice.base_url.origin
        await self._connect(choice, choice.base_url, token)
        try:
            await in_thread("keyring", lambda: self._store.save(origin, token.reveal()))
        except CredentialError:
            self._presenter.say(cli_texts.TOKEN_FOR_SESSION)

    def _choose_address(self) -> ServerChoice:
        return choose_server(
            base_url=self._base_url, environ=os.environ, settings=self._settings_file.load, store=_NoStore()
        )

    def _remember_account(self, account: str | None) -> None:
        if not self._practice and self._exchange is None:
            self._save({"last_account": account or ""})

    def _save(self, changes: dict[str, str | bool]) -> None:
        """Keep settings on a thread of their own: a slow disk must not hold up the window."""

        async def save() -> None:
            for note in await in_thread("settings", lambda: self._settings_file.save(changes)):
                _log.warning("settings: %s %s %s", note.kind.value, note.name, note.detail)

        self._supervisor.start("settings", save())

    def _on_task_broke(self, name: str) -> None:
        if self._gateway is None:
            self._is_connecting = False
        _log.error("task %s broke", name)
        self._presenter.say(texts.reason_sentence(Reason(Cause.INTERNAL)))

    # --- presses ------------------------------------------------------------------------------------------

    def _on_press_changed(self, press: Press) -> None:
        self._presenter.on_press_changed(press)
        if press.phase is Phase.ENDED:
            self._supervisor.start("journal", self._show_journal(press.written))

    def _alert(self, press: Press) -> None:
        """A loud outcome: beyond the window, too."""
        _log.info("press %s ended %s", press.id, press.outcome.verdict.value if press.outcome else "?")
        self._app.alert(self._window)
        if self._settings.sound:
            self._app.beep()

    async def _show_journal(self, after: "Future[bool] | None" = None) -> None:
        """Show the newest presses, once the journal has taken what it is to show."""
        if after is not None:
            await asyncio.wait({asyncio.wrap_future(after)}, timeout=_JOURNAL_WAIT_S)
        records = await _answer(self._journal.recent(_JOURNAL_ROWS))
        self._presenter.show_journal(tuple(_journal_row(record) for record in records or ()))

    async def _give_way(self, desk: Desk, press: Press, _written: "Future[bool]") -> None:
        """Look once more, now that our own intent can be seen: of two reverses at once, one must not go out.

        A flatten waits for nobody here: what is known from the last look has locked it, or has not.

        Raises:
            NotSentError: another process's press of this position is in flight.
        """
        if press.ticket is None:
            return
        try:
            async with asyncio.timeout(self._pace.journal_wait_s):
                records = await asyncio.wrap_future(
                    self._journal.presses_elsewhere(self._pace.reverse_lock_s)
                )
        except (TimeoutError, JournalFileError):
            return  # what the last look showed has locked it, or has not
        others = PressBook(self._pace)
        others.elsewhere = presses_of(records, desk.record.origin)
        if others.reverse_is_locked(press.ticket.account, press.ticket.instrument, self._clock.monotonic()):
            raise NotSentError(Reason(Cause.LOCKED))

    async def _watch_elsewhere(self, origin: str) -> None:
        """Keep the book told of what other processes press: one's locks hold for the others too."""
        while True:
            try:
                records = await asyncio.wrap_future(
                    self._journal.presses_elsewhere(self._pace.reverse_lock_s)
                )
            except JournalFileError:
                records = []  # the status line says that the journal is off; it locks nothing then
            found = presses_of(records, origin)
            if found != self._presenter.book.elsewhere:
                self._presenter.book.elsewhere = found
                self._presenter.refresh()
            await asyncio.sleep(_ELSEWHERE_S)

    async def _show_interrupted(self, *, is_practice: bool) -> None:
        """A press that an earlier run left without an outcome is UNKNOWN until the trader has seen it."""
        known = {press.id for press in self._presenter.book.presses}
        for record in reversed(await _answer(self._journal.open_presses()) or ()):
            if record.practice is is_practice and record.press_id not in known:
                self._presenter.take_over(_interrupted_press(record, self._clock.monotonic()))


class _NoStore:
    """A keyring with nothing in it."""

    problem: StoreProblem | None = None

    def load(self, origin: str) -> str | None:  # noqa: ARG002 - a port
        """Nothing."""
        return None

    def save(self, origin: str, token: str) -> None:
        """Keep nothing."""


async def _within(seconds: float, work: Coroutine[Any, Any, None]) -> None:
    """Wait for the end of something, but not for ever; what goes wrong in it holds up nothing."""
    task = asyncio.ensure_future(work)
    await asyncio.wait({task}, timeout=seconds)
    if not task.done():
        _log.warning("a goodbye takes too long")
        task.cancel()
    elif not task.cancelled() and (error := task.exception()) is not None:
        _log.warning("a goodbye failed", exc_info=error)


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
    try:
        if record.account is None:
            return EveryAccount(record.instrument, side)
        return OneAccount(record.account, record.instrument, side)
    except ScopeError:  # tampered with, or of another version: it may have touched anything
        return EveryAccount()


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
    try:
        return ReverseTicket(record.account, record.instrument, Side(record.side), quantity)
    except ScopeError:
        return None


def _journal_row(record: PressRecord) -> JournalRow:
    try:
        verdict = None if record.verdict is None else Verdict(record.verdict)
    except ValueError:  # written by another version
        verdict = None
    what = texts.scope_text(_scope_of(record))
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
            return cli_texts.wrong_token(fault.value, variable)
        case NoToken(store=store, environment_ignored=ignored):
            why = None if store is None else store.value
            return texts.no_token_here(choice.origin, why, environment_ignored=ignored)
        case None:
            return ""
