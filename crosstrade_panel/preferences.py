"""The settings of a running window: what holds, what the trader changes, and what is said of it."""

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol, cast

from crosstrade_panel import texts
from crosstrade_panel.crosstrade.address import DEFAULT_BASE_URL, AddressError, BaseUrl, parse_base_url
from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.domain.secret import Secret
from crosstrade_panel.runtime import in_thread
from crosstrade_panel.server_choice import NoStore, ServerChoice, TokenStore, choose_server
from crosstrade_panel.storage.credentials import (
    NotATokenError,
    SessionOnlyError,
    TokenSource,
    read_token,
)
from crosstrade_panel.storage.settings import (
    SETTINGS,
    BadValueError,
    LoadedSettings,
    NoteKind,
    Settings,
    SettingsFile,
    Value,
)
from crosstrade_panel.ui.view import Choice, SettingsView, SettingValue, TokenView, Tone

_log = logging.getLogger(__name__)

_AT_RESTART = frozenset({"base_url", "use_system_proxy"})
_KEPT_UNASKED = frozenset({"last_account"})
"""What is no reason to set a broken file aside: nobody is there to read that it was."""


class Form(Protocol):
    """The page of the settings."""

    def show_settings(self, view: SettingsView) -> None:
        """Show them as they hold."""

    def clear_token(self) -> None:
        """Forget the token that was typed."""


class Supervisor(Protocol):
    """Owns every task."""

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> object:
        """Run it; whatever goes wrong in it is reported."""


class Keyring(TokenStore, Protocol):
    """Where tokens are kept, and taken from."""

    def forget(self, origin: str) -> None:
        """Remove one."""


TestToken = Callable[[ServerChoice, BaseUrl, Secret], Awaitable[Reason | None]]
"""Read once with a token: why that failed, or None."""
UseToken = Callable[[ServerChoice, BaseUrl, Secret], Awaitable[bool]]
"""Go on with a token that works; False where it waits for the next start."""


