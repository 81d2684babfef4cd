"""Which server, and with which token."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from crosstrade_panel.crosstrade.address import AddressError
from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.server_choice import (
    AddressProblem,
    NoToken,
    ServerChoice,
    TokenProblem,
    choose_server,
    practice_server,
)
from crosstrade_panel.storage.credentials import StoreProblem, TokenFault, TokenSource
from crosstrade_panel.storage.settings import LoadedSettings, Note, NoteKind, Settings, SettingsFile

VENDOR = "https://app.crosstrade.io:443"
OTHER = "https://other.example"


@dataclass
class DictStore:
    """A keyring in memory that counts what it is asked for."""

    tokens: dict[str, str] = field(default_factory=dict)
    problem: StoreProblem | None = None
    asked: list[str] = field(default_factory=list)

    def load(self, origin: str) -> str | None:
        self.asked.append(origin)
        return self.tokens.get(origin)

    def save(self, origin: str, token: str) -> None:
        self.tokens[origin] = token


def choose(
    base_url: str | None = None,
    environ: dict[str, str] | None = None,
    settings: Settings | LoadedSettings | None = None,
    store: DictStore | None = None,
) -> ServerChoice:
    def load() -> LoadedSettings:
        assert settings is not None, "the settings were not to be asked"
        return settings if isinstance(settings, LoadedSettings) else LoadedSettings(settings)

    return choose_server(base_url=base_url, environ=environ or {}, settings=load, store=store or DictStore())


def test_the_command_line_goes_before_the_environment_and_that_before_the_settings() -> None:
    environ = {"CROSSTRADE_BASE_URL": OTHER, "CROSSTRADE_TOKEN": "made-up"}
    settings = Settings(base_url="https://third.example")
    assert choose("http://127.0.0.1:8000", environ).origin == "http://127.0.0.1:8000"
    assert choose(None, environ).origin == "https://other.example:443"
    assert choose(None, {"CROSSTRADE_BASE_URL": "  "}, settings).origin == "https://third.example:443"
    vendor = choose(None, {"CROSSTRADE_TOKEN": "made-up"}, Settings())
    assert (vendor.origin, vendor.came_from) == (VENDOR, "vendor")
    assert vendor.reason is None
    assert not vendor.is_practice


def test_an_empty_base_url_on_the_command_line_is_wrong_and_not_left_out() -> None:
    choice = choose("", {"CROSSTRADE_BASE_URL": OTHER, "CROSSTRADE_TOKEN": "made-up"})
    assert isinstance(choice.problem, AddressProblem)
    assert choice.reason == Reason(Cause.BAD_ADDRESS)
    assert (choice.origin, choice.token) == ("", None)


@pytest.mark.parametrize(
    "url", ["http://app.crosstrade.io", "http://localhost:80", "ftp://x", "https://u:p@x"]
)
def test_a_bad_address_sends_no_token_anywhere(url: str) -> None:
    choice = choose(url, {"CROSSTRADE_TOKEN": "made-up"})
    assert isinstance(choice.problem, AddressProblem)
    assert url not in choice.problem.detail


@pytest.mark.parametrize(
    "text",
    [
        'base_url = "http://other.example"',
        f'base_url = "{OTHER}"\nsound = flase',
        f'sound = flase\r\n  base_url="{OTHER}"\r\n',
        f'"base_url" = "{OTHER}"\n"base_url" = "{OTHER}"',
        f'base_url "{OTHER}"',
        f'theme = "dark" base_url = "{OTHER}"',
        f'sound = flase\rbase_url = "{OTHER}"\r',
        f'base_url = "{OTHER}"\n{"#" * 300_000}',
        f'# caf\xe9\nbase_url = "{OTHER}"',
    ],
)
def test_an_address_that_the_settings_name_and_lose_does_not_lead_to_the_vendor(
    text: str, tmp_path: Path
) -> None:
    file = SettingsFile(tmp_path / "settings.toml")
    for encoding in ("latin-1", "utf-16"):
        file.path.write_bytes(text.encode(encoding))
        choice = choose(None, {"CROSSTRADE_TOKEN": "made-up"}, file.load())
        assert isinstance(choice.problem, AddressProblem)
        assert choice.came_from == "settings"


def test_a_file_that_cannot_be_read_at_all_may_name_a_server(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "settings.toml")
    file.path.mkdir()
    choice = choose(None, {"CROSSTRADE_TOKEN": "made-up"}, file.load())
    assert isinstance(choice.problem, AddressProblem)
    assert choose(OTHER, {"CROSSTRADE_TOKEN": "made-up"}, file.load()).problem is None


@pytest.mark.parametrize(
    "text",
    [
        "sound = flase",
        'sound = flase\nbase_url = ""\n',
        "sound = flase\nbase_url='' # none\r\n",
        'sound = flase\n# base_url = "https://other.example"',
        'sound = flase\nmy_base_url_2 = "https://other.example"',
        "#" * 300_000,
        "\0" * 99,
    ],
)
def test_a_broken_file_that_names_no_server_leads_to_the_vendor(text: str, tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "settings.toml")
    file.path.write_text(text, newline="")
    loaded = file.load()
    assert loaded.notes[0].kind in {NoteKind.BROKEN_FILE, NoteKind.TOO_LARGE}
    assert choose(None, {"CROSSTRADE_TOKEN": "made-up"}, loaded).origin == VENDOR


def test_another_bad_setting_changes_nothing_of_the_server() -> None:
    notes = (Note(NoteKind.BAD_VALUE, "theme", "must be one of"),)
    choice = choose(None, {"CROSSTRADE_TOKEN": "made-up"}, LoadedSettings(Settings(), notes))
    assert choice.origin == VENDOR


def test_the_vendors_own_variable_comes_first_and_the_keyring_is_then_not_asked() -> None:
    store = DictStore({VENDOR: "kept"})
    choice = choose(None, {"XTRADE_TOKEN": "first", "CROSSTRADE_TOKEN": "second"}, Settings(), store)
    assert choice.token is not None
    assert (choice.token.secret.reveal(), choice.token.variable) == ("first", "XTRADE_TOKEN")
    assert store.asked == []


def test_a_token_of_the_keyring_is_bound_to_its_origin() -> None:
    store = DictStore({VENDOR: "kept"})
    vendor = choose(None, {}, Settings(), store)
    assert vendor.token is not None
    assert vendor.token.source is TokenSource.STORE
    other = choose(OTHER, {}, None, store)
    assert other.problem == NoToken()
    assert other.reason == Reason(Cause.NO_TOKEN)


def test_a_token_of_the_environment_never_goes_to_an_origin_that_only_the_settings_name() -> None:
    settings = Settings(base_url=OTHER)
    ignored = choose(None, {"CROSSTRADE_TOKEN": "made-up"}, settings)
    assert ignored.problem == NoToken(environment_ignored=True)
    assert choose(None, {}, settings).problem == NoToken()


def test_a_keyring_that_is_locked_is_told_and_never_leads_into_practice() -> None:
    choice = choose(None, {}, Settings(), DictStore(problem=StoreProblem.LOCKED))
    assert choice.problem == NoToken(StoreProblem.LOCKED)
    assert not choice.is_practice


def test_a_text_that_is_no_token_is_a_problem_of_its_own() -> None:
    choice = choose(None, {"XTRADE_TOKEN": "two words", "CROSSTRADE_TOKEN": "fine"}, Settings())
    assert choice.problem == TokenProblem(TokenFault.SPACE_INSIDE, "XTRADE_TOKEN")
    assert choice.reason == Reason(Cause.BAD_TOKEN)
    stored = choose(None, {}, Settings(), DictStore({VENDOR: "zwölf"}))
    assert stored.problem == TokenProblem(TokenFault.NOT_ASCII)


def test_practice_is_on_this_machine_or_nowhere() -> None:
    choice = practice_server("http://127.0.0.1:9", "made-up")
    assert choice.is_practice
    assert (choice.origin, choice.reason) == ("http://127.0.0.1:9", None)
    for url in ("https://app.crosstrade.io", "http://app.crosstrade.io", "https://127.0.0.1:9"):
        with pytest.raises(AddressError):
            practice_server(url, "made-up")


def test_nothing_of_a_choice_shows_the_token() -> None:
    choice = choose(OTHER, {"XTRADE_TOKEN": "made-up-and-secret"})
    assert "made-up" not in f"{choice!r} {choice}"
