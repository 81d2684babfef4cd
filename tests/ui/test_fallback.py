"""What is left when nothing else works: one click away, by itself after a 408, and in nobody's way."""

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton, QScrollArea, QWidget

from crosstrade_panel import texts
from crosstrade_panel.ui.outage import Outage
from crosstrade_panel.ui.view import FallbackView
from tests.ui import gallery
from tests.ui.conftest import Desk

LEFT = Qt.MouseButton.LeftButton
OPEN = replace(gallery.POSITIONS, fallback=gallery.FALLBACK)


@pytest.fixture
def told(desk: Desk) -> list[tuple[str, ...]]:
    """What the card asks for, with the card open."""
    heard: list[tuple[str, ...]] = []
    desk.window.fallback_toggled.connect(lambda: heard.append(("toggled",)))
    desk.window.broker_edited.connect(lambda name, text: heard.append((name, text)))
    desk.window.web_requested.connect(lambda address: heard.append(("web", address)))
    desk.window.show_panel(OPEN)
    desk.settle()
    return heard


def push(desk: Desk, name: str) -> QPushButton:
    found = desk.window.findChild(QPushButton, name)
    assert found is not None
    return found


def edit(desk: Desk, name: str) -> QLineEdit:
    found = desk.window.findChild(QLineEdit, name)
    assert found is not None
    return found


def top_of(desk: Desk, name: str) -> int:
    found = desk.window.findChild(QWidget, name)
    assert found is not None
    return found.mapTo(desk.window, QPoint(0, 0)).y()


# The card


def test_the_card_says_how_to_flatten_by_hand_and_what_the_broker_is_reached_by(
    desk: Desk, told: list[tuple[str, ...]]
) -> None:
    words = desk.window.findChild(QLabel, "fallbackByHand")
    assert words is not None
    assert words.isVisible()
    assert words.text() == texts.FALLBACK
    assert "Control Center › Positions › right-click › Flatten Everything" in words.text()
    assert edit(desk, "brokerPhone").text() == "+1 555 0100"
    assert edit(desk, "brokerWeb").text() == "https://desk.broker.example/login"


@pytest.mark.parametrize("how", ["click", "key", "menu"])
def test_it_is_one_click_away_at_any_time(desk: Desk, told: list[tuple[str, ...]], how: str) -> None:
    if how == "menu":
        action = desk.window.findChild(QAction, "fallbackAction")
        assert action is not None
        action.trigger()
    elif how == "key":
        push(desk, "byHandButton").setFocus()
        QTest.keyClick(push(desk, "byHandButton"), Qt.Key.Key_Space)
    else:
        QTest.mouseClick(push(desk, "byHandButton"), LEFT)
    assert told == [("toggled",)]


def test_it_has_one_name_on_its_button_in_the_menu_on_its_card_and_in_the_settings(desk: Desk) -> None:
    actions = {action.objectName(): action.text() for action in desk.window.findChildren(QAction)}
    settings = desk.window.settings.findChildren(QLabel)
    assert push(desk, "byHandButton").text() == "By hand"
    assert actions["fallbackAction"] == "By hand"
    assert any(label.text() == "! By hand" for label in desk.window.fallback_card.findChildren(QLabel))
    assert desk.window.fallback_card.accessibleName() == "By hand"
    assert any(label.text() == "By hand" for label in settings)


def test_the_way_to_it_shows_when_it_is_wanted_and_moves_nothing(desk: Desk) -> None:
    button, toggle = push(desk, "byHandButton"), push(desk, "ticketToggle")
    places = (button.geometry(), toggle.geometry())
    assert button.text() == "By hand"
    desk.window.show_panel(replace(gallery.POSITIONS, fallback=FallbackView(is_urgent=True)))
    desk.settle()
    assert button.text() == "! By hand"
    assert (button.geometry(), toggle.geometry()) == places
    assert button.fontMetrics().horizontalAdvance(button.text()) <= button.width()


def test_opening_by_itself_it_covers_nothing_and_no_button_moves(desk: Desk) -> None:
    desk.window.resize(320, 1000)
    shown = replace(gallery.POSITIONS, banners=(gallery.STILL_OPEN,))
    desk.window.show_panel(shown)
    desk.settle()
    names = ("flattenButton", "reverseButton", "bannerActionButton", "acknowledgeButton", "ticketToggle")
    before = [top_of(desk, name) for name in names]
    desk.window.show_panel(replace(shown, fallback=gallery.FALLBACK))
    desk.settle()
    card = desk.window.fallback_card
    assert card.isVisible()
    assert [top_of(desk, name) for name in names] == before
    assert card.mapTo(desk.window, QPoint(0, 0)).y() > top_of(desk, "acknowledgeButton")