class Preferences:
    """The settings, in memory and in their file. A change holds at once, whatever becomes of the file.

    `file_problem`: why none of the settings in the file holds, as a sentence; empty where they do.
    `on_change` is told the names that changed. `base_url`: what the command line names, if it does.
    """

    def __init__(
        self,
        file: SettingsFile,
        store: Keyring,
        supervisor: Supervisor,
        *,
        base_url: str | None,
        on_change: Callable[[frozenset[str]], None],
        test_token: TestToken,
        use_token: UseToken,
        has_hot_key: bool = sys.platform == "win32",
    ) -> None:
        """Read the file once."""
        self._has_hot_key = has_hot_key
        self._file = file
        self._store = store
        self._supervisor = supervisor
        self._base_url = base_url
        self._on_change = on_change
        self._test_token = test_token
        self._use_token = use_token
        loaded = file.load()
        for note in loaded.notes:
            _log.warning("settings: %s %s %s", note.kind.value, note.name, note.detail)
        self.settings: Settings = loaded.settings
        self._at_start = loaded.settings
        self._notes = {note.name: texts.wrong_setting(note.detail) for note in loaded.notes if note.name}
        self.file_problem = "".join(
            texts.settings_lost(note.detail) for note in loaded.notes if not note.name
        )
        self._is_address_lost = loaded.is_address_lost
        self._token = TokenView()
        self._session_only: set[str] = set()
        self._unsaved: dict[str, Value] = {}
        self._saved = asyncio.Event()
        self._saved.set()
        self._form: Form | None = None
        self._accounts: tuple[Choice, ...] = ()
        self._shown: SettingsView | None = None

    # The page

    def show_on(self, form: Form) -> None:
        """Show the settings there from now on."""
        self._form = form
        self.show()

    def know_accounts(self, accounts: tuple[Choice, ...]) -> None:
        """The accounts that can be given a nickname."""
        if accounts != self._accounts:
            self._accounts = accounts
            self.show()

    def show(self) -> None:
        """Paint what holds now."""
        view = self.view()
        if self._form is not None and view != self._shown:
            self._shown = view
            self._form.show_settings(view)

    def view(self) -> SettingsView:
        """The settings as they hold, and what is to be said of them."""
        every = asdict(self.settings)
        left_out = {"nicknames"} if self._has_hot_key else {"nicknames", "hot_key"}
        values = {name: cast("SettingValue", each) for name, each in every.items() if name not in left_out}
        notes = {name: texts.AFTER_RESTART for name in _AT_RESTART if self._differs(name)}
        choice = self._server()
        if self._is_address_lost:
            notes["base_url"] = texts.SERVER_LOST
        if choice.came_from in {"command", "environment"}:
            notes["base_url"] = texts.server_named_elsewhere(choice.came_from)
        return SettingsView(
            values,
            self.settings.nicknames,
            self._accounts,
            self._token,
            {**notes, **self._notes},
            self._warning(),
        )

    def _differs(self, name: str) -> bool:
        return bool(getattr(self.settings, name) != getattr(self._at_start, name))

    def _warning(self) -> str:
        text = self.settings.base_url
        try:
            origin = parse_base_url(text).origin if text else ""
        except AddressError:
            return ""
        vendor = parse_base_url(DEFAULT_BASE_URL).origin
        return "" if origin in {"", vendor} else texts.other_server(origin)

    def remark(self, name: str, text: str) -> None:
        """Say something beneath a setting, until it gets another value."""
        self._notes[name] = text
        self.show()

    # Changes

    def check(self, name: str, value: SettingValue) -> str:
        """Why a setting cannot have a value, as a sentence; empty where it can."""
        try:
            taken = SETTINGS[name].check(value)
            if name == "base_url" and taken:
                parse_base_url(str(taken))
        except BadValueError as error:
            return texts.wrong_setting(str(error))
        except AddressError as error:
            return texts.wrong_server(str(error))
        return ""

    def change(self, name: str, value: SettingValue) -> str:
        """Give a setting another value; what is said where it cannot have it."""
        problem = self.check(name, value)
        if not problem:
            self.keep({name: value})
        return problem

    def call(self, account: str, nickname: str) -> None:
        """Give an account a nickname, or take it away."""
        nicknames = {**self.settings.nicknames, account: nickname}
        self.keep({"nicknames": {name: each for name, each in nicknames.items() if each}})

    def keep(self, changes: Mapping[str, Value]) -> None:
        """Let settings hold from now on, and keep them: on a thread, as a slow disk must hold up nothing."""
        try:
            taken = {name: SETTINGS[name].check(value) for name, value in changes.items()}
        except BadValueError as error:
            self._notes.update(dict.fromkeys(changes, texts.wrong_setting(str(error))))
            self.show()
            return
        for name in taken:
            self._notes.pop(name, None)
        # each value went through the check of its own setting
        self.settings = replace(self.settings, **taken)  # type: ignore[arg-type]
        self._on_change(frozenset(taken))
        self.show()
        if "base_url" in taken:
            self._is_address_lost = False
            self.look()
        if self.file_problem and taken.keys() <= _KEPT_UNASKED:
            return
        self._unsaved |= taken
        if self._saved.is_set():
            self._saved.clear()
            self._supervisor.start("settings", self._save_all())

    async def _save_all(self) -> None:
        """One write at a time: of two at once the older could be the one that stays."""
        try:
            while self._unsaved:
                changes, self._unsaved = self._unsaved, {}
                await self._save(changes)
        finally:
            self._saved.set()

    async def finish(self) -> None:
        """Wait until everything is written."""
        await self._saved.wait()

    async def _save(self, changes: Mapping[str, Value]) -> None:
        for note in await in_thread("settings", lambda: self._file.save(changes)):
            _log.warning("settings: %s %s %s", note.kind.value, note.name, note.detail)
            if note.kind is NoteKind.SET_ASIDE:
                self.file_problem = ""
                said = texts.setting_saved_anew(Path(note.detail).name)
            else:
                said = texts.setting_not_saved(note.detail)
            self._notes.update(dict.fromkeys(changes, said))
        self.show()

    # The token

    def _server(self, store: TokenStore | None = None) -> ServerChoice:
        loaded = LoadedSettings(self.settings, is_address_lost=self._is_address_lost)
        return choose_server(
            base_url=self._base_url,
            environ=os.environ,
            settings=lambda: loaded,
            store=store or NoStore(),
        )

    def note_session_only(self, origin: str) -> None:
        """The keyring did not keep the token of that server."""
        self._session_only.add(origin)

    def look(self) -> None:
        """Find out whether there is a token; the keyring may ask, so never on the window's thread."""
        if not self._token.is_busy:
            self._supervisor.start("token", self._look())

    async def _look(self) -> None:
        choice = await in_thread("token", lambda: self._server(self._store))
        origin = choice.origin
        place = ""
        if choice.token is not None and choice.token.source is TokenSource.ENVIRONMENT:
            place = "environment"
        elif choice.token is not None:
            place = "session" if origin in self._session_only else "store"
        if self._token.origin not in {"", origin}:  # what was said was said of another server
            self._token = TokenView()
        self._token = replace(
            self._token,
            origin=origin,
            state=texts.token_state(place, origin),
            may_remove=place in {"store", "session"},
        )
        self.show()

    def offer(self, text: str) -> None:
        """A token was entered: test it, then keep it."""
        if self._token.is_busy:
            return
        choice = self._server()
        if choice.base_url is None:
            self._say(texts.TOKEN_NO_ADDRESS, Tone.BAD)
            return
        try:
            token = read_token(text)
        except NotATokenError as error:
            self._say(texts.token_failed(texts.wrong_entry(error.fault.value)), Tone.BAD)
            return
        self._say(texts.TOKEN_TESTING, Tone.BUSY, is_busy=True)
        self._supervisor.start("token", self._try(choice, choice.base_url, token))

    async def _try(self, choice: ServerChoice, base_url: BaseUrl, token: Secret) -> None:
        try:
            reason = await self._test_token(choice, base_url, token)
            if reason is not None and not is_accepted(reason):
                self._say(texts.token_failed(texts.reason_sentence(reason)), Tone.BAD)
                return
            if self._form is not None:
                self._form.clear_token()
            said = [texts.TOKEN_NINJATRADER_AWAY] if reason is not None else []
            said.append(await self._store_and_use(choice, base_url, token))
            self._say(" ".join(said), Tone.DOUBT if base_url.origin in self._session_only else Tone.GOOD)
        finally:
            if self._token.is_busy:
                self._say("", Tone.NEUTRAL)
        await self._look()

    async def _store_and_use(self, choice: ServerChoice, base_url: BaseUrl, token: Secret) -> str:
        origin = base_url.origin
        self._session_only.discard(origin)
        try:
            await in_thread("keyring", lambda: self._store.save(origin, token.reveal()))
        except SessionOnlyError:
            self._session_only.add(origin)
        is_used = await self._use_token(choice, base_url, token)
        words = texts.TOKEN_KEPT_NOW if is_used else texts.TOKEN_KEPT_LATER
        return texts.TOKEN_SESSION_ONLY if origin in self._session_only else words

    def remove(self) -> None:
        """Forget the token of the address shown."""
        origin = self._token.origin
        if origin and not self._token.is_busy:
            self._say("", Tone.NEUTRAL, is_busy=True)
            self._supervisor.start("token", self._remove(origin))

    async def _remove(self, origin: str) -> None:
        try:
            await in_thread("keyring", lambda: self._store.forget(origin))
        except SessionOnlyError:
            self._say(texts.TOKEN_NOT_REMOVED, Tone.BAD)
        else:
            self._session_only.discard(origin)
            self._say(texts.TOKEN_REMOVED, Tone.NEUTRAL)
        await self._look()

    def _say(self, note: str, tone: Tone, *, is_busy: bool = False) -> None:
        self._token = replace(self._token, note=note, tone=tone, is_busy=is_busy)
        self.show()


def is_accepted(reason: Reason | None) -> bool:
    """Whether a read, failed for that reason or not at all, shows that the token is good."""
    return reason is None or reason.cause is Cause.NINJATRADER_OFFLINE
