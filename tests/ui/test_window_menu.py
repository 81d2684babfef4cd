"""The menu, the drills and the stream: what they show, what they ask for, and that nothing waits for them."""

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QPushButton, QToolButton, QWidget

from crosstrade_panel.ui import captions
from crosstrade_panel.ui.view import DrillChoice, PracticeView, StreamView
from tests.ui import gallery
from tests.ui.conftest import Desk

LEFT = Qt.MouseButton.LeftButton


def drills(desk: Desk) -> QMenu:
    found = desk.window.findChild(QMenu, "drillMenu")
    assert found is not None
    return found


def show(desk: Desk, practice: PracticeView | None, stream: StreamView | None = None) -> None:
    desk.window.show_panel(
        replace(gallery.POSITIONS, practice=practice, stream=stream or gallery.POSITIONS.stream)
    )
    desk.settle()


def flat(menu: QMenu) -> list[QAction]:
    """Every entry that can be chosen, with those of its submenus."""
    found: list[QAction] = []
    for each in menu.actions():
        inner = each.menu()
        if isinstance(inner, QMenu):
            found.extend(flat(inner))
        elif not each.isSeparator():
            found.append(each)
    return found


def entry(desk: Desk, title: str) -> QAction:
    return next(each for each in flat(drills(desk)) if each.text() == title)


def item(desk: Desk, name: str) -> QAction:
    found = desk.window.findChild(QAction, name)
    assert found is not None
    return found


def part(desk: Desk, name: str) -> QWidget:
    found = desk.window.findChild(QWidget, name)
    assert found is not None
    return found


# Drills


def test_without_the_practice_exchange_there_is_no_drill_in_the_menu(desk: Desk) -> None:
    assert not drills(desk).menuAction().isVisible()
    show(desk, PracticeView(gallery.DRILLS))
    assert drills(desk).menuAction().isVisible()
    show(desk, None)
    assert not drills(desk).menuAction().isVisible()


def test_drills_stand_in_groups_with_their_description_and_no_drill_first(desk: Desk) -> None:
    show(desk, PracticeView(gallery.DRILLS))
    top = [each for each in drills(desk).actions() if not each.isSeparator()]
    assert [each.text() for each in top] == ["No drill", "Answers", "Positions", "Start over"]
    assert [each.text() for each in flat(drills(desk))][1:5] == [each.title for each in gallery.DRILLS]
    for drill in gallery.DRILLS:
        shown = entry(desk, drill.title)
        assert shown.toolTip() == drill.description
        assert shown.statusTip() == drill.description
        menu = next(each for each in drills(desk).findChildren(QMenu) if shown in each.actions())
        assert menu.toolTipsVisible()


def test_exactly_the_armed_drill_is_marked(desk: Desk) -> None:
    for armed, title in ((None, "No drill"), ("429", gallery.DRILLS[2].title), (None, "No drill")):
        show(desk, PracticeView(gallery.DRILLS, armed))
        assert [each.text() for each in flat(drills(desk)) if each.isChecked()] == [title]


def test_choosing_a_drill_asks_for_it_and_marks_it_only_when_a_view_says_so(desk: Desk) -> None:
    show(desk, PracticeView(gallery.DRILLS, "408"))
    entry(desk, gallery.DRILLS[0].title).trigger()
    assert desk.heard == [("drill_chosen", "reply-lost")]
    assert entry(desk, gallery.DRILLS[1].title).isChecked()
    entry(desk, "No drill").trigger()
    entry(desk, "Start over").trigger()
    assert desk.heard[1:] == [("drill_chosen", None), ("practice_reset_requested", None)]


def test_other_drills_replace_the_menu_and_the_same_ones_do_not(desk: Desk) -> None:
    show(desk, PracticeView(gallery.DRILLS))
    before = entry(desk, gallery.DRILLS[0].title)
    show(desk, PracticeView(tuple(gallery.DRILLS), "429"))
    assert entry(desk, gallery.DRILLS[0].title) is before
    show(desk, PracticeView((DrillChoice("x", "this & that", "<b>all</b>", ""),)))
    assert [each.text() for each in flat(drills(desk))] == ["No drill", "this && that", "Start over"]
    assert "&lt;b&gt;" in entry(desk, "this && that").toolTip()


