"""The window's place, kept for each layout of the screens."""

import re
from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QObject, QRect, QSettings, QTimer
from PySide6.QtGui import QGuiApplication, QScreen
from PySide6.QtWidgets import QWidget

from crosstrade_panel.desktop.screens import Rect, Screen, fitting, layout_key

_SETTLED_MS = 400
_KEPT = re.compile(r"(-?\d{1,5}) (-?\d{1,5}) (\d{1,5}) (\d{1,5})")
_LAST = "layouts/last"


def _rect(of: QRect) -> Rect:
    return Rect(of.x(), of.y(), of.width(), of.height())


def screens_now() -> tuple[Screen, ...]:
    """The screens as Qt knows them; the primary one first."""
    return tuple(
        Screen(each.name(), _rect(each.geometry()), _rect(each.availableGeometry()))
        for each in QGuiApplication.screens()
    )


class Placement(QObject):
    """Puts a window where it was with these screens, and back into sight when one of them goes.

    A place counts once the window has lain there for a moment with the screens unchanged: where the system
    pushes it when a screen goes is not what the trader chose.
    """

    def __init__(
        self,
        window: QWidget,
        store: QSettings,
        screens: Callable[[], Sequence[Screen]] = screens_now,
    ) -> None:
        """Begin with the screens of now. `store` is written by `keep` alone."""
        super().__init__(window)
        self._window = window
        self._store = store
        self._screens = screens
        self._layout = layout_key(screens())
        self._places: dict[str, Rect] = {}
        self._settle = self._timer(self._note_place)
        self._look = self._timer(self.follow_screens)
        self._watched: list[QScreen] = []
        window.installEventFilter(self)
        app = QGuiApplication.instance()
        if isinstance(app, QGuiApplication):
            app.screenAdded.connect(self._on_screens)
            app.screenRemoved.connect(self._on_screens)
            self._watch()

    def restore(self) -> None:
        """Move the window to where it was with these screens, or last with others."""
        found = self._known(self._layout) or self._read(_LAST)
        if found is not None:
            self._put(found)

    def follow_screens(self) -> None:
        """The screens may be others now: go to where the window was with these, and stay in sight."""
        self._look.stop()
        self._watch()
        layout = layout_key(self._screens())
        known = None
        if layout != self._layout:
            self._layout = layout
            known = self._known(layout)
        self._put(known or self._place())

    def keep(self) -> None:
        """Write the places down."""
        if self._settle.isActive():
            self._note_place()
        for layout, place in self._places.items():
            self._store.setValue(f"layouts/{layout}", _told(place))
        if self._layout in self._places:
            self._store.setValue(_LAST, _told(self._places[self._layout]))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in {QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.Show}:
            self._settle.start()
        return super().eventFilter(watched, event)

    def _timer(self, call: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(_SETTLED_MS)
        timer.timeout.connect(call)
        return timer

    def _watch(self) -> None:
        for screen in QGuiApplication.screens():
            if screen not in self._watched:
                screen.geometryChanged.connect(self._on_screens)
                screen.availableGeometryChanged.connect(self._on_screens)
        self._watched = list(QGuiApplication.screens())

    def _on_screens(self) -> None:
        self._look.start()  # several come one after the other

    def _note_place(self) -> None:
        self._settle.stop()
        if layout_key(self._screens()) != self._layout:
            self._look.start()
        elif self._window.isVisible() and not self._window.isMinimized():
            self._places[self._layout] = self._place()

    def _place(self) -> Rect:
        """Where the frame begins, and how large what is inside it is."""
        window = self._window
        return Rect(window.x(), window.y(), window.width(), window.height())

    def _put(self, place: Rect) -> None:
        frame, inside = self._window.frameGeometry(), self._window.geometry()
        more_width, more_height = frame.width() - inside.width(), frame.height() - inside.height()
        wanted = Rect(place.x, place.y, place.width + more_width, place.height + more_height)
        found = fitting(wanted, [screen.available for screen in self._screens()])
        self._window.resize(found.width - more_width, found.height - more_height)
        self._window.move(found.x, found.y)

    def _known(self, layout: str) -> Rect | None:
        return self._places.get(layout) or self._read(f"layouts/{layout}")

    def _read(self, key: str) -> Rect | None:
        value = self._store.value(key)
        found = _KEPT.fullmatch(value) if isinstance(value, str) else None
        return None if found is None else Rect(*(int(each) for each in found.groups()))


def _told(place: Rect) -> str:
    return f"{place.x} {place.y} {place.width} {place.height}"
