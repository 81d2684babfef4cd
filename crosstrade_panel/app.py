"""The window's program: makes every object, wires them together, and takes them down again."""

import asyncio
import logging
import math
import os
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import QSettings, QTimer, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QApplication

import crosstrade_panel.desktop.qt_imports  # noqa: F401  # isort: skip - before all that it is to keep from
from crosstrade_panel import __version__, texts
from crosstrade_panel.crosstrade.address import BaseUrl
from crosstrade_panel.desktop import identity
from crosstrade_panel.desktop.hot_key import OFF
from crosstrade_panel.desktop.placement import Placement
from crosstrade_panel.domain.cancel import ListedOrders
from crosstrade_panel.domain.outcome import Cause, Outcome, Reason, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, ScopeError, Side
from crosstrade_panel.domain.secret import Secret
from crosstrade_panel.domain.snapshot import Order
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.late import late
from crosstrade_panel.manners import Manners, follow_login_setting
from crosstrade_panel.preferences import Preferences, is_accepted
from crosstrade_panel.runtime import (
    TaskSupervisor,
    in_thread,
    install_crash_hooks,
    keep_what_is_loaded,
    run,
)
from crosstrade_panel.server_choice import (
    AddressProblem,
    NoStore,
    NoToken,
    ServerChoice,
    TokenProblem,
    choose_server,
    practice_server,
    proxy_for,
)
from crosstrade_panel.storage.credentials import KeyringStore, NotATokenError, StoreProblem, read_token
from crosstrade_panel.storage.instance import Instance, Other, claim
from crosstrade_panel.storage.journal_file import JournalFileError
from crosstrade_panel.storage.log import Redactor, end_log, start_log
from crosstrade_panel.storage.paths import Paths, find_paths, make_private_file, make_private_folder
from crosstrade_panel.storage.settings import Settings, SettingsFile
from crosstrade_panel.system_clock import SystemClock
from crosstrade_panel.trading.budget import Budget
from crosstrade_panel.trading.desk import Desk
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.ports import CredentialError, NotSentError, ReadFailedError
from crosstrade_panel.trading.press import Phase, Press, PressBook
from crosstrade_panel.trading.record import Record
from crosstrade_panel.trading.watch import Watch
from crosstrade_panel.ui.main_window import MainWindow
from crosstrade_panel.ui.presenter import Presenter
from crosstrade_panel.ui.press_button import Environment
from crosstrade_panel.ui.view import DrillChoice, PanelView, PracticeView
from crosstrade_panel.wakefulness import Wakefulness

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from crosstrade_panel import cli_texts, elsewhere
    from crosstrade_panel.archive import Archive
    from crosstrade_panel.crosstrade.stream_gateway import StreamGateway
    from crosstrade_panel.hearsay import Hearsay
    from crosstrade_panel.simulator.server import PracticeExchange
    from crosstrade_panel.storage.journal import SqliteJournal
    from crosstrade_panel.storage.journal_view import PressRecord
    from crosstrade_panel.stream_switch import StreamSwitch
    from crosstrade_panel.ui.journal_panel import JournalPanel
    from crosstrade_panel.ui.settings_form import SettingsForm
else:
    cli_texts, elsewhere = late("cli_texts"), late("elsewhere")

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_PAGES_AFTER_MS = 1500
_SETTLED_MS = 2500
"""By then links and pages are made, as a rule."""
_LOOK_MS = 200
_CALM_LOOK_MS = 550
"""Where nothing is on its way: so long after the last paint, as reads and gestures paint by themselves."""
_JOURNAL_WAIT_S = 5.0
_ELSEWHERE_S = 0.2
_LOOK_AGAIN_S = 1.0
_ASK_AFTER_S = 1.0
_GOODBYE_S = 2.0
_TEST_AGAIN_S = 3.0
_LONG_AGO_S = 3600.0


