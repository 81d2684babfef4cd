"""The outcome banners: the last press on top, unresolved ones stacked beneath."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QFrame, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from crosstrade_panel.ui import captions
from crosstrade_panel.ui.fit import WrapLabel
from crosstrade_panel.ui.theme import SYMBOLS
from crosstrade_panel.ui.view import BannerView, Tone


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


class BannerArea(QWidget):
    """All banners, the newest on top; the part of the window that it lies in scrolls.

    Signals:
        acknowledged: the press id.
        press_arrived: a press is shown that was not there before.
    """

    acknowledged = Signal(str)
    press_arrived = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cards: dict[str, BannerCard] = {}
        self._shown: tuple[BannerView, ...] = ()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(5)
        self.hide()

    def show_banners(self, banners: tuple[BannerView, ...]) -> None:
        """Show these, in this order; a press keeps its card."""
        if banners == self._shown:
            return
        before, self._shown = self._shown, banners
        wanted = {view.press_id for view in banners}
        for press_id in [each for each in self._cards if each not in wanted]:
            card = self._cards.pop(press_id)
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
        is_new = False
        for place, view in enumerate(banners):
            if view.press_id not in self._cards:
                is_new = True
                self._add(view)
            card = self._cards[view.press_id]
            card.show_banner(view)
            if self._column.indexOf(card) != place:
                self._column.insertWidget(place, card)
        self.setVisible(bool(banners))
        self.setAccessibleDescription(banners[0].title if banners else "")
        self._announce(before)
        if is_new:
            self.press_arrived.emit()

    def _add(self, view: BannerView) -> None:
        card = BannerCard(view)
        card.acknowledged.connect(self.acknowledged)
        self._cards[view.press_id] = card

    def _announce(self, before: tuple[BannerView, ...]) -> None:
        said = {view.press_id: view.title for view in before}
        for view in self._shown:
            if said.get(view.press_id) != view.title:
                QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, view.title))
