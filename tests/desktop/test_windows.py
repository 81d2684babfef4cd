"""The card of a second start, and the way to the front."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget

from crosstrade_panel import texts
from crosstrade_panel.desktop.front import bring_to_front
from crosstrade_panel.desktop.silent_panel import SilentPanelCard


@pytest.fixture
def card(qapp: QApplication) -> SilentPanelCard:
    made = SilentPanelCard("CrossTrade Panel", texts.PANEL_SILENT, texts.START_ANOTHER, texts.QUIT)
    made.show()
    return made


def button(card: QWidget, name: str) -> QPushButton:
    found = card.findChild(QPushButton, name)
    assert isinstance(found, QPushButton)
    return found


def test_the_card_says_what_is_so_and_offers_both(card: SilentPanelCard) -> None:
    heard: list[str] = []
    card.another_requested.connect(lambda: heard.append("another"))
    card.quit_requested.connect(lambda: heard.append("quit"))
    label = card.findChild(QLabel, "silentPanelWords")
    assert isinstance(label, QLabel)
    assert label.text() == texts.PANEL_SILENT
    assert label.textFormat() is Qt.TextFormat.PlainText
    button(card, "startAnotherButton").click()
    button(card, "quitButton").click()
    card.close()
    assert heard == ["another", "quit", "quit"]
    assert card.windowModality() is Qt.WindowModality.NonModal
    card.hide()


def test_enter_does_not_start_another_by_itself(card: SilentPanelCard) -> None:
    assert not button(card, "startAnotherButton").isDefault()
    assert not button(card, "startAnotherButton").hasFocus()
    card.hide()


def test_a_minimised_window_comes_to_the_front(window: QWidget) -> None:
    window.showMinimized()
    assert window.isMinimized()
    bring_to_front(window)
    assert not window.isMinimized()
    assert window.isVisible()


def test_a_start_up_id_is_used_on_wayland_alone(window: QWidget, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_ACTIVATION_TOKEN", raising=False)
    bring_to_front(window, "token-1")
    import os

    assert "XDG_ACTIVATION_TOKEN" not in os.environ