def run_window(
    *,
    practice: bool,
    base_url: str | None,
    claimed: Instance | Other | None = None,
    qt_arguments: Sequence[str] = (),
) -> int:
    """Open the window and stay until it is closed; the exit code.

    `claimed`: what came of asking to be the only panel. Where the other one is silent, the trader is asked
    first. None: nobody asked.
    """
    identity.name_process()
    app = QApplication([identity.DESKTOP_FILE, *qt_arguments])  # its name on X, whatever started it
    app.setApplicationName("CrossTrade Panel")
    app.setApplicationVersion(__version__)
    app.setDesktopFileName(identity.DESKTOP_FILE)
    app.setStyle("Fusion")
    paths = find_paths()
    redact = Redactor()
    is_second = claimed is Other.SILENT
    log = start_log(paths.log_of("panel-2" if is_second else "panel"), redact)
    install_crash_hooks()
    made: list[Program] = []

    def make(instance: Instance | None) -> Program:
        program = Program(app, paths, redact, practice=practice, base_url=base_url, instance=instance)
        made.append(program)
        program.show()
        return program

    def is_busy() -> bool:
        return any(program.is_unresolved for program in made)

    async def ask_first() -> int:
        instance = await _ask_for_another(paths)
        return 0 if instance is None else await make(instance).main()

    try:
        if is_second:
            return run(app, ask_first, is_busy)
        instance = claimed if isinstance(claimed, Instance) else None
        return run(app, make(instance).main, is_busy)
    finally:
        if isinstance(claimed, Instance):
            claimed.close()
        end_log(log)


async def _ask_for_another(paths: Paths) -> Instance | None:
    """Say that a panel runs and does not answer; another one where it is wanted, else None."""
    words = f"{texts.PANEL_SILENT}\n\n{texts.PANEL_SILENT_MORE}"
    from crosstrade_panel.desktop.silent_panel import SilentPanelCard  # noqa: PLC0415 - seldom

    card = SilentPanelCard("CrossTrade Panel", words, texts.START_ANOTHER, texts.QUIT)
    answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def decide(*, is_wanted: bool) -> None:
        if not answer.done():
            answer.set_result(is_wanted)

    card.another_requested.connect(lambda: decide(is_wanted=True))
    card.quit_requested.connect(lambda: decide(is_wanted=False))
    card.show()
    try:
        if not await answer:
            return None
    finally:
        card.hide()
        card.deleteLater()
    # The other one may have died meanwhile: then this is the panel that others find.
    claimed = await in_thread("claim", lambda: claim(paths.data, patience_s=0.0))
    return claimed if isinstance(claimed, Instance) else Instance(None, None)


