"""The pages of the window in the real program: journal, settings, masks, and what is left by hand."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCheckBox, QFileDialog, QLabel, QLineEdit, QTabWidget, QWidget

from crosstrade_panel.storage.paths import find_paths
from crosstrade_panel.storage.settings import SettingsFile
from tests.contract_server import ContractServer
from tests.e2e.panel import Panel, running, until
from tests.ui.test_masks import window_texts

pytestmark = pytest.mark.anyio


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ContractServer]:
    with ContractServer() as server:
        monkeypatch.setenv("XTRADE_TOKEN", server.token)
        yield server


def nicknames(panel: Panel) -> list[str]:
    view = panel.program._presenter._shown
    return [] if view is None else [choice.note for choice in view.accounts]


def type_into(panel: Panel, name: str, text: str) -> QLineEdit:
    edit = panel.find(name, QLineEdit)
    edit.setFocus()
    edit.selectAll()
    QTest.keyClicks(edit, text)
    QTest.keyClick(edit, Qt.Key.Key_Return)
    return edit


def label(panel: Panel, name: str) -> str:
    return panel.find(name, QLabel).text()


async def test_a_press_is_found_in_the_journal_opened_and_exported(
    qapp: QApplication, tmp_path: Path
) -> None:
    async with running(qapp, practice=True) as panel:
        await panel.is_read()
        await panel.choose("Sim101")
        await panel.click(panel.flatten)
        await panel.says("FLAT ")
        panel.find("resultTabs", QTabWidget).setCurrentIndex(1)
        await until(lambda: panel.rows("journalView"), "the press")
        type_into(panel, "journalSearch", "no such")
        await until(lambda: not panel.rows("journalView"), "nothing")
        type_into(panel, "journalSearch", "sim101")
        await until(lambda: panel.rows("journalView"), "the press again")
        table = panel.find("journalView", QWidget)
        QTest.keyClick(table, Qt.Key.Key_Down)
        QTest.keyClick(table, Qt.Key.Key_Return)
        await until(lambda: panel.rows("timelineSteps"), "its timeline")
        steps = [row[2] for row in panel.rows("timelineSteps")]
        assert steps[0] == "pressed: FLATTEN Sim101"
        assert steps[1] == "attempt 1 over REST"
        assert steps[2].startswith("accepted, ")
        assert any(step.startswith("read of positions: ") for step in steps)
        assert "✓ FLAT" in steps
        assert not panel.find("timelineSteps", QWidget).window().isModal()
        panel.press_button("timelineExportButton")
        dialog = panel.find("exportDialog", QFileDialog)
        path = tmp_path / "press.csv"
        dialog.fileSelected.emit(str(path))
        dialog.close()
        await until(path.exists, "the file")
        with path.open(encoding="utf-8-sig", newline="") as file:
            assert len(list(csv.reader(file))) == len(steps) + 1


async def test_masked_no_widget_of_the_program_shows_a_name_and_a_press_reaches_its_account(
    qapp: QApplication,
) -> None:
    async with running(qapp, practice=True) as panel:
        await panel.is_read()
        panel.window.open_settings()
        QTest.keyClick(panel.find("setting_mask_names", QCheckBox), Qt.Key.Key_Space)
        await panel.choose("Sim101")
        await panel.click(panel.flatten)
        await panel.says("FLAT ")
        panel.find("resultTabs", QTabWidget).setCurrentIndex(1)
        await until(lambda: panel.rows("journalView"), "the press")
        QTest.keyClick(panel.find("journalView", QWidget), Qt.Key.Key_Down)
        QTest.keyClick(panel.find("journalView", QWidget), Qt.Key.Key_Return)
        await until(lambda: panel.rows("timelineSteps"), "its timeline")
        with panel.exchange.book_now() as book:
            names = sorted({row.account for row in book.positions()} | {"Sim101"})
        # What was painted before is thrown away with the next turn.
        await until(
            lambda: not [t for t in window_texts(panel.window) for name in names if name in t],
            "a window without names",
        )
        assert panel.flatten.face.lines[0] == "Sim1••"
        assert panel.exchange.calls.of("POST")[0].body == b'{"account":"Sim101"}'
        settings = SettingsFile(find_paths().settings)
        await until(lambda: settings.load().settings.mask_names, "the setting in its file")


async def test_holds_names_and_looks_hold_at_once_and_at_the_next_start(qapp: QApplication) -> None:
    async with running(qapp, practice=True) as panel:
        await panel.is_read()
        panel.window.open_settings()
        type_into(panel, "setting_hold_wide_s", "1.2")
        assert panel.flatten.face.hold_s == 1.2
        type_into(panel, "setting_hold_narrow_s", "0.1")
        assert label(panel, "note_hold_narrow_s").startswith("✗ Not taken: it must lie between 0.3")
        await until(lambda: panel.find("nicknameField", QLineEdit).isEnabled(), "accounts to be named")
        type_into(panel, "nicknameField", "my first")
        await until(lambda: "my first" in nicknames(panel), "the nickname")
        settings = SettingsFile(find_paths().settings)
        await until(lambda: settings.load().settings.nicknames, "the nickname in its file")
    async with running(qapp, practice=True) as panel:
        await panel.is_read()
        assert panel.flatten.face.hold_s == 1.2
        assert "my first" in nicknames(panel)


async def test_a_new_token_is_tested_at_the_server_and_used_without_a_restart(
    qapp: QApplication, server: ContractServer
) -> None:
    async with running(qapp, base_url=server.base_url) as panel:
        await panel.is_read()
        panel.window.open_settings()
        gateway = panel.program._gateway
        type_into(panel, "setting_newToken", "made-up-and-wrong")
        await until(lambda: "Not kept" in label(panel, "tokenNote"), "a refusal", 20)
        assert panel.program._gateway is gateway
        type_into(panel, "setting_newToken", server.token)
        await until(lambda: panel.program._gateway is not gateway, "the new token in use", 20)
        await panel.is_read()
        assert panel.find("setting_newToken", QLineEdit).text() == ""
        assert server.token not in "".join(window_texts(panel.window))


async def test_what_is_left_by_hand_opens_by_itself_after_a_408_and_goes_with_it(qapp: QApplication) -> None:
    async with running(qapp, practice=True) as panel:
        await panel.is_read()
        card = panel.window.fallback_card
        assert not card.isVisible()
        panel.press_button("byHandButton")
        await until(card.isVisible, "the card, when asked for")
        type_into(panel, "brokerWeb", "http://desk.example")
        assert "must begin with https://" in label(panel, "brokerProblem")
        type_into(panel, "brokerWeb", "https://desk.example")
        assert label(panel, "brokerProblem") == ""
        panel.press_button("fallbackCloseButton")
        assert not card.isVisible()
        panel.window.drill_chosen.emit("timeout-408-acted")
        await until(lambda: panel.exchange.drill == "timeout-408-acted", "the drill")
        await panel.choose("Sim101")
        await panel.click(panel.flatten)
        await until(card.isVisible, "the card, by itself")
        assert panel.find("byHandButton", QWidget).property("urgent")
        await panel.says("FLAT ")
        await until(lambda: not card.isVisible(), "the card gone with the doubt")