def test_it_is_scrolled_into_sight_but_not_under_a_finger(desk: Desk) -> None:
    area = desk.window.findChild(QScrollArea, "lowerArea")
    assert area is not None
    shown = replace(gallery.POSITIONS, banners=gallery.BANNERS)
    desk.window.show_panel(shown)
    desk.settle()
    bar = area.verticalScrollBar()
    bar.setValue(0)
    QTest.mousePress(push(desk, "ticketToggle"), LEFT)
    desk.window.show_panel(replace(shown, fallback=gallery.FALLBACK))
    QTest.qWait(20)
    assert bar.value() == 0
    QTest.mouseRelease(push(desk, "ticketToggle"), LEFT, pos=QPoint(-9, -9))
    desk.window.show_panel(shown)
    desk.window.show_panel(replace(shown, fallback=gallery.FALLBACK))
    QTest.qWait(20)
    words = desk.window.findChild(QLabel, "fallbackByHand")
    assert words is not None
    assert words.mapTo(area.viewport(), QPoint(0, words.height())).y() <= area.viewport().height()
    # Asked for, all of it.
    desk.window.show_panel(shown)
    QTest.mouseClick(push(desk, "byHandButton"), LEFT)
    desk.window.show_panel(replace(shown, fallback=gallery.FALLBACK))
    QTest.qWait(20)
    bottom = desk.window.fallback_card.mapTo(
        area.viewport(), QPoint(0, desk.window.fallback_card.height())
    ).y()
    assert bottom <= area.viewport().height() + 5


def test_the_phone_number_is_copied(desk: Desk, told: list[tuple[str, ...]]) -> None:
    QTest.mouseClick(push(desk, "copyPhoneButton"), LEFT)
    assert QGuiApplication.clipboard().text() == "+1 555 0100"


def test_the_browser_is_sent_only_where_the_trader_was_shown_that_it_goes(
    desk: Desk, told: list[tuple[str, ...]]
) -> None:
    question = desk.window.findChild(QLabel, "webQuestion")
    assert question is not None
    QTest.mouseClick(push(desk, "openWebButton"), LEFT)
    assert told == []
    assert question.isVisible()
    assert "https://desk.broker.example/login" in question.text()
    QTest.mouseClick(push(desk, "confirmWebButton"), LEFT)
    assert told == [("web", "https://desk.broker.example/login")]
    assert not question.isVisible()


def test_another_address_than_the_one_shown_is_not_opened(desk: Desk, told: list[tuple[str, ...]]) -> None:
    QTest.mouseClick(push(desk, "openWebButton"), LEFT)
    desk.window.show_panel(replace(OPEN, fallback=replace(gallery.FALLBACK, web="https://other.example")))
    desk.settle()
    QTest.mouseClick(push(desk, "confirmWebButton"), LEFT)
    assert told == []


@pytest.mark.parametrize("address", ["", "http://desk.example", "file:///etc/passwd", "javascript:alert(1)"])
def test_nothing_but_https_is_opened(desk: Desk, told: list[tuple[str, ...]], address: str) -> None:
    desk.window.show_panel(replace(OPEN, fallback=replace(gallery.FALLBACK, web=address)))
    desk.settle()
    QTest.mouseClick(push(desk, "openWebButton"), LEFT)
    assert not push(desk, "confirmWebButton").isVisible()
    question = desk.window.findChild(QLabel, "webQuestion")
    assert question is not None
    assert question.text().startswith("not opened" if address else "there is no address")
    assert told == []


@pytest.mark.parametrize(("name", "setting"), [("brokerPhone", "broker_phone"), ("brokerWeb", "broker_web")])
def test_phone_and_web_are_edited_in_place(
    desk: Desk, told: list[tuple[str, ...]], name: str, setting: str
) -> None:
    field = edit(desk, name)
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "new")
    assert told == []
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert told == [(setting, "new")]
    desk.window.fallback_card.show_problem("Not taken: it must begin with https://.")
    desk.window.show_panel(replace(OPEN, fallback=replace(gallery.FALLBACK, is_urgent=False)))
    assert field.text() == "new"
    problem = desk.window.findChild(QLabel, "brokerProblem")
    assert problem is not None
    assert problem.isVisible()


@pytest.mark.parametrize("how", ["button", "escape"])
def test_it_is_closed_by_its_button_or_escape(desk: Desk, told: list[tuple[str, ...]], how: str) -> None:
    if how == "button":
        QTest.mouseClick(push(desk, "fallbackCloseButton"), LEFT)
    else:
        edit(desk, "brokerPhone").setFocus()
        QTest.keyClick(edit(desk, "brokerPhone"), Qt.Key.Key_Escape)
    assert told == [("toggled",)]


# When it opens


def test_it_opens_once_per_outage_and_closes_when_reads_are_good_again() -> None:
    outage = Outage()
    outage.meet(10.0)
    outage.meet(11.0)
    assert (outage.is_open, outage.is_on) == (True, True)
    outage.see_good_read(10.5)  # sent before the last 408
    assert (outage.is_open, outage.is_on) == (True, True)
    outage.see_good_read(12.0)
    assert (outage.is_open, outage.is_on) == (False, False)
    outage.meet(20.0)
    assert (outage.is_open, outage.is_on) == (True, True)


def test_closed_by_the_trader_it_stays_closed_for_the_rest_of_the_outage() -> None:
    outage = Outage()
    outage.meet(10.0)
    outage.toggle()
    outage.meet(11.0)
    assert not outage.is_open
    outage.see_good_read(12.0)
    outage.meet(20.0)
    assert outage.is_open


def test_opened_by_the_trader_it_stays_open_when_reads_are_good_again() -> None:
    outage = Outage()
    outage.toggle()
    outage.meet(10.0)
    outage.see_good_read(12.0)
    assert outage.is_open
    outage = Outage()
    outage.meet(10.0)
    outage.toggle()
    outage.toggle()
    outage.see_good_read(12.0)
    assert outage.is_open
