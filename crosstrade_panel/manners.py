"""The panel on the desktop: its place, its tray icon, the second start, start at login; wired together."""

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from crosstrade_panel import texts
from crosstrade_panel.desktop import neighbour
from crosstrade_panel.desktop.autostart import AutostartError, command_of, start_at_login
from crosstrade_panel.desktop.front import bring_to_front
from crosstrade_panel.desktop.hot_key import OFF, HotKey
from crosstrade_panel.desktop.tray import Tray, TrayState, TrayWords
from crosstrade_panel.storage.instance import Instance
from crosstrade_panel.storage.paths import HOME_VARIABLE, Paths
from crosstrade_panel.trading.press import Press
from crosstrade_panel.ui import theme

if TYPE_CHECKING:
    from crosstrade_panel.trading.watch import Watch
    from crosstrade_panel.ui.main_window import MainWindow

_log = logging.getLogger(__name__)


class Manners:
    """How the window behaves among others.

    `on_look` is called on the loop with the id of each press that somebody says to look at.
    """

    def __init__(
        self, window: "MainWindow", instance: Instance | None, on_look: Callable[[str], None]
    ) -> None:
        """Do nothing yet."""
        self._window = window
        self._instance = instance
        self._on_look = on_look
        self._tray: Tray | None = None
        self._hot_key = HotKey(window)
        self._hot_key.pressed.connect(window.press_hot_key)
        if neighbour.can_place():
            window.offer_neighbour()

    def begin(self) -> None:
        """Show the tray icon and hear what others say; after the first paint, on the loop."""
        tips = {state: texts.TRAY_TIPS[state.value] for state in TrayState}
        words = TrayWords(texts.SHOW_PANEL, texts.QUIT, tips)
        self._tray = Tray(theme.icon_path("crosstrade-panel.svg"), words, self._window)
        self._tray.show_requested.connect(self._on_show)
        self._tray.quit_requested.connect(self._window.close_requested)
        self._tray.show()
        if self._instance is not None:
            self._hear(self._instance, asyncio.get_running_loop())

    def end(self) -> None:
        """Leave the place to the next start, at once; what still has to end needs no window."""
        self._hot_key.follow(OFF)
        if self._instance is not None:
            self._instance.close()
        if self._tray is not None:
            self._tray.hide()

    def follow_hot_key(self, wanted: str) -> tuple[str, bool]:
        """Have this key of the whole desktop, or none; what is to be said, and whether it is so."""
        problem = self._hot_key.follow(wanted)
        self._window.name_hot_key("" if self._hot_key.held == OFF else wanted)
        return texts.hot_key_note(wanted, None if problem is None else problem.value), problem is None

    @property
    def has_hot_key(self) -> bool:
        """Whether a key of the whole desktop presses FLATTEN."""
        return self._hot_key.held != OFF

    def place_beside_neighbour(self) -> str:
        """Move the window beside NinjaTrader's; why not, in words, or nothing."""
        return "" if neighbour.place_beside(int(self._window.winId())) else texts.NO_NEIGHBOUR

    def show_state(self, presses: Iterable[Press], watch: "Watch | None") -> None:
        """Tell in the tray what is open, on its way or wrong."""
        if self._tray is not None:
            self._tray.show_state(tray_state(presses, watch))

    def alarm(self, press: Press) -> None:
        """Say beside the tray that a press needs the eye. No account's name: it is shown over everything."""
        if self._tray is not None and press.outcome is not None:
            self._tray.tell(texts.verdict_word(press.outcome.verdict), texts.TRAY_LOUD)

    def _on_show(self) -> None:
        bring_to_front(self._window)

    def _hear(self, instance: Instance, loop: asyncio.AbstractEventLoop) -> None:
        def on_raise(startup_id: str, answer: Callable[[], None]) -> None:  # on the listening thread
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._raise, startup_id, answer)

        def on_look(press_id: str) -> None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._on_look, press_id)

        instance.attach(on_raise, on_look)

    def _raise(self, startup_id: str, answer: Callable[[], None]) -> None:
        bring_to_front(self._window, startup_id)
        answer()


def tray_state(presses: Iterable[Press], watch: "Watch | None") -> TrayState:
    """The most urgent of what there is to tell; nothing is claimed of what was not read."""
    found = TrayState.IDLE
    if watch is not None and watch.latest is not None and watch.latest.positions:
        found = TrayState.OPEN
    for press in presses:
        if press.outcome is None:
            found = TrayState.IN_FLIGHT if found is not TrayState.LOUD else found
        elif press.outcome.verdict.is_loud and press.is_unresolved:
            found = TrayState.LOUD
    return found


def follow_login_setting(paths: Paths, *, wanted: bool) -> str:
    """Bring the desktop's list in line with the setting; why not, in words, or nothing. Touches the disk."""
    command = command_of(sys.argv[0], os.environ.get(HOME_VARIABLE, "").strip())
    try:
        start_at_login(wanted, command, paths.settings)
    except AutostartError as error:
        _log.warning("start at login: %s", error)
        return texts.not_at_login(str(error))
    return ""