def test_a_chip_says_which_drill_is_armed_and_moves_nothing(desk: Desk) -> None:
    flatten, account = part(desk, "flattenButton"), part(desk, "accountPicker")
    places = [each.mapTo(desk.window, QPoint(0, 0)) for each in (flatten, account)]
    chip = part(desk, "drillChip")
    assert not chip.isVisible()
    show(desk, PracticeView(gallery.DRILLS, "reply-lost"))
    assert isinstance(chip, QLabel)
    assert chip.isVisible()
    assert chip.text() == f"Drill: {gallery.DRILLS[0].title}"
    assert chip.accessibleName() == chip.text() == chip.toolTip()
    badge = part(desk, "modeBadge")
    apart = (
        chip.mapTo(desk.window, QPoint(0, 0)).y() - badge.mapTo(desk.window, QPoint(0, badge.height())).y()
    )
    assert 0 <= apart < 12
    assert [each.mapTo(desk.window, QPoint(0, 0)) for each in (flatten, account)] == places
    show(desk, PracticeView(gallery.DRILLS))
    assert not chip.isVisible()


@pytest.mark.parametrize("width", [320, 420, 700])
def test_a_long_drill_takes_the_captions_place_only_where_it_must(desk: Desk, width: int) -> None:
    desk.window.resize(width, 740)
    show(desk, PracticeView(gallery.DRILLS, "reopens"))
    captions_shown = [
        each.text()
        for each in desk.window.findChildren(QLabel)
        if each.isVisible() and each.text() in {captions.ACCOUNT, captions.INSTRUMENT}
    ]
    assert captions_shown == ["Account"] + ["Instrument"] * (width == 700)
    show(desk, PracticeView(gallery.DRILLS))
    labels = {each.text() for each in desk.window.findChildren(QLabel) if each.isVisible()}
    assert {"Account", "Instrument"} <= labels


# The stream


@pytest.mark.parametrize("is_wanted", [True, False])
def test_the_stream_is_asked_for_and_marked_only_when_a_view_says_so(desk: Desk, is_wanted: bool) -> None:
    show(desk, None, StreamView(is_wanted=is_wanted))
    item(desk, "streamAction").trigger()
    assert desk.heard == [("stream_toggled", not is_wanted)]
    assert item(desk, "streamAction").isChecked() is is_wanted
    assert "other tools that use this token" in item(desk, "streamAction").toolTip()


def test_the_stream_is_taken_back_from_the_menu_or_from_the_note(desk: Desk) -> None:
    assert not item(desk, "takeStreamBackAction").isVisible()
    assert not part(desk, "takeStreamBackButton").isVisible()
    show(desk, None, gallery.STREAM_TAKEN)
    assert item(desk, "takeStreamBackAction").isVisible()
    item(desk, "takeStreamBackAction").trigger()
    QTest.mouseClick(part(desk, "takeStreamBackButton"), LEFT)
    assert desk.heard == [("stream_reconnect_requested", None)] * 2
    show(desk, None, StreamView(is_wanted=True))
    assert not part(desk, "takeStreamBackButton").isVisible()


def test_the_state_of_the_stream_is_a_note_beside_the_others(desk: Desk) -> None:
    status = replace(gallery.POSITIONS.status, notes=("journal off: the disk is full",))
    desk.window.show_panel(replace(gallery.POSITIONS, status=status, stream=gallery.STREAM_TAKEN))
    desk.settle()
    state, notes = part(desk, "streamState"), part(desk, "statusNotes")
    assert isinstance(state, QLabel)
    assert isinstance(notes, QLabel)
    assert state.isVisible()
    assert state.text() == f"! {gallery.STREAM_TAKEN.state}"
    assert notes.text() == "! journal off: the disk is full"
    desk.window.show_panel(gallery.POSITIONS)
    desk.settle()
    assert not state.isVisible()
    assert not notes.isVisible()


# The menu itself


def test_an_open_menu_stops_nothing(desk: Desk) -> None:
    show(desk, PracticeView(gallery.DRILLS))
    button = desk.window.findChild(QToolButton, "menuButton")
    menu = desk.window.findChild(QMenu, "panelMenu")
    assert button is not None
    assert menu is not None
    QTest.mouseClick(button, LEFT)
    assert menu.isVisible()
    assert QApplication.activePopupWidget() is menu
    desk.window.show_panel(replace(gallery.POSITIONS, account=None))
    menu.hide()
    assert desk.heard == []


def test_every_button_of_the_notes_can_be_reached_by_keyboard(desk: Desk) -> None:
    show(desk, None, gallery.STREAM_TAKEN)
    button = part(desk, "takeStreamBackButton")
    assert isinstance(button, QPushButton)
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Space)
    assert desk.heard == [("stream_reconnect_requested", None)]
