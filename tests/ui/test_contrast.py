"""Whatever can be read can be read easily: measured in the pixels of every state, in both themes."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QFont, QImage
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QMenu,
    QTabBar,
    QTableView,
    QWidget,
)

from crosstrade_panel.ui import button_paint, theme
from crosstrade_panel.ui.main_window import MainWindow
from crosstrade_panel.ui.press_button import PressButton
from tests.ui import gallery, gallery_pages

STATES = dict(gallery.states())
THEMES = {"dark": theme.DARK, "light": theme.LIGHT}
NAMES = (*STATES, *gallery.PAGES, *gallery_pages.SCENES)
FEW = 4
"""Fewer pixels of a colour than this are no letter."""


@dataclass(frozen=True, slots=True)
class Words:
    """A place in a picture where something is written."""

    what: str
    image: QImage
    area: QRect
    ink: str = ""
    """The colour of the letters, where it is known; else the second most frequent."""


def pixels(image: QImage, area: QRect) -> bytes:
    """The pixels of an area, four bytes each."""
    inside = image.copy(area.intersected(image.rect())).convertToFormat(QImage.Format.Format_RGB32)
    return bytes(inside.constBits())


@cache
def colours(found: bytes) -> Counter[str]:
    """How many pixels have which colour."""
    counted = Counter(memoryview(found).cast("I"))
    return Counter({f"#{colour & 0xFFFFFF:06x}": number for colour, number in counted.items()})


def measured(words: Words) -> float | None:
    """The contrast of letters and ground; None where there are no letters in sight."""
    found = colours(pixels(words.image, words.area)).copy()
    if words.ink:
        # On a face that shades off: the worst of all grounds that take more room than a stray pixel.
        every = found.total()
        if found.pop(words.ink, 0) < FEW:
            return None
        grounds = [colour for colour, number in found.items() if number >= every / 100]
        return min((theme.contrast(words.ink, ground) for ground in grounds), default=None)
    (ground, _), *others = found.most_common(2)
    if not others or others[0][1] < FEW:
        return None
    return theme.contrast(ground, others[0][0])


def in_sight(widget: QWidget, root: QWidget) -> QRect:
    """The part of a widget that is not scrolled away, as a place in the root's picture."""
    seen = widget.visibleRegion().boundingRect()
    return QRect(widget.mapTo(root, seen.topLeft()), seen.size())


def words_of(root: QWidget, which: theme.Theme) -> Iterator[Words]:
    """Everything that is written in a window."""
    image = root.grab().toImage()
    if isinstance(root, QMenu):
        for action in root.actions():
            if action.text() and action.isVisible():
                yield Words(action.text(), image, root.actionGeometry(action).adjusted(20, 3, -18, -3))
        return
    for widget in root.findChildren(QWidget):
        if widget.isVisible() and widget.window() is root and not widget.visibleRegion().isEmpty():
            yield from _words_in(widget, root, image, which)


def _words_in(widget: QWidget, root: QWidget, image: QImage, which: theme.Theme) -> Iterator[Words]:
    place = in_sight(widget, root)
    match widget:
        case PressButton():
            yield _face(widget, image, place, which)
        case QLabel() if widget.text():
            yield Words(f"{widget.objectName()}: {widget.text()}", image, place)
        case QAbstractButton() if widget.text():
            yield Words(f"{widget.objectName()}: {widget.text()}", image, place.adjusted(4, 3, -4, -3))
        case QLineEdit() if widget.text() or widget.placeholderText():
            what = widget.text() or widget.placeholderText()
            yield Words(f"{widget.objectName()}: {what}", image, place.adjusted(5, 4, -5, -4))
        case QComboBox() if not widget.isEditable() and widget.currentText():
            yield Words(
                f"{widget.objectName()}: {widget.currentText()}", image, place.adjusted(5, 4, -22, -4)
            )
        case QTabBar():
            for number in range(widget.count()):
                at = widget.tabRect(number).translated(widget.mapTo(root, QPoint(0, 0)))
                yield Words(widget.tabText(number), image, at.adjusted(4, 3, -4, -4))
        case QTableView():
            yield from _cells(widget, root, image, which)
        case _:
            pass


