"""The settings, on a page of the window: each taken by itself, or said why not."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from crosstrade_panel.ui import captions
from crosstrade_panel.ui.fit import WrapLabel
from crosstrade_panel.ui.pickers import PlainCombo
from crosstrade_panel.ui.theme import CHOICES, SYMBOLS, mark
from crosstrade_panel.ui.view import Choice, SettingsView, SettingValue, TokenView, Tone

Check = Callable[[str, SettingValue], str]
"""Why a setting cannot have a value, as a sentence; empty where it can."""


class SettingsForm(QWidget):
    """Every setting with its value, and beneath it what is to be said. Nothing typed is lost on a bad value.

    A text counts when it is left or Enter is pressed; the address of the API only by its button.

    Signals:
        setting_changed: name and value, which has been checked.
        nickname_changed: account and nickname, empty for none.
        token_offered: a token as typed, for the address shown.
        token_removal_requested: the token of that address is to be forgotten.
    """

    setting_changed = Signal(str, object)
    nickname_changed = Signal(str, str)
    token_offered = Signal(str)
    token_removal_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("settingsForm")
        self.setAccessibleName(captions.SETTINGS)
        self.check: Check = _anything
        self._view = SettingsView()
        self._inputs: list[QWidget] = []
        self._edits: dict[str, QLineEdit] = {}
        self._flags: dict[str, QCheckBox] = {}
        self._combos: dict[str, PlainCombo] = {}
        self._problems: dict[str, str] = {}
        self._notes: dict[str, WrapLabel] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 5, 0, 4)
        self._column.setSpacing(3)
        self._add_window()
        self._add_holding()
        self._add_nicknames()
        self._add_broker()
        self._add_connection()
        self._column.addStretch(1)

    # Sections

    def _add_window(self) -> None:
        self._heading(captions.LOOKS)
        self._flag("mask_names", captions.MASK_NAMES)
        self._flag("always_on_top", captions.PIN)
        self._flag("sound", captions.SOUND)
        self._flag("start_at_login", captions.START_AT_LOGIN)
        self._combo("theme", captions.THEME, [(captions.THEMES[each], each) for each in CHOICES])

    def _add_holding(self) -> None:
        self._heading(captions.HOLDING)
        self._edit("hold_wide_s", captions.HOLD_WIDE, "")
        self._edit("hold_narrow_s", captions.HOLD_NARROW, "")
        self._add_hot_key()

    def _add_hot_key(self) -> None:
        """In a part of its own: shown where the system has such a key."""
        column, self._column = self._column, QVBoxLayout()
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(3)
        self._combo("hot_key", captions.HOT_KEY, [(text, key) for key, text in captions.HOT_KEYS.items()])
        self._hot_key = QWidget()
        self._hot_key.setObjectName("hotKeyPart")
        self._hot_key.setLayout(self._column)
        self._hot_key.hide()
        self._column = column
        column.addWidget(self._hot_key)

    def _add_nicknames(self) -> None:
        self._heading(captions.NICKNAMES)
        self._account = PlainCombo()
        self._account.setObjectName("nicknameAccount")
        self._account.name(captions.NICKNAME_ACCOUNT)
        self._account.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._account.activated.connect(self._on_account)
        self._nickname = QLineEdit()
        self._nickname.setObjectName("nicknameField")
        self._nickname.setAccessibleName(captions.NICKNAME)
        self._nickname.setPlaceholderText(captions.NICKNAME_HINT)
        self._nickname.setMaxLength(40)
        self._nickname.editingFinished.connect(self._on_nickname)
        row = QHBoxLayout()
        row.addWidget(self._account, 1)
        row.addWidget(self._nickname, 1)
        self._column.addLayout(row)
        self._inputs += [self._account, self._nickname]
        self._note("nicknames")

    def _add_broker(self) -> None:
        self._heading(captions.BY_HAND)
        self._edit("broker_phone", captions.PHONE, captions.PHONE_HINT)
        self._edit("broker_web", captions.WEB, captions.WEB_HINT)

    def _add_connection(self) -> None:
        self._heading(captions.CONNECTION)
        self._combo(
            "use_stream", captions.TRANSPORT, [(text, on) for on, text in captions.TRANSPORTS.items()]
        )
        self._flag("use_system_proxy", captions.USE_SYSTEM_PROXY)
        self._label(captions.BASE_URL)
        self._address = self._line("base_url", captions.BASE_URL, captions.BASE_URL_HINT)
        self._address.textEdited.connect(self._on_address_edited)
        self._address.returnPressed.connect(self._on_address)
        self._apply = self._button("applyAddressButton", captions.APPLY, captions.BASE_URL)
        self._apply.clicked.connect(self._on_address)
        self._row(self._address, self._apply)
        self._note("base_url")
        self._warning = WrapLabel()
        self._warning.setObjectName("serverWarning")
        self._warning.setProperty("tone", "bad")
        font = self._warning.font()
        font.setBold(True)
        self._warning.setFont(font)
        self._warning.hide()
        self._column.addWidget(self._warning)
        self._add_token()

    def _add_token(self) -> None:
        self._label(captions.NEW_TOKEN)
        self._token_state = WrapLabel()
        self._token_state.setObjectName("tokenState")
        self._column.addWidget(self._token_state)
        self._token = self._line("newToken", captions.NEW_TOKEN, captions.NEW_TOKEN_HINT)
        self._token.setEchoMode(QLineEdit.EchoMode.Password)
        self._token.returnPressed.connect(self._on_token)
        self._test = self._button("testTokenButton", captions.TEST_AND_SAVE, captions.TEST_AND_SAVE)
        self._test.clicked.connect(self._on_token)
        self._remove = self._button("removeTokenButton", captions.REMOVE_TOKEN, captions.REMOVE_TOKEN_SPOKEN)
        self._remove.clicked.connect(self._on_remove)
        self._column.addWidget(self._token)
        self._inputs.append(self._token)
        row = QHBoxLayout()
        row.addWidget(self._test)
        row.addWidget(self._remove)
        row.addStretch(1)
        self._column.addLayout(row)
        self._inputs += [self._test, self._remove]
        self._token_note = WrapLabel()
        self._token_note.setObjectName("tokenNote")
        self._token_note.hide()
        self._column.addWidget(self._token_note)

    # Parts

    def _heading(self, text: str) -> None:
        label = QLabel(text)
        label.setTextFormat(Qt.TextFormat.PlainText)
        font = label.font()
        font.setBold(True)
        label.setFont(font)
        if self._column.count():
            self._column.addSpacing(6)
        self._column.addWidget(label)

    def _label(self, text: str) -> None:
        label = WrapLabel(text)
        label.setProperty("dim", True)
        self._column.addWidget(label)

    def _note(self, name: str) -> None:
        note = WrapLabel()
        note.setObjectName(f"note_{name}")
        note.hide()
        self._notes[name] = note
        self._column.addWidget(note)

    def _row(self, first: QWidget, second: QWidget) -> None:
        row = QHBoxLayout()
        row.addWidget(first, 1)
        row.addWidget(second)
        self._column.addLayout(row)
        self._inputs += [first, second]

    @staticmethod
    def _button(name: str, text: str, spoken: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setAccessibleName(f"{text}: {spoken}" if spoken != text else text)
        button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        return button

    @staticmethod
    def _line(name: str, caption: str, hint: str) -> QLineEdit:
        edit = QLineEdit()
        edit.setObjectName(f"setting_{name}")
        edit.setAccessibleName(caption)
        edit.setPlaceholderText(hint)
        edit.setMaxLength(4200)
        return edit

    def _flag(self, name: str, caption: str) -> None:
        box = QCheckBox(caption)
        box.setObjectName(f"setting_{name}")
        box.clicked.connect(lambda on: self.setting_changed.emit(name, on))
        self._flags[name] = box
        self._inputs.append(box)
        self._column.addWidget(box)
        self._note(name)

    def _combo(self, name: str, caption: str, choices: list[tuple[str, SettingValue]]) -> None:
        self._label(caption)
        combo = PlainCombo()
        combo.setObjectName(f"setting_{name}")
        combo.name(caption)
        for text, value in choices:
            combo.addItem(text, value)
        combo.activated.connect(lambda _row: self.setting_changed.emit(name, combo.currentData()))
        self._combos[name] = combo
        self._inputs.append(combo)
        self._column.addWidget(combo)
        self._note(name)

    def _edit(self, name: str, caption: str, hint: str) -> None:
        self._label(caption)
        edit = self._line(name, caption, hint)
        edit.textEdited.connect(lambda _text: self._try(name))
        edit.editingFinished.connect(lambda: self._take(name))
        self._edits[name] = edit
        self._inputs.append(edit)
        self._column.addWidget(edit)
        self._note(name)

    # What is shown

    def show_settings(self, view: SettingsView) -> None:
        """Show the settings as they hold; a text that is being typed, or was refused, stays."""
        old, self._view = self._view, view
        for name, box in self._flags.items():
            box.setChecked(view.values.get(name) is True)
        for name, combo in self._combos.items():
            row = combo.findData(view.values.get(name))
            if row >= 0 and row != combo.currentIndex():
                combo.setCurrentIndex(row)
        self._hot_key.setVisible("hot_key" in view.values)
        for name, edit in (*self._edits.items(), ("base_url", self._address)):
            is_new = view.values.get(name) != old.values.get(name)
            if is_new or not (edit.isModified() or edit.hasFocus()):
                edit.setText(_spelled(view.values.get(name, "")))
                edit.setModified(False)
                self._problems.pop(name, None)
        for name in self._notes:
            self._show_note(name)
        self._warning.setText(f"! {view.server_warning}" if view.server_warning else "")
        self._warning.setVisible(bool(view.server_warning))
        self._show_accounts(view.accounts)
        self._show_token(view.token)

    def _show_accounts(self, accounts: tuple[Choice, ...]) -> None:
        found = [(choice.label, choice.value) for choice in accounts]
        if found != [
            (self._account.itemText(n), self._account.itemData(n)) for n in range(self._account.count())
        ]:
            chosen = self._account.currentData()
            self._account.clear()
            for label, value in found:
                self._account.addItem(label, value)
            self._account.setCurrentIndex(max(0, self._account.findData(chosen)))
        self._account.setEnabled(bool(accounts))
        self._nickname.setEnabled(bool(accounts))
        if not self._nickname.isModified():
            self._show_nickname()

    def _show_nickname(self) -> None:
        self._nickname.setText(self._view.nicknames.get(str(self._account.currentData()), ""))
        self._nickname.setModified(False)

    def _show_token(self, token: TokenView) -> None:
        self._token_state.setText(token.state)
        self._token_note.setText(f"{SYMBOLS[token.tone]} {token.note}" if token.note else "")
        mark(self._token_note, tone=token.tone.value)
        self._token_note.setVisible(bool(token.note))
        self._test.setEnabled(not token.is_busy)
        self._remove.setEnabled(token.may_remove and not token.is_busy)

    def clear_token(self) -> None:
        """The token that was typed has been taken: it is not to lie here any longer."""
        self._token.clear()

    def _show_note(self, name: str) -> None:
        problem = self._problems.get(name, "")
        note = self._notes[name]
        text = f"{SYMBOLS[Tone.BAD]} {problem}" if problem else self._view.notes.get(name, "")
        if note.text() != text:
            note.setText(text)
            mark(note, tone="bad" if problem else "", dim=not problem)
        note.setVisible(bool(text))

    def inputs(self) -> tuple[QWidget, ...]:
        """What takes the focus, in order."""
        return tuple(self._inputs)

    # What the trader does

    def _value_of(self, name: str) -> SettingValue:
        text = (self._address if name == "base_url" else self._edits[name]).text().strip()
        if not isinstance(self._view.values.get(name), float):
            return text
        try:
            return float(text.replace(",", "."))
        except ValueError:
            return text

    def _try(self, name: str) -> bool:
        problem = self.check(name, self._value_of(name))
        self._problems[name] = problem
        self._show_note(name)
        return not problem

    def _take(self, name: str) -> None:
        edit = self._edits[name]
        if not edit.isModified():
            return
        value = self._value_of(name)
        if value == self._view.values.get(name):
            edit.setModified(False)
            self._problems.pop(name, None)
            self._show_note(name)
        elif self._try(name):
            edit.setModified(False)
            self.setting_changed.emit(name, value)

    def _on_address_edited(self) -> None:
        self._try("base_url")

    def _on_address(self) -> None:
        if self._try("base_url"):
            self._address.setModified(False)
            value = self._value_of("base_url")
            if value != self._view.values.get("base_url"):
                self.setting_changed.emit("base_url", value)

    def _on_account(self) -> None:
        self._show_nickname()

    def _on_nickname(self) -> None:
        account = self._account.currentData()
        if self._nickname.isModified() and account is not None:
            self._nickname.setModified(False)
            self.nickname_changed.emit(account, self._nickname.text().strip())

    def _on_token(self) -> None:
        if (text := self._token.text().strip()) and self._test.isEnabled():
            self.token_offered.emit(text)

    def _on_remove(self) -> None:
        self.token_removal_requested.emit()


def _anything(_name: str, _value: SettingValue) -> str:
    return ""


def _spelled(value: SettingValue) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
