"""The page of the settings: what counts when, what is said of a bad value, and that nothing typed is lost."""

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QLineEdit, QPushButton, QTabWidget, QWidget

from crosstrade_panel.ui.view import SettingsView, SettingValue, Tone
from tests.ui import gallery
from tests.ui.conftest import Desk

LEFT = Qt.MouseButton.LeftButton


class Page:
    """The page in sight, with what it hands out."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.form = desk.window.settings
        self.form.show_settings(gallery.SETTINGS)
        self.form.check = self._check
        self.changes: list[tuple[str, object]] = []
        self.told: list[tuple[str, ...]] = []
        self.form.setting_changed.connect(lambda name, value: self.changes.append((name, value)))
        self.form.nickname_changed.connect(lambda account, name: self.told.append((account, name)))
        self.form.token_offered.connect(lambda text: self.told.append(("token", text)))
        self.form.token_removal_requested.connect(lambda: self.told.append(("remove",)))
        desk.window.open_settings()
        desk.settle()

    @staticmethod
    def _check(name: str, value: SettingValue) -> str:
        if name.startswith("hold") and not isinstance(value, float):
            return "Not taken: no number."
        return "Not taken: bad." if "bad" in str(value) else ""

    def find(self, name: str, kind: type[QWidget]) -> QWidget:
        found = self.desk.window.findChild(kind, name)
        assert isinstance(found, kind), name
        return found

    def edit(self, name: str) -> QLineEdit:
        found = self.find(name, QLineEdit)
        assert isinstance(found, QLineEdit)
        return found

    def type(self, name: str, text: str) -> QLineEdit:
        edit = self.edit(name)
        edit.setFocus()
        edit.selectAll()
        QTest.keyClicks(edit, text)
        return edit

    def note(self, name: str) -> str:
        found = self.find(f"note_{name}", QLabel)
        assert isinstance(found, QLabel)
        return found.text() if found.isVisible() else ""

    def click(self, name: str) -> None:
        QTest.mouseClick(self.find(name, QPushButton), LEFT)

    def show(self, view: SettingsView) -> None:
        self.form.show_settings(view)
        self.desk.settle()


@pytest.fixture
def page(desk: Desk) -> Page:
    return Page(desk)


def test_the_menu_opens_the_page_in_the_window_and_flatten_stays_where_it_is(desk: Desk) -> None:
    flatten = desk.window.findChild(QWidget, "flattenButton")
    tabs = desk.window.findChild(QTabWidget, "resultTabs")
    action = desk.window.findChild(QAction, "settingsAction")
    assert flatten is not None
    assert tabs is not None
    assert action is not None
    place = flatten.geometry()
    action.trigger()
    desk.settle()
    assert tabs.currentWidget() is desk.window.settings
    assert desk.window.settings.isVisible()
    assert flatten.geometry() == place
    assert flatten.isVisible()


def test_without_a_token_the_page_can_be_opened_all_the_same(desk: Desk) -> None:
    desk.window.show_panel(dict(gallery.states())["needs_token"])
    desk.settle()
    assert not desk.window.settings.isVisible()
    desk.window.open_settings()
    desk.window.show_panel(replace(dict(gallery.states())["needs_token"], token_problem="another"))
    desk.settle()
    assert desk.window.settings.isVisible()


@pytest.mark.parametrize("name", ["mask_names", "sound", "start_at_login", "use_system_proxy"])
def test_a_box_is_told_when_it_is_clicked(page: Page, name: str) -> None:
    box = page.find(f"setting_{name}", QCheckBox)
    assert isinstance(box, QCheckBox)
    was = box.isChecked()
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Space)
    assert page.changes == [(name, not was)]
    page.show(replace(gallery.SETTINGS, values={**gallery.SETTINGS.values, name: was}))
    assert box.isChecked() is was


def test_a_choice_is_told_with_its_value(page: Page) -> None:
    for name, value in (("theme", "light"), ("use_stream", True)):
        combo = page.find(f"setting_{name}", QComboBox)
        assert isinstance(combo, QComboBox)
        combo.setFocus()
        QTest.keyClick(combo, Qt.Key.Key_Down)
        assert page.changes[-1] == (name, value)


@pytest.mark.parametrize("how", [Qt.Key.Key_Return, Qt.Key.Key_Tab])
@pytest.mark.parametrize(("typed", "value"), [("0.45", 0.45), ("0,45", 0.45), ("1", 1.0)])
def test_a_number_counts_by_enter_or_when_it_is_left(
    page: Page, how: Qt.Key, typed: str, value: float
) -> None:
    edit = page.type("setting_hold_wide_s", typed)
    assert page.changes == []
    QTest.keyClick(edit, how)
    assert page.changes == [("hold_wide_s", value)]


def test_a_bad_value_stays_where_it_was_typed_with_its_sentence_and_is_told_to_nobody(page: Page) -> None:
    edit = page.type("setting_hold_wide_s", "half")
    assert page.note("hold_wide_s") == "✗ Not taken: no number."
    QTest.keyClick(edit, Qt.Key.Key_Tab)
    page.show(replace(gallery.SETTINGS, notes={"theme": "x"}))
    assert edit.text() == "half"
    assert page.note("hold_wide_s") == "✗ Not taken: no number."
    assert page.changes == []
    page.type("setting_hold_wide_s", "0.9")
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert page.note("hold_wide_s") == ""
    assert page.changes == [("hold_wide_s", 0.9)]


def test_a_view_does_not_disturb_what_is_being_typed(page: Page) -> None:
    edit = page.type("setting_broker_phone", "+1 555 01")
    page.show(replace(gallery.SETTINGS, nicknames={}))
    assert edit.text() == "+1 555 01"
    other = {**gallery.SETTINGS.values, "broker_phone": "+2"}
    page.show(replace(gallery.SETTINGS, values=other))
    assert edit.text() == "+2"


def test_the_address_of_the_api_counts_by_its_button_alone(page: Page) -> None:
    edit = page.type("setting_base_url", "https://api.example.test")
    QTest.keyClick(edit, Qt.Key.Key_Tab)
    page.edit("setting_hold_wide_s").setFocus()
    assert page.changes == []
    page.click("applyAddressButton")
    assert page.changes == [("base_url", "https://api.example.test")]
    page.type("setting_base_url", "https://bad")
    page.click("applyAddressButton")
    assert page.note("base_url") == "✗ Not taken: bad."
    assert len(page.changes) == 1


def test_another_server_is_warned_of_loudly(page: Page) -> None:
    warning = page.find("serverWarning", QLabel)
    assert isinstance(warning, QLabel)
    assert not warning.isVisible()
    page.show(gallery.OTHER_SERVER)
    assert warning.isVisible()
    assert warning.text().startswith("! NOT CROSSTRADE'S OWN SERVER")
    assert warning.property("tone") == "bad"
    assert warning.font().bold()
    assert page.note("base_url") == "Holds after a restart."


def test_a_nickname_is_told_for_its_account(page: Page) -> None:
    field = page.edit("nicknameField")
    assert field.text() == "evaluation"
    combo = page.find("nicknameAccount", QComboBox)
    assert isinstance(combo, QComboBox)
    combo.setFocus()
    QTest.keyClick(combo, Qt.Key.Key_Down)
    assert field.text() == ""
    page.type("nicknameField", "practice")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert page.told == [("Sim101", "practice")]


def test_a_token_is_hidden_offered_and_forgotten_once_it_is_taken(page: Page) -> None:
    field = page.edit("setting_newToken")
    assert field.echoMode() is QLineEdit.EchoMode.Password
    page.click("testTokenButton")
    assert page.told == []
    page.type("setting_newToken", "made-up")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert page.told == [("token", "made-up")]
    assert field.text() == "made-up"  # until it is known to work: a typing error can be mended
    page.form.clear_token()
    assert field.text() == ""
    page.click("removeTokenButton")
    assert page.told[-1] == ("remove",)


def test_while_a_token_is_tested_no_other_is_offered(page: Page) -> None:
    busy = replace(gallery.SETTINGS.token, note="Testing…", tone=Tone.BUSY, is_busy=True)
    page.show(replace(gallery.SETTINGS, token=busy))
    field = page.type("setting_newToken", "made-up")
    QTest.keyClick(field, Qt.Key.Key_Return)
    page.click("testTokenButton")
    page.click("removeTokenButton")
    assert page.told == []
    note = page.find("tokenNote", QLabel)
    assert isinstance(note, QLabel)
    assert note.text() == "… Testing…"


def test_only_a_token_that_is_kept_can_be_removed(page: Page) -> None:
    page.show(gallery.OTHER_SERVER)
    page.click("removeTokenButton")
    assert page.told == []


def test_every_setting_is_reached_by_the_keyboard_and_has_a_name(page: Page) -> None:
    shown = [each for each in page.form.inputs() if each.isVisibleTo(page.form)]
    shown[0].setFocus()
    reached = []
    for _ in shown:
        focus = page.desk.window.focusWidget()
        assert focus is not None
        assert focus.accessibleName() or isinstance(focus, QCheckBox)
        reached.append(focus)
        QTest.keyClick(focus, Qt.Key.Key_Tab)
    assert reached == shown


@pytest.mark.parametrize("view", [gallery.SETTINGS, gallery.OTHER_SERVER])
def test_nothing_on_the_page_is_cut_at_320_pixels(page: Page, view: SettingsView) -> None:
    page.desk.window.resize(320, 740)
    page.show(view)
    for each in page.form.findChildren(QLabel):
        if each.isVisible() and each.wordWrap():
            assert each.heightForWidth(each.width()) <= each.height() + 1, each.text()
    for button in (*page.form.findChildren(QPushButton), *page.form.findChildren(QCheckBox)):
        assert button.sizeHint().width() <= button.width() + 1, button.objectName()
        assert button.mapTo(page.form, button.rect().topRight()).x() <= page.form.width()