def _face(button: PressButton, image: QImage, place: QRect, which: theme.Theme) -> Words:
    painting = button_paint.Painting(
        button.face.title, button.face.lines, button.look, is_pressed=False, share_held=0, is_hold=False,
        is_flashing=False, weight=button.weight, has_focus=False,
    )  # fmt: skip
    ink = button_paint.colours_of(painting, which).text
    inside = place.adjusted(12, 12, -12, -12)
    if button.is_flashing:
        # The lines stand on a chip of the letters' colour.
        head, body = button_paint.fitted_texts(button, painting)
        top = (place.height() - head.height - body.height) / 2 + head.height
        chip = QRect(inside.left(), place.top() + int(top) + 2, inside.width(), int(body.height) - 4)
        return Words(f"{button.objectName()}: {button.face.lines}", image, chip)
    return Words(f"{button.objectName()}: {button.face.title}", image, inside, ink)


def _beside_badge(image: QImage, area: QRect, which: theme.Theme) -> list[QRect]:
    """A cell, or where there is a chip in it: what is before the chip, and the chip."""
    area = area.intersected(image.rect())
    chip = QColor(which.doubt_surface).rgb() & 0xFFFFFF
    found = memoryview(pixels(image, area)).cast("I")
    on_chip = [divmod(at, area.width()) for at, colour in enumerate(found) if colour & 0xFFFFFF == chip]
    if not on_chip:
        return [area]
    top, bottom = min(y for y, _ in on_chip), max(y for y, _ in on_chip)
    left, right = min(x for _, x in on_chip), max(x for _, x in on_chip)
    before = QRect(area.left(), area.top(), left - 3, area.height())
    return [before, QRect(area.left() + left, area.top() + top, right - left + 1, bottom - top + 1)]


def _cells(table: QTableView, root: QWidget, image: QImage, which: theme.Theme) -> Iterator[Words]:
    model, header, view = table.model(), table.horizontalHeader(), table.viewport()
    origin = view.mapTo(root, QPoint(0, 0))
    seen = in_sight(view, root)
    for column in range(model.columnCount()):
        if table.isColumnHidden(column):
            continue
        heading = QRect(
            header.mapTo(root, QPoint(header.sectionViewportPosition(column), 0)),
            header.viewport().size(),
        )
        heading.setWidth(header.sectionSize(column))
        heading = heading.intersected(in_sight(header.viewport(), root)).adjusted(2, 2, -2, -3)
        yield Words(f"heading {model.headerData(column, Qt.Orientation.Horizontal)}", image, heading)
        for row in range(min(model.rowCount(), 12)):
            index = model.index(row, column)
            area = table.visualRect(index).translated(origin).intersected(seen).adjusted(1, 2, -1, -2)
            if area.height() > 8 and area.width() > 8 and index.data():
                for part in _beside_badge(image, area, which):
                    yield Words(f"{table.objectName()}: {index.data()}", image, part)


@pytest.fixture
def crisp(qapp: QApplication) -> Iterator[None]:
    """Letters without grey edges: a pixel has the colour of the letter, or of the ground."""
    before = qapp.font()
    plain = QFont(before)
    plain.setStyleStrategy(QFont.StyleStrategy.NoAntialias)
    qapp.setFont(plain)
    yield
    qapp.setFont(before)


@pytest.mark.usefixtures("crisp")
@pytest.mark.parametrize("choice", list(THEMES))
def test_every_word_of_every_state_has_enough_contrast_in_the_picture(choice: str) -> None:
    worst: dict[str, float] = {}
    count = 0
    for name, roots in gallery.shown(choice):
        for words in chain.from_iterable(words_of(root, THEMES[choice]) for root in roots):
            ratio = measured(words)
            if ratio is None:
                continue
            count += 1
            if ratio < theme.LEAST_CONTRAST:
                worst[f"{name}: {words.what}"] = round(ratio, 2)
    assert worst == {}
    assert count > 30 * len(NAMES)


@pytest.mark.usefixtures("crisp")
def test_the_measure_sees_letters_that_are_too_pale(qapp: QApplication) -> None:
    window = MainWindow(theme_choice="dark")
    window.show_panel(STATES["positions"])
    window.show()
    label = window.findChild(QLabel, "scopeSummary")
    assert label is not None
    for ink, is_enough in (("#ffffff", True), ("#555a63", False)):
        label.setStyleSheet(f"color: {ink}; font-size: 11px")
        qapp.sendPostedEvents()
        image = window.grab().toImage()
        ratio = measured(Words("", image, in_sight(label, window)))
        assert ratio is not None
        assert ratio == pytest.approx(theme.contrast(ink, theme.DARK.window), abs=0.01)
        assert (ratio >= theme.LEAST_CONTRAST) is is_enough
    gallery_pages.close(window, [])