class Program:
    """One run of the window."""

    def __init__(
        self,
        app: QApplication,
        paths: Paths,
        redact: Redactor,
        *,
        practice: bool,
        base_url: str | None,
        instance: Instance | None = None,
    ) -> None:
        """Make what the first paint needs, and nothing that could make it wait."""
        self._app = app
        self._paths = paths
        self._redact = redact
        self._practice = practice
        self._base_url = base_url
        self._settings_file = SettingsFile(paths.settings)
        self._clock = SystemClock()
        self._supervisor = TaskSupervisor(self._on_task_broke)
        self._store = KeyringStore()
        self._preferences = Preferences(
            self._settings_file,
            self._store,
            self._supervisor,
            base_url=base_url,
            on_change=self._on_settings_changed,
            test_token=self._test_token,
            use_token=self._use_token,
        )
        self._pace = replace(
            Pace(), hold_wide_s=self._settings.hold_wide_s, hold_narrow_s=self._settings.hold_narrow_s
        )
        self._window = MainWindow(Environment(clock=self._clock.monotonic), theme_choice=self._settings.theme)
        self._presenter = Presenter(
            self._clock,
            self._pace,
            self._supervisor,
            new_id=lambda: os.urandom(16).hex(),
            show=self._show_panel,
            alert=self._alert,
            reverse_ended=self._window.reverse_done,
            account_committed=self._remember_account,
        )
        self._closed = asyncio.Event()
        self._is_connecting = False
        self._is_asking = False
        self._keeps_token = True
        self._is_keyring_known = False
        self._untested: tuple[object, str] | None = None
        self._is_leaving = False
        self._gateway: StreamGateway | None = None
        self._stream: StreamSwitch | None = None
        self._exchange: PracticeExchange | None = None
        self._journal: SqliteJournal
        self._archive: Archive | None = None
        self._looking = QTimer(singleShot=True)
        self._painted_at = 0.0
        self._watching: list[asyncio.Task[None] | None] = []
        self._geometry = QSettings(str(paths.config / "window.ini"), QSettings.Format.IniFormat)
        self._placement = Placement(self._window, self._geometry)
        self._manners = Manners(self._window, instance, self._on_look)
        self._hearsay: Hearsay | None = None
        self._watch: Watch | None = None
        self._wire()

    @property
    def _settings(self) -> Settings:
        return self._preferences.settings

    def show(self) -> None:
        """Paint the window before anything else is loaded."""
        self._placement.restore()
        self._window.set_pinned(self._settings.always_on_top)
        self._presenter.refresh()
        self._window.show()

    async def main(self) -> int:
        """Everything after the first paint, until the trader leaves."""
        from crosstrade_panel.hearsay import Hearsay  # noqa: PLC0415 - after the first paint
        from crosstrade_panel.storage.journal import SqliteJournal  # noqa: PLC0415

        loop = asyncio.get_running_loop()

        def on_problem(_: str | None) -> None:  # on the journal's thread
            if not self._is_leaving:
                loop.call_soon_threadsafe(self._presenter.refresh)

        self._journal = SqliteJournal(
            self._paths.journal,
            on_problem=on_problem,
            redact=self._redact,
        )
        self._hearsay = Hearsay(self._journal.recent, self._clock)
        self._window.journal_made.connect(self._open_archive)
        if self._window.has_journal:
            self._open_archive(self._window.journal)
        QTimer.singleShot(_PAGES_AFTER_MS, self._window, self._window.make_pages)
        QTimer.singleShot(_SETTLED_MS, self._window, self._settle)
        self._looking.start(0)
        self._manners.begin()
        if QGuiApplication.platformName().startswith("wayland"):
            self._presenter.say(texts.ON_WAYLAND)
        self._follow_login_setting(wanted=self._settings.start_at_login)
        self._follow_hot_key()
        self._supervisor.start("begin", self._begin())
        try:
            await self._closed.wait()
        finally:
            self._is_leaving = True
            self._manners.end()
            self._looking.stop()
            with suppress(OSError):  # Qt would make it as wide as the umask lets it
                make_private_folder(self._paths.config)
                make_private_file(self._paths.config / "window.ini")
            self._placement.keep()
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
            self._is_asking = True
            if isinstance(choice.problem, NoToken):
                self._know_keyring(choice.problem.store)
            self._presenter.ask_for_token(_problem_text(choice))
            await self._show_interrupted(is_practice=False)
            self._show_journal()
            return
        self._is_connecting = True
        await self._connect(choice, choice.base_url, choice.token.secret)

    async def _ask_soon(self) -> None:
        """A keyring may wait for a prompt: meanwhile a token can be pasted, or practice chosen."""
        await asyncio.sleep(_ASK_AFTER_S)
        if not self._is_connecting and not self._is_asking:  # else why it asks would be taken back
            self._presenter.ask_for_token("")

    def _know_keyring(self, problem: StoreProblem | None) -> None:
        self._is_keyring_known = True
        self._keeps_token = problem not in {StoreProblem.NONE_HERE, StoreProblem.NOT_PRIVATE}

    async def _find_keyring(self) -> None:
        """Whether one is here, where it was not asked (a token in the environment) or did not answer yet."""
        store = KeyringStore()
        await in_thread("keyring", store.backend_name)
        self._know_keyring(store.problem)
        self._presenter.refresh()

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
        self._presenter.show_practice(_practice_view(exchange))
        choice = practice_server(exchange.base_url, exchange.token)
        if choice.base_url is not None:
            await self._connect(choice, choice.base_url, Secret(exchange.token))

    async def _connect(self, choice: ServerChoice, base_url: BaseUrl, token: Secret) -> None:
        from crosstrade_panel.crosstrade.rest import RestGateway  # noqa: PLC0415
        from crosstrade_panel.crosstrade.stream import Stream, StreamState  # noqa: PLC0415
        from crosstrade_panel.crosstrade.stream_gateway import StreamGateway  # noqa: PLC0415
        from crosstrade_panel.stream_switch import StreamSwitch  # noqa: PLC0415

        self._redact.hide(token)
        self._supervisor.start("redactor", in_thread("redactor", self._redact.prepare))
        tls = await _tls_for(base_url)
        proxy = await in_thread("proxy", lambda: proxy_for(choice, self._settings_file.load))
        rest = RestGateway(base_url, token.reveal(), clock=self._clock, pace=self._pace, tls=tls, proxy=proxy)
        gateway = StreamGateway(rest)
        presenter, is_practice = self._presenter, choice.is_practice
        await self._disconnect()
        book = presenter.new_book() if self._gateway is None else presenter.book
        self._gateway = gateway
        watch = self._watch = Watch(gateway, self._clock, Budget(self._clock.monotonic()), self._pace)
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
        awake = Wakefulness(self._clock, lambda _: self._wake_up(desk))
        watch.look_around = awake.look
        from crosstrade_panel.trading.vigil import Vigil  # noqa: PLC0415 - after the first paint

        Vigil(desk, lambda: presenter.pressed_elsewhere)
        if book.presses or presenter.pressed_elsewhere:
            desk.begin_anew()  # another token: what was read before proves nothing any more
        last = None if is_practice else self._settings.last_account or None
        presenter.connect(desk, is_practice=is_practice, last_account=last)
        self._watching = [
            self._supervisor.start("watch", watch.run()),
            self._supervisor.start("elsewhere", self._watch_elsewhere(gateway.origin)),
            self._supervisor.start("hearsay", self._listen(gateway.origin, watch)),
            self._supervisor.start("sleep", awake.run()),
        ]

        async def make_stream() -> Stream:
            # A context of its own: httpcore changes that of the other links.
            own_tls = await _tls_for(base_url)

            def on_change(state: StreamState) -> None:
                if state is StreamState.OPEN:
                    watch.wake()  # whatever happened meanwhile was told by nobody

            return Stream(
                base_url,
                token.reveal(),
                clock=self._clock,
                pace=self._pace,
                tls=own_tls,
                proxy=proxy,
                on_change=on_change,
            )

        self._stream = StreamSwitch(gateway, make_stream)
        if self._settings.use_stream:
            self._on_stream(wanted=True)
        await self._show_interrupted(is_practice=is_practice)
        self._show_journal()

    def _wake_up(self, desk: Desk) -> None:
        """The machine slept: no gesture goes on, the links are made anew, and all proof starts again."""
        _log.info("awake again")
        desk.begin_anew()
        # In a turn of its own, as every look at a read: no mistake in a view may break a press.
        asyncio.get_running_loop().call_soon(self._let_go)

    def _let_go(self) -> None:
        self._window.cancel_gestures()
        self._presenter.on_reverse_released()
        self._presenter.refresh()

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
        await _within(_GOODBYE_S, self._preferences.finish())
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
        window.banner_action_requested.connect(presenter.on_banner_action)
        window.drill_chosen.connect(self._on_drill)
        window.practice_reset_requested.connect(self._on_start_over)
        window.stream_toggled.connect(self._on_stream_toggled)
        window.stream_reconnect_requested.connect(self._on_stream_wanted_back)
        window.token_entered.connect(self._on_token)
        window.practice_requested.connect(self._on_practice)
        window.pin_toggled.connect(lambda pinned: self._save({"always_on_top": pinned}))
        window.theme_chosen.connect(lambda theme: self._save({"theme": theme}))
        window.fallback_toggled.connect(presenter.on_fallback_toggled)
        window.broker_edited.connect(self._on_broker_edited)
        window.web_requested.connect(self._on_web)
        window.hot_key_refused.connect(lambda: presenter.say(texts.HOT_KEY_HOLDS))
        window.neighbour_requested.connect(self._on_neighbour)
        window.settings_looked_at.connect(self._preferences.look)
        window.settings_made.connect(self._wire_settings)
        self._on_settings_changed(frozenset({"mask_names", "nicknames", "broker_phone"}))
        window.close_requested.connect(self._on_close)
        self._looking.timeout.connect(self._look_around)
        # The end of a session asks nobody: what is on its way is in the journal.
        self._app.commitDataRequest.connect(self._on_session_ends)

    def _wire_settings(self, form: "SettingsForm") -> None:
        form.check = self._preferences.check
        form.setting_changed.connect(self._preferences.change)
        form.nickname_changed.connect(self._preferences.call)
        form.token_offered.connect(self._on_token_offered)
        form.token_removal_requested.connect(self._preferences.remove)
        self._preferences.show_on(form)

    def _look_around(self) -> None:
        """A few times a second: ages grow, and the stream's pings tell how it does."""
        self._looking.start(_CALM_LOOK_MS)  # whatever goes wrong below, the next look comes
        is_unresolved = self.is_unresolved
        left_ms = _CALM_LOOK_MS - 1000 * (self._clock.monotonic() - self._painted_at)
        is_due = is_unresolved or not 0 < left_ms <= _CALM_LOOK_MS
        if is_unresolved:
            self._looking.start(_LOOK_MS)
        elif not is_due:
            self._looking.start(math.ceil(left_ms))
        if self._stream is not None:
            self._presenter.know_stream(*self._stream.view())
        if is_due:
            self._presenter.look_again()
        self._rest_while_hidden(is_unresolved=is_unresolved)
        if self._presenter.may_take_token and not self._is_keyring_known:
            self._is_keyring_known = True
            self._supervisor.start("find keyring", self._find_keyring())
        if self._window.are_settings_shown:
            self._preferences.know_accounts(self._presenter.account_choices)

    @property
    def is_unresolved(self) -> bool:
        """Whether anything is on its way, or waits for the trader."""
        return any(press.is_unresolved for press in self._presenter.shown_presses)

    def _settle(self) -> None:
        """Look through what is loaded by now, once; a press on its way waits for nothing."""
        if self.is_unresolved:
            QTimer.singleShot(_SETTLED_MS, self._window, self._settle)
        else:
            keep_what_is_loaded()

    def _on_stream_toggled(self, wanted: bool) -> None:  # noqa: FBT001 - a signal's argument
        self._save({"use_stream": wanted})

    def _on_stream(self, *, wanted: bool) -> None:
        if self._stream is not None:
            self._supervisor.start("stream", self._stream.turn(on=wanted))

    def _on_stream_wanted_back(self) -> None:
        if self._stream is not None:
            self._stream.take_back()

    def _on_drill(self, name: str | None) -> None:
        self._supervisor.start("drill", self._arm(name))

    async def _arm(self, name: str | None) -> None:
        exchange = self._exchange
        if exchange is not None:
            await in_thread("drill", lambda: setattr(exchange, "drill", name))
            self._presenter.show_practice(_practice_view(exchange))

    def _on_start_over(self) -> None:
        if self._exchange is not None:
            self._supervisor.start("drill", in_thread("drill", self._exchange.reset))

    def _show_panel(self, view: PanelView) -> None:
        if not self._is_leaving:
            self._painted_at = self._clock.monotonic()
            self._window.show_panel(self._with_own_notes(view))
            self._manners.show_state(self._presenter.shown_presses, self._watch)

    def _with_own_notes(self, view: PanelView) -> PanelView:
        """The view with what only this one knows: of the settings' file, and of the token."""
        notes = [self._preferences.file_problem] if self._preferences.file_problem else []
        if self._untested is not None and self._untested[0] is self._gateway:
            notes.append(self._untested[1])
        if notes:
            view = replace(view, status=replace(view.status, notes=(*view.status.notes, *notes)))
        return view if self._keeps_token else replace(view, keeps_token=False)

    def _rest_while_hidden(self, *, is_unresolved: bool) -> None:
        """Read rarely where nobody looks and nothing can be pressed; at once when somebody looks again."""
        if self._watch is None:
            return
        is_shown = self._window.isVisible() and not self._window.isMinimized()
        may_press = self._manners.has_hot_key
        was_hidden = self._watch.is_hidden
        self._watch.is_hidden = not (is_shown or may_press or is_unresolved)
        if was_hidden and not self._watch.is_hidden:
            self._watch.wake()

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
        # A press need not wait for the test; the keyring does: it never keeps what the server did not accept.
        await self._connect(choice, choice.base_url, token)
        if not await self._is_good(choice, choice.base_url, token):
            return
        try:
            await in_thread("keyring", lambda: self._store.save(origin, token.reveal()))
        except CredentialError:
            self._preferences.note_session_only(origin)
            self._presenter.say(cli_texts.TOKEN_FOR_SESSION)

    async def _is_good(self, choice: ServerChoice, base_url: BaseUrl, token: Secret) -> bool:
        """Test the token in use until the server says yes or no; until then the window says that it did not.

        False, too, once another token came in its place.
        """
        connected, watch = self._gateway, self._watch
        answered = asyncio.Event()

        def look() -> None:
            if watch is not None and watch.latest is not None:
                answered.set()  # it can be reached again: nothing to wait for

        if watch is not None:
            watch.listeners.append(look)
        try:
            while not is_accepted(reason := await self._test_token(choice, base_url, token)):
                if reason is None or reason.cause is Cause.TOKEN_REFUSED or self._gateway is not connected:
                    return False
                # As the trader knows it: where nothing else is meant, neither https nor its port is named.
                server = base_url.origin.removeprefix("https://").removesuffix(":443")
                said = texts.token_untested(server, reason.cause, keeps_token=self._keeps_token)
                self._untested = (connected, said)
                self._presenter.refresh()
                answered.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_TEST_AGAIN_S):
                        await answered.wait()
                if self._gateway is not connected:
                    return False
            return True
        finally:
            if self._untested is not None and self._untested[0] is connected:
                self._untested = None
                self._presenter.refresh()

    def _choose_address(self) -> ServerChoice:
        return choose_server(
            base_url=self._base_url, environ=os.environ, settings=self._settings_file.load, store=NoStore()
        )

    def _remember_account(self, account: str | None) -> None:
        if not self._practice and self._exchange is None:
            self._save({"last_account": account or ""})

    def _save(self, changes: dict[str, str | bool]) -> None:
        self._preferences.keep(changes)

    def _on_settings_changed(self, names: frozenset[str]) -> None:
        """Let what can hold at once do so, whether it was chosen on the settings' page or elsewhere."""
        settings, presenter, window = self._settings, self._presenter, self._window
        if names & {"hold_wide_s", "hold_narrow_s"}:
            presenter.hold_for(settings.hold_wide_s, settings.hold_narrow_s)
        if names & {"broker_phone", "broker_web"}:
            window.fallback_card.show_problem("")
            presenter.know_broker(settings.broker_phone, settings.broker_web)
        if "nicknames" in names:
            presenter.know_nicknames(settings.nicknames)
        if "mask_names" in names:
            presenter.mask_names(on=settings.mask_names)
            if self._archive is not None:
                self._archive.repaint()
        if "always_on_top" in names:
            window.set_pinned(settings.always_on_top)
        if "theme" in names:
            window.apply_theme(settings.theme)
        if "use_stream" in names:
            self._on_stream(wanted=settings.use_stream)
        if "hot_key" in names:
            self._follow_hot_key()
        if "start_at_login" in names:
            self._follow_login_setting(wanted=settings.start_at_login)

    def _follow_hot_key(self) -> None:
        """Have the key that is wanted; where it cannot be had the window says so, not a page alone."""
        wanted = self._settings.hot_key
        said, is_ours = self._manners.follow_hot_key(wanted)
        self._preferences.remark("hot_key", said)
        if wanted != OFF and not is_ours:
            self._presenter.say(said)

    def _on_neighbour(self) -> None:
        problem = self._manners.place_beside_neighbour()
        if problem:
            self._presenter.say(problem)

    def _on_broker_edited(self, name: str, text: str) -> None:
        problem = self._preferences.change(name, text)
        self._window.fallback_card.show_problem(problem)

    def _on_web(self, address: str) -> None:
        """The broker's web platform, whose address the trader has seen; nothing but the web is opened."""
        if address == self._settings.broker_web and address.startswith("https://"):
            QDesktopServices.openUrl(QUrl(address))

    def _on_token_offered(self, text: str) -> None:
        with suppress(NotATokenError):  # told by who reads it next
            self._redact.hide(read_token(text))
        self._preferences.offer(text)

    async def _test_token(self, choice: ServerChoice, base_url: BaseUrl, token: Secret) -> Reason | None:
        """Read once, over a link of its own."""
        from crosstrade_panel.crosstrade.rest import RestGateway  # noqa: PLC0415

        tls = await _tls_for(base_url)
        proxy = await in_thread("proxy", lambda: proxy_for(choice, self._settings_file.load))
        gateway = RestGateway(
            base_url, token.reveal(), clock=self._clock, pace=self._pace, tls=tls, proxy=proxy
        )
        try:
            await gateway.accounts()
        except ReadFailedError as error:
            return error.reason
        finally:
            await _within(_GOODBYE_S, gateway.aclose())
        return None

    async def _use_token(self, choice: ServerChoice, base_url: BaseUrl, token: Secret) -> bool:
        """Go on with it where it is for the server in use, or there is none, and no press is on its way."""
        if self._practice or self._exchange is not None:
            return False
        if self._gateway is None and self._is_connecting:
            return False
        if self._gateway is not None and self._gateway.origin != base_url.origin:
            return False
        if any(press.outcome is None for press in self._presenter.book.presses):
            return False
        self._is_connecting = True
        await self._connect(choice, base_url, token)
        return True

    def _on_task_broke(self, name: str) -> None:
        if self._gateway is None:
            self._is_connecting = False
        _log.error("task %s broke", name)
        self._presenter.say(texts.reason_sentence(Reason(Cause.INTERNAL)))

    # --- presses ------------------------------------------------------------------------------------------

    def _on_press_changed(self, press: Press) -> None:
        self._presenter.on_press_changed(press)
        if press.phase is Phase.ENDED and self._archive is not None:
            self._archive.look_after(press.written)

    def _alert(self, press: Press) -> None:
        """A loud outcome: beyond the window, too."""
        _log.info("press %s ended %s", press.id, press.outcome.verdict.value if press.outcome else "?")
        self._app.alert(self._window)
        self._manners.alarm(press)
        if self._settings.sound:
            self._app.beep()

    def _open_archive(self, page: "JournalPanel") -> None:
        """Let the journal's page ask the journal."""
        from crosstrade_panel.archive import Archive  # noqa: PLC0415 - behind the first paint

        presenter = self._presenter
        archive = self._archive = Archive(
            self._journal,
            page,
            self._supervisor,
            now=self._clock.now,
            masks=lambda: presenter.masks if presenter.is_masking else None,
        )
        page.filter_changed.connect(archive.narrow)
        page.more_requested.connect(archive.more)
        page.press_opened.connect(archive.open)
        page.list_export_requested.connect(archive.export_list)
        page.timeline_export_requested.connect(archive.export_timeline)
        page.looked_at.connect(archive.look)
        archive.look()

    def _show_journal(self) -> None:
        """Show the newest presses."""
        if self._archive is not None:
            self._archive.look()

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
        others.elsewhere = elsewhere.presses_of(records, desk.record.origin)
        if others.reverse_is_locked(press.ticket.account, press.ticket.instrument, self._clock.monotonic()):
            raise NotSentError(Reason(Cause.LOCKED))

    async def _watch_elsewhere(self, origin: str) -> None:
        """Keep the book told of what other processes press: one's locks hold for the others too."""
        loop, news = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:  # on a thread
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(news.set)

        stir = elsewhere.Stir(self._journal.path, tell, every_s=_ELSEWHERE_S)
        found: tuple[Press, ...] = ()
        failures = 0
        try:
            while True:
                news.clear()
                try:
                    records = await asyncio.wrap_future(
                        self._journal.presses_elsewhere(self._pace.reverse_lock_s)
                    )
                    found, failures = elsewhere.presses_of(records, origin), 0
                except JournalFileError:
                    failures += 1
                    if failures > 1:  # the status line says that the journal is off; it locks nothing then
                        found = ()
                if found != self._presenter.book.elsewhere:
                    self._presenter.book.elsewhere = found
                    self._presenter.refresh()
                # Of a process that died, and of a failure, the journal tells nothing.
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_AGAIN_S if found or failures else None):
                        await news.wait()
        finally:
            stir.stop()

    async def _listen(self, origin: str, watch: Watch) -> None:
        """Show what other processes pressed, where they say so; and read at once what became of it."""

        def show(press: Press) -> None:
            self._presenter.on_elsewhere(press)
            watch.read_at_once()
            self._show_journal()

        if self._hearsay is not None:
            await self._hearsay.run(origin, show)

    def _on_look(self, press_id: str) -> None:
        if self._hearsay is not None:
            self._hearsay.hear(press_id)

    def _follow_login_setting(self, *, wanted: bool) -> None:
        """Bring the desktop in line with the setting, on a thread: its folder may lie on a slow disk."""

        async def follow() -> None:
            problem = await in_thread("login", lambda: follow_login_setting(self._paths, wanted=wanted))
            if problem:
                self._presenter.say(problem)

        self._supervisor.start("login", follow())

    async def _show_interrupted(self, *, is_practice: bool) -> None:
        """A press that an earlier run left without an outcome is UNKNOWN until the trader has seen it.

        One that was made against another server waits for that: what is read here would prove nothing of it.
        """
        known = {press.id for press in self._presenter.shown_presses}
        origin = None if is_practice or self._gateway is None else self._gateway.origin
        for record in reversed(await _answer(self._journal.open_presses()) or ()):
            is_here = record.practice is is_practice and origin in {None, record.origin}
            if is_here and record.press_id not in known:
                self._presenter.take_over(_interrupted_press(record, self._clock))


