"""The settings of a running window: what holds at once, what is kept, and how a token gets in."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from crosstrade_panel import texts
from crosstrade_panel.crosstrade.address import BaseUrl
from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.domain.secret import Secret
from crosstrade_panel.preferences import Preferences
from crosstrade_panel.server_choice import ServerChoice
from crosstrade_panel.storage.credentials import SessionOnlyError, StoreProblem
from crosstrade_panel.storage.settings import SettingsFile
from crosstrade_panel.ui.view import SettingsView, Tone

VENDOR = "https://app.crosstrade.io:443"
pytestmark = pytest.mark.anyio


class FormOnPaper:
    """The page, without a window."""

    def __init__(self) -> None:
        self.views: list[SettingsView] = []
        self.cleared = 0

    def show_settings(self, view: SettingsView) -> None:
        self.views.append(view)

    def clear_token(self) -> None:
        self.cleared += 1


class MemoryKeyring:
    """Keeps tokens, or says that it does not."""

    def __init__(self) -> None:
        self.problem: StoreProblem | None = None
        self.tokens: dict[str, str] = {}
        self.refuses = False

    def load(self, origin: str) -> str | None:
        return self.tokens.get(origin)

    def save(self, origin: str, token: str) -> None:
        self.tokens[origin] = token
        if self.refuses:
            raise SessionOnlyError(StoreProblem.LOCKED)

    def forget(self, origin: str) -> None:
        self.tokens.pop(origin, None)
        if self.refuses:
            raise SessionOnlyError(StoreProblem.LOCKED)


class Settled:
    """Preferences with everything around them; `told` is what the program was told."""

    def __init__(self, path: Path, base_url: str | None = None) -> None:
        self.file = SettingsFile(path)
        self.store = MemoryKeyring()
        self.form = FormOnPaper()
        self.told: list[frozenset[str]] = []
        self.tested: list[tuple[str, str]] = []
        self.used: list[str] = []
        self.says: Reason | None = None
        self.may_use = True
        self.tasks: list[asyncio.Task[None]] = []
        self.preferences = Preferences(
            self.file,
            self.store,
            self,
            base_url=base_url,
            on_change=self.told.append,
            test_token=self._test,
            use_token=self._use,
        )
        self.preferences.show_on(self.form)

    def start(self, _name: str, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.ensure_future(work))

    async def _test(self, _choice: ServerChoice, base_url: BaseUrl, token: Secret) -> Reason | None:
        self.tested.append((base_url.origin, token.reveal()))
        assert self.store.tokens == {}  # nothing is kept before it is known to work
        return self.says

    async def _use(self, _choice: ServerChoice, base_url: BaseUrl, _token: Secret) -> bool:
        self.used.append(base_url.origin)
        return self.may_use

    async def settle(self) -> SettingsView:
        async with asyncio.timeout(10):
            while pending := [task for task in self.tasks if not task.done()]:
                await asyncio.wait(pending)
        for task in self.tasks:
            task.result()
        return self.form.views[-1]


@pytest.fixture
def settled(tmp_path: Path) -> Settled:
    return Settled(tmp_path / "config" / "settings.toml")


async def test_a_change_holds_at_once_is_told_and_kept(settled: Settled) -> None:
    assert settled.preferences.change("hold_wide_s", 0.9) == ""
    assert settled.preferences.settings.hold_wide_s == 0.9
    assert settled.told == [frozenset({"hold_wide_s"})]
    view = await settled.settle()
    assert view.values["hold_wide_s"] == 0.9
    assert settled.file.load().settings.hold_wide_s == 0.9


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("hold_wide_s", 0.2, "between 0.3 and 5.0"),
        ("hold_narrow_s", "half", "number of seconds"),
        ("broker_web", "http://desk.example", "must begin with https://"),
        ("base_url", "http://api.example", "https://"),
        ("base_url", "https://api.example/path", "path"),
        ("theme", "pink", "one of"),
    ],
)
async def test_a_bad_value_is_said_and_changes_nothing(
    settled: Settled, name: str, value: Any, said: str
) -> None:
    before = settled.preferences.settings
    problem = settled.preferences.change(name, value)
    assert problem.startswith("Not taken: ")
    assert said in problem
    assert settled.preferences.settings == before
    assert settled.told == []
    assert not settled.file.path.exists()


async def test_what_the_disk_does_not_take_holds_for_the_session_and_that_is_said(
    tmp_path: Path, announce_log: Any
) -> None:
    announce_log("settings: cannot_(read|write)")
    (tmp_path / "file").write_text("no folder")
    settled = Settled(tmp_path / "file" / "settings.toml")
    settled.preferences.change("sound", value=False)
    view = await settled.settle()
    assert settled.preferences.settings.sound is False
    assert view.notes["sound"].startswith("Not saved")


async def test_what_holds_only_after_a_restart_says_so_until_it_is_put_back(settled: Settled) -> None:
    settled.preferences.change("use_system_proxy", value=True)
    assert (await settled.settle()).notes["use_system_proxy"] == texts.AFTER_RESTART
    settled.preferences.change("use_system_proxy", value=False)
    assert "use_system_proxy" not in (await settled.settle()).notes


async def test_a_nickname_is_kept_and_taken_away(settled: Settled) -> None:
    settled.preferences.call("Sim101", "practice")
    settled.preferences.call("Apex-03", "evaluation")
    settled.preferences.call("Sim101", "")
    await settled.settle()
    assert settled.file.load().settings.nicknames == {"Apex-03": "evaluation"}


async def test_of_changes_made_at_once_the_last_one_stays(settled: Settled) -> None:
    for turn in range(30):
        settled.preferences.change("broker_phone", f"+{turn}")
        settled.preferences.change("sound", turn % 2 == 0)
        await asyncio.sleep(0)
    await settled.settle()
    assert settled.file.load().settings == settled.preferences.settings
    assert settled.preferences.settings.broker_phone == "+29"


async def test_another_server_than_the_vendors_is_warned_of(settled: Settled) -> None:
    assert settled.preferences.view().server_warning == ""
    settled.preferences.change("base_url", "https://app.crosstrade.io")
    assert settled.preferences.view().server_warning == ""
    settled.preferences.change("base_url", "https://api.example.test")
    view = await settled.settle()
    assert "NOT CROSSTRADE'S OWN SERVER" in view.server_warning
    assert "https://api.example.test:443" in view.server_warning
    assert view.token.state == "There is none for https://api.example.test:443."


async def test_a_server_that_the_command_line_names_is_the_one_a_token_is_for(tmp_path: Path) -> None:
    settled = Settled(tmp_path / "settings.toml", base_url="https://127.0.0.1:9")
    settled.preferences.look()
    view = await settled.settle()
    assert view.token.origin == "https://127.0.0.1:9"
    assert view.notes["base_url"] == texts.server_named_elsewhere("command")


async def test_a_token_is_tested_by_a_read_then_kept_then_used(settled: Settled) -> None:
    settled.preferences.offer("  made-up-1  ")
    assert settled.form.views[-1].token.is_busy
    settled.preferences.offer("made-up-2")  # one at a time
    view = await settled.settle()
    assert settled.tested == [(VENDOR, "made-up-1")]
    assert settled.store.tokens == {VENDOR: "made-up-1"}
    assert settled.used == [VENDOR]
    assert settled.form.cleared == 1
    assert (view.token.note, view.token.tone) == (texts.TOKEN_KEPT_NOW, Tone.GOOD)
    assert view.token.state == f"There is one in this computer's keyring, for {VENDOR}."
    assert view.token.may_remove
    assert not view.token.is_busy


@pytest.mark.parametrize("cause", [Cause.TOKEN_REFUSED, Cause.CONNECT_FAILED, Cause.OVER_BUDGET])
async def test_a_token_that_does_not_work_is_not_kept_and_stays_to_be_corrected(
    settled: Settled, cause: Cause
) -> None:
    settled.says = Reason(cause)
    settled.preferences.offer("made-up")
    view = await settled.settle()
    assert settled.store.tokens == {}
    assert settled.used == []
    assert settled.form.cleared == 0
    assert view.token.tone is Tone.BAD
    assert view.token.note == texts.token_failed(texts.reason_sentence(Reason(cause)))
    assert "made-up" not in str(settled.form.views)


async def test_a_token_that_only_ninjatrader_did_not_answer_is_kept(settled: Settled) -> None:
    settled.says = Reason(Cause.NINJATRADER_OFFLINE)
    settled.may_use = False
    settled.preferences.offer("made-up")
    view = await settled.settle()
    assert settled.store.tokens == {VENDOR: "made-up"}
    assert view.token.note == f"{texts.TOKEN_NINJATRADER_AWAY} {texts.TOKEN_KEPT_LATER}"


async def test_what_can_be_no_token_is_said_and_not_even_tested(settled: Settled) -> None:
    settled.preferences.offer("two words")
    view = await settled.settle()
    assert settled.tested == []
    assert "there is a space inside it" in view.token.note


async def test_a_keyring_that_keeps_nothing_is_said(settled: Settled) -> None:
    settled.store.refuses = True
    settled.preferences.offer("made-up")
    view = await settled.settle()
    assert view.token.note == texts.TOKEN_SESSION_ONLY
    assert "for this session only" in view.token.state
    settled.preferences.remove()
    assert (await settled.settle()).token.note == texts.TOKEN_NOT_REMOVED


async def test_a_token_is_removed_for_the_address_that_is_shown(settled: Settled) -> None:
    settled.store.tokens = {VENDOR: "made-up", "https://other.test:443": "another"}
    settled.preferences.look()
    await settled.settle()
    settled.preferences.remove()
    view = await settled.settle()
    assert settled.store.tokens == {"https://other.test:443": "another"}
    assert view.token.note == texts.TOKEN_REMOVED
    assert view.token.state == f"There is none for {VENDOR}."


async def test_a_token_of_the_environment_cannot_be_removed_here(
    settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XTRADE_TOKEN", "made-up")
    settled.preferences.look()
    view = await settled.settle()
    assert "from the environment" in view.token.state
    assert not view.token.may_remove


async def test_a_file_with_a_bad_value_says_so_beneath_the_setting(tmp_path: Path, announce_log: Any) -> None:
    announce_log("settings: bad_value hold_wide_s")
    path = tmp_path / "settings.toml"
    path.write_text("hold_wide_s = 0.1\n")
    settled = Settled(path)
    assert settled.form.views[-1].values["hold_wide_s"] == 0.7
    assert "between 0.3 and 5.0" in settled.form.views[-1].notes["hold_wide_s"]


@pytest.mark.parametrize("has_hot_key", [True, False])
async def test_the_key_of_the_desktop_is_on_the_page_where_there_is_one(
    tmp_path: Path, has_hot_key: bool
) -> None:
    settled = Settled(tmp_path / "settings.toml")
    settled.preferences._has_hot_key = has_hot_key
    settled.preferences.remark("hot_key", "What it does.")
    view = settled.preferences.view()
    assert ("hot_key" in view.values) is has_hot_key
    assert view.notes["hot_key"] == "What it does."


async def test_a_broken_file_is_told_and_is_set_aside_only_for_what_was_changed_on_purpose(
    tmp_path: Path, announce_log: Any
) -> None:
    announce_log("settings: broken_file")
    announce_log("settings: set_aside")
    path = tmp_path / "settings.toml"
    path.write_text("sound = flase\n")
    settled = Settled(path)
    assert "none of your settings holds" in settled.preferences.file_problem
    settled.preferences.keep({"last_account": "Sim101"})
    assert settled.tasks == []
    assert path.read_text() == "sound = flase\n"
    settled.preferences.change("theme", "dark")
    view = await settled.settle()
    aside = next(tmp_path.glob("settings.broken-*.toml"))  # noqa: ASYNC240 - a temporary folder
    assert aside.name in view.notes["theme"]
    assert settled.preferences.file_problem == ""
    settled.preferences.keep({"last_account": "Sim102"})
    await settled.settle()
    found = settled.file.load().settings
    assert (found.theme, found.last_account) == ("dark", "Sim102")


async def test_an_address_that_the_file_lost_takes_no_token_until_another_is_entered(
    tmp_path: Path, announce_log: Any
) -> None:
    announce_log("settings: broken_file")
    announce_log("settings: cannot_write")
    announce_log("settings: set_aside")
    path = tmp_path / "settings.toml"
    path.write_text('base_url = "https://proxy.example"\nsound = flase\n')
    settled = Settled(path)
    assert settled.form.views[-1].notes["base_url"] == texts.SERVER_LOST
    settled.preferences.offer("made-up")
    settled.preferences.change("theme", "dark")
    view = await settled.settle()
    assert settled.tested == []
    assert "Not saved" in view.notes["theme"]
    settled.preferences.change("base_url", "https://proxy.example")
    settled.preferences.offer("made-up")
    view = await settled.settle()
    assert settled.tested == [("https://proxy.example:443", "made-up")]
    assert texts.SERVER_LOST not in view.notes.values()
    assert settled.file.load().settings.base_url == "https://proxy.example"
