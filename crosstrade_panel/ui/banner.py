"""The outcome banners: the last press on top, unresolved ones stacked beneath."""

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QPushButton, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from crosstrade_panel.ui import captions
from crosstrade_panel.ui.fit import WrapLabel
from crosstrade_panel.ui.theme import SYMBOLS
from crosstrade_panel.ui.view import BannerView, Tone

MOST_HEIGHT = 190


class BannerCard(QFrame):
    """The outcome of one press.

    Signals:
        acknowledged: the press id.
    """

    acknowledged = Signal(str)

    def __init__(self, view: BannerView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("banner", True)
        self._view = view
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 5, 8, 6)
        column.setSpacing(1)
        self._title = WrapLabel()
        self._title.setObjectName("bannerTitle")
        font = self._title.font()
        font.setBold(True)
        self._title.setFont(font)
        self._lines = WrapLabel()
        self._lines.setObjectName("bannerLines")
        self._lines.setProperty("dim", True)
        self._acknowledge = QPushButton(captions.ACKNOWLEDGE)
        self._acknowledge.setObjectName("acknowledgeButton")
        self._acknowledge.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._acknowledge.clicked.connect(self._on_acknowledge)
        column.addWidget(self._title)
        column.addWidget(self._lines)
        column.addWidget(self._acknowledge, 0, Qt.AlignmentFlag.AlignRight)
        self._paint_view(view)

    @property
    def view(self) -> BannerView:
        """What is shown."""
        return self._view

    def show_banner(self, view: BannerView) -> bool:
        """Show another state of the press; whether anything changed."""
        if view == self._view:
            return False
        is_other_tone = view.tone is not self._view.tone
        self._view = view
        self._paint_view(view)
        if is_other_tone:
            for widget in (self, self._title):
                self.style().unpolish(widget)
                self.style().polish(widget)
        return True

    def _paint_view(self, view: BannerView) -> None:
        self.setProperty("tone", "" if view.tone is Tone.NEUTRAL else view.tone.value)
        self._title.setText(f"{SYMBOLS[view.tone]} {view.title}")
        self._lines.setText("\n".join(view.lines))
        self._lines.setVisible(bool(view.lines))
        self._acknowledge.setVisible(view.may_acknowledge)
        self._acknowledge.setAccessibleName(f"{captions.ACKNOWLEDGE}: {view.title}")
        self.setAccessibleName(f"{view.title}. {' '.join(view.lines)}")

    def _on_acknowledge(self) -> None:
        self.acknowledged.emit(self._view.press_id)


class _Stack(QWidget):
    """The cards; says when their room changed.

    Signals:
        room_changed: the layout has to be asked again.
    """

    room_changed = Signal()

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        if event.type() is QEvent.Type.LayoutRequest:
            self.room_changed.emit()
        return done


class BannerArea(QScrollArea):
    """A place of its own for all banners; it scrolls rather than push what lies beneath out of the window.

    Signals:
        acknowledged: the press id.
    """

    acknowledged = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cards: dict[str, BannerCard] = {}
        self._shown: tuple[BannerView, ...] = ()
        self._inside = _Stack()
        self._inside.room_changed.connect(self._fit_height)
        self._column = QVBoxLayout(self._inside)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(5)
        self.setWidget(self._inside)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.viewport().setAutoFillBackground(False)
        self._inside.setAutoFillBackground(False)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(0)

    def show_banners(self, banners: tuple[BannerView, ...]) -> None:
        """Show these, in this order; a press keeps its card."""
        if banners == self._shown:
            return
        self._announce(banners)
        self._shown = banners
        wanted = {view.press_id for view in banners}
        for press_id in [each for each in self._cards if each not in wanted]:
            card = self._cards.pop(press_id)
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
        for place, view in enumerate(banners):
            card = self._cards.get(view.press_id) or self._add(view)
            card.show_banner(view)
            if self._column.indexOf(card) != place:
                self._column.insertWidget(place, card)
        self.setAccessibleDescription(banners[0].title if banners else "")
        self._fit_height()

    def _add(self, view: BannerView) -> BannerCard:
        card = BannerCard(view)
        card.acknowledged.connect(self.acknowledged)
        self._cards[view.press_id] = card
        return card

    def _announce(self, banners: tuple[BannerView, ...]) -> None:
        before = {view.press_id: view.title for view in self._shown}
        for view in banners:
            if before.get(view.press_id) != view.title:
                event = QAccessibleAnnouncementEvent(self, view.title)
                QAccessible.updateAccessibility(event)

    def _fit_height(self) -> None:
        width = self.viewport().width()
        wanted = self._column.heightForWidth(width) if self._shown else 0
        height = min(max(wanted, 0), MOST_HEIGHT)
        if self.maximumHeight() != height:
            self.setFixedHeight(height)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_height()

    def sizeHint(self) -> QSize:
        return QSize(100, self.maximumHeight())