def _practice_view(exchange: "PracticeExchange") -> PracticeView:
    """The drills of the embedded exchange, as its menu offers them."""
    from crosstrade_panel.simulator.drills import DRILLS  # noqa: PLC0415 - only for practice

    drills = tuple(
        DrillChoice(drill.name, drill.title, drill.description, drill.group) for drill in DRILLS.values()
    )
    return PracticeView(drills, exchange.drill)


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


def _scope_of(record: "PressRecord") -> Scope:
    side = Side(record.side) if record.side in {"long", "short"} and record.action == "flatten" else None
    try:
        if record.account is None:
            return EveryAccount(record.instrument, side)
        return OneAccount(record.account, record.instrument, side)
    except ScopeError:  # tampered with, or of another version: it may have touched anything
        return EveryAccount()


def _interrupted_press(record: "PressRecord", clock: SystemClock) -> Press:
    """A press of an earlier run, as far as its journal tells.

    A flatten locks nothing any more; a reverse may still place its entry, whoever sent it.
    """
    now, scope, listed = clock.monotonic(), _scope_of(record), _listed_of(record)
    began_at, is_flatten = now - _age_s(record, clock), record.action != "reverse" and listed is None
    reason = Reason(Cause.INTERRUPTED)
    return Press(
        record.press_id,
        scope,
        began_at,
        record.at,
        _ticket_of(record),
        listed,
        phase=Phase.ENDED,
        may_have_left=True,
        sent_at=now - _LONG_AGO_S if is_flatten else began_at,
        ended_at=began_at,
        outcome=Outcome(
            Verdict.UNKNOWN, record.at, scope=scope, ticket=_ticket_of(record), cancel=listed, reason=reason
        ),
    )


