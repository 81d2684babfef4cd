"""What can be hit is large enough to be hit, and nothing moves that need not."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLineEdit,
    QListView,
    QMenu,
    QTabBar,
    QTableView,
    QWidget,
)

import crosstrade_panel
from tests.ui import gallery
from tests.ui.gallery_pages import close

LEAST = 24
"""Pixels across and down: WCAG 2.2, 2.5.8."""


def targets(root: QWidget) -> Iterator[tuple[str, QSize]]:
    """Everything in a window that takes a click."""
    if isinstance(root, QMenu):
        for action in root.actions():
            if action.isVisible() and not action.isSeparator():
                yield action.text(), root.actionGeometry(action).size()
    for widget in (root, *root.findChildren(QWidget)):
        if widget.isVisible() and widget.window() is root:
            yield from _of(widget)


def _of(widget: QWidget) -> Iterator[tuple[str, QSize]]:
    name, owner = widget.objectName(), widget.parent()
    match widget:
        case QLineEdit() if isinstance(owner, QComboBox):
            pass  # the box is the target
        case QAbstractButton() if isinstance(owner, QLineEdit | QTableView):
            pass  # the field is the target; a table has no corner button in sight
        case QAbstractButton() | QComboBox() | QLineEdit():
            yield name, widget.size()
        case QTabBar():
            for number in range(widget.count()):
                yield widget.tabText(number), widget.tabRect(number).size()
        case QTableView():
            if widget.model().rowCount():
                yield f"row of {name}", QSize(widget.viewport().width(), widget.rowHeight(0))
            if widget.horizontalHeader().sectionsClickable():
                yield f"heading of {name}", QSize(LEAST, widget.horizontalHeader().height())
        case QListView():
            for row in range(widget.model().rowCount()):
                index = widget.model().index(row, 0)
                if index.flags() & Qt.ItemFlag.ItemIsSelectable:
                    yield f"{name}: {index.data()}", widget.visualRect(index).size()
        case _:
            pass


@pytest.mark.usefixtures("qapp")
def test_whatever_takes_a_click_is_24_pixels_high_and_wide_in_every_state() -> None:
    small: dict[str, tuple[str, int, int]] = {}
    count = 0
    for state, roots in gallery.shown("dark", width=320):
        # The tray's menu is drawn by the desktop, where there is one.
        for root in (each for each in roots if each.objectName() != "trayMenu"):
            for name, size in targets(root):
                count += 1
                if min(size.width(), size.height()) < LEAST:
                    small.setdefault(name, (state, size.width(), size.height()))
    assert small == {}
    assert count > 1500


@pytest.mark.usefixtures("qapp")
def test_nothing_moves_by_itself_for_anybody() -> None:
    """Nothing is left to turn off for who asks for less motion; a hold's fill is the finger's own doing."""
    effects = list(Qt.UIEffect)
    before = {effect: QApplication.isEffectEnabled(effect) for effect in effects}
    try:
        for effect in effects:
            QApplication.setEffectEnabled(effect, True)  # as a desktop may have them
        window, opened = gallery.show("positions", theme_choice="dark", width=320)
        assert not [effect for effect in effects if QApplication.isEffectEnabled(effect)]
        close(window, opened)
    finally:
        for effect, was_on in before.items():
            QApplication.setEffectEnabled(effect, was_on)


def test_no_module_animates_anything() -> None:
    for path in Path(crosstrade_panel.__file__).parent.rglob("*.py"):
        names = {
            node.id for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Name)
        }
        assert not {name for name in names if "Animation" in name or name in {"QTimeLine", "QMovie"}}, path