def _age_s(record: "PressRecord", clock: SystemClock) -> float:
    """How long ago a press began; by the wall clock only where the machine was started again since."""
    age_s = clock.monotonic() - record.began_system_s
    if not record.owner.is_of_this_boot() or age_s < 0:
        age_s = (clock.now() - record.at).total_seconds()
    return max(0.0, age_s)


def _ticket_of(record: "PressRecord") -> ReverseTicket | None:
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


def _listed_of(record: "PressRecord") -> ListedOrders | None:
    """The orders of a cancel, as far as the journal names them."""
    rows = record.facts.get("orders")
    if record.action != "cancel" or not isinstance(rows, list):
        return None
    found = [row for row in rows if isinstance(row, dict)]
    texts_of = [[row.get(key) for key in ("account", "order_id", "instrument")] for row in found]
    named = [each for each in texts_of if all(isinstance(value, str) for value in each)]
    try:
        return ListedOrders(tuple(Order(str(a), str(o), str(i), None) for a, o, i in named))
    except ScopeError:
        return None


async def _tls_for(base_url: BaseUrl) -> "Callable[[], ssl.SSLContext]":
    """A context, made on a thread: here it would hold up the window for a tenth of a second."""
    from crosstrade_panel.crosstrade.tls import default_tls, made_ahead  # noqa: PLC0415 - after the first paint

    if not base_url.is_secure:
        return default_tls
    context = await asyncio.wrap_future(made_ahead())
    return lambda: context


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
