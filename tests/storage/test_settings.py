"""The settings file: whatever is in it, the panel starts and loses nothing."""

import os
import stat
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstrade_panel.storage.settings import (
    SAFE_HOLD_S,
    SETTINGS,
    LoadedSettings,
    NoteKind,
    Settings,
    SettingsFile,
    Value,
)


@pytest.fixture
def file(tmp_path: Path) -> SettingsFile:
    return SettingsFile(tmp_path / "config" / "settings.toml")


def put(file: SettingsFile, text: str) -> None:
    file.path.parent.mkdir(exist_ok=True)
    file.path.write_text(text, encoding="utf-8")


def test_without_a_file_everything_is_at_its_default_and_nothing_is_written(file: SettingsFile) -> None:
    assert file.load() == LoadedSettings(Settings())
    assert not file.path.parent.exists()


def test_every_default_passes_its_own_check_and_has_help() -> None:
    assert [one.name for one in fields(Settings)] == list(SETTINGS)
    for setting in SETTINGS.values():
        assert setting.check(setting.default) == setting.default
        assert setting.help.endswith(".")


def test_what_is_saved_is_what_is_loaded(file: SettingsFile) -> None:
    changes: dict[str, Value] = {
        "base_url": "https://example.test/x",
        "last_account": 'APEX "1/2#3!" Ω',
        "always_on_top": False,
        "theme": "dark",
        "sound": False,
        "mask_names": True,
        "hold_wide_s": 1,
        "hold_narrow_s": 0.3,
        "broker_phone": "+1 555 0100",
        "broker_web": "https://broker.test",
        "start_at_login": True,
        "nicknames": {'APEX "1/2#3!" Ω': "evaluation"},
    }
    assert file.save(changes) == ()
    assert file.load() == LoadedSettings(Settings(**changes))  # type: ignore[arg-type]


def test_comments_unknown_keys_tables_and_order_survive_a_save(file: SettingsFile) -> None:
    before = "# mine\nsound = true # loud\nfuture_key = [1, 2]\n\n[plugin]\nx = 1 # kept\n"
    put(file, before)
    assert file.save({"sound": False, "theme": "dark"}) == ()
    after = file.path.read_text("utf-8")
    assert after.startswith("# mine\nsound = false # loud\nfuture_key = [1, 2]\ntheme = ")
    assert after.endswith("\n[plugin]\nx = 1 # kept\n")
    assert file.load() == LoadedSettings(Settings(sound=False, theme="dark"))


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('sound = "yes"', "sound"),
        ("sound = 1", "sound"),
        ('theme = "pink"', "theme"),
        ("theme = []", "theme"),
        ("hold_wide_s = 0.29", "hold_wide_s"),
        ("hold_wide_s = true", "hold_wide_s"),
        ("hold_narrow_s = nan", "hold_narrow_s"),
        ("hold_narrow_s = inf", "hold_narrow_s"),
        ("hold_narrow_s = -1", "hold_narrow_s"),
        ("hold_narrow_s = 1" + "0" * 400, "hold_narrow_s"),
        ("last_account = 5", "last_account"),
        ('last_account = "a\\u202eb"', "last_account"),
        (f'broker_web = "https://{"x" * 501}"', "broker_web"),
        ('broker_web = "http://broker.test"', "broker_web"),
        ('broker_web = "broker.test"', "broker_web"),
        ('broker_web = "javascript:alert(1)"', "broker_web"),
        ('broker_web = "https://user@broker.test"', "broker_web"),
        ('broker_web = "https://"', "broker_web"),
        ("start_at_login = 1", "start_at_login"),
        ('nicknames = "x"', "nicknames"),
        ("nicknames = { Sim101 = 5 }", "nicknames"),
        ('nicknames = { Sim101 = "a\\u202eb" }', "nicknames"),
        (f'nicknames = {{ Sim101 = "{"x" * 41}" }}', "nicknames"),
        ('base_url = "http://example.test"', "base_url"),
        ('base_url = "http://localhost:80"', "base_url"),
        ('base_url = "http://127.0.0.1.example.test"', "base_url"),
        ('base_url = "https://user:word@example.test"', "base_url"),
        ('base_url = "https://example.test?token=1"', "base_url"),
        ('base_url = "https://"', "base_url"),
        ('base_url = "https://[::1"', "base_url"),
        ('base_url = "https://example.test:99999"', "base_url"),
        ('base_url = "ftp://example.test"', "base_url"),
    ],
)
def test_a_bad_value_gives_way_to_its_default_with_a_note(file: SettingsFile, line: str, name: str) -> None:
    put(file, f"mask_names = true\n{line}\n")
    loaded = file.load()
    assert loaded.settings == Settings(mask_names=True)
    assert [(note.kind, note.name) for note in loaded.notes] == [(NoteKind.BAD_VALUE, name)]
    assert loaded.notes[0].detail


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://[::1]:1/v1", "https://example.test", ""])
def test_an_address_may_be_https_or_this_very_machine(file: SettingsFile, url: str) -> None:
    put(file, f'base_url = "{url}"')
    assert file.load() == LoadedSettings(Settings(base_url=url))


def test_a_hold_is_never_shorter_than_is_safe(file: SettingsFile) -> None:
    for name in ("hold_wide_s", "hold_narrow_s"):
        assert file.save({name: SAFE_HOLD_S - 0.01})[0].kind is NoteKind.BAD_VALUE
    assert not file.path.exists()


def test_nicknames_are_one_line_that_is_changed_and_emptied_and_spoils_nothing(file: SettingsFile) -> None:
    put(file, "# mine\nsound = true\n\n[plugin]\nx = 1\n")
    for names in ({"Sim101": "practice", "A.b": "two words"}, {"Sim101": "again"}, {}):
        assert file.save({"nicknames": names}) == ()
        assert file.load() == LoadedSettings(Settings(nicknames=names))
        lines = file.path.read_text("utf-8").splitlines()
        assert sum(line.startswith("nicknames") for line in lines) == 1
        assert lines[:2] == ["# mine", "sound = true"]
        assert lines[-2:] == ["[plugin]", "x = 1"]


def test_an_empty_nickname_is_none(file: SettingsFile) -> None:
    put(file, 'nicknames = { Sim101 = "  ", Sim102 = " b " }')
    assert file.load() == LoadedSettings(Settings(nicknames={"Sim102": "b"}))


def test_a_setting_that_does_not_exist_is_not_saved(file: SettingsFile) -> None:
    assert [note.name for note in file.save({"retries": 3})] == ["retries"]
    assert not file.path.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"sound = ",
        b"\xff\xfe\x00",
        b"x = " + b"[" * 100_000,
        b"x = " + b"9" * 5_000,
        b"sound = true\nsound = false\n",
        b"#" * 300_000,
    ],
)
def test_a_broken_file_means_defaults_and_is_kept_when_a_new_one_is_written(
    file: SettingsFile, content: bytes
) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(content)
    loaded = file.load()
    assert loaded.settings == Settings()
    assert [note.kind for note in loaded.notes] in ([NoteKind.BROKEN_FILE], [NoteKind.TOO_LARGE])
    assert file.path.read_bytes() == content, "reading changes nothing"

    (note,) = file.save({"theme": "dark"})
    assert note.kind is NoteKind.SET_ASIDE
    assert Path(note.detail).read_bytes() == content
    assert file.load() == LoadedSettings(Settings(theme="dark"))


@pytest.mark.parametrize(
    "changes", [{"theme": "dark"}, {"theme": "dark", "base_url": "https://other.example"}]
)
def test_a_broken_file_that_names_a_server_gives_way_only_to_another_address(
    file: SettingsFile, changes: dict[str, str]
) -> None:
    content = 'base_url = "https://proxy.example"\nsound = flase\n'
    put(file, content)
    (note,) = file.save(changes)
    if "base_url" in changes:
        assert note.kind is NoteKind.SET_ASIDE
        assert file.load() == LoadedSettings(Settings(theme="dark", base_url="https://other.example"))
    else:
        assert note.kind is NoteKind.CANNOT_WRITE
        assert file.path.read_text() == content


def test_a_byte_order_mark_is_no_fault(file: SettingsFile) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(b"\xef\xbb\xbfsound = false\r\n")
    assert file.load() == LoadedSettings(Settings(sound=False))
    assert file.save({"theme": "light"}) == ()
    assert file.load() == LoadedSettings(Settings(sound=False, theme="light"))


def test_a_directory_in_its_place_is_a_note_and_stays(file: SettingsFile) -> None:
    file.path.mkdir(parents=True)
    assert [note.kind for note in file.load().notes] == [NoteKind.NOT_A_FILE]
    assert [note.kind for note in file.save({"sound": False})] == [NoteKind.CANNOT_WRITE]
    assert file.path.is_dir()


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders")
def test_a_pipe_in_its_place_is_not_waited_for(file: SettingsFile) -> None:
    file.path.parent.mkdir()
    os.mkfifo(file.path)
    assert [note.kind for note in file.load().notes] == [NoteKind.NOT_A_FILE]


def test_a_folder_that_is_a_file_is_a_note(file: SettingsFile) -> None:
    file.path.parent.write_text("in the way")
    # Windows says of such a path no more than that there is no file.
    read = [] if sys.platform == "win32" else [NoteKind.CANNOT_READ]
    assert [note.kind for note in file.load().notes] == read
    assert [note.kind for note in file.save({"sound": False})] == [NoteKind.CANNOT_WRITE]
    assert file.path.parent.read_text() == "in the way"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root is stopped by no mode")
def test_a_file_that_may_not_be_read_is_a_note_and_not_replaced(file: SettingsFile) -> None:
    put(file, "sound = false")
    file.path.chmod(0)
    assert [note.kind for note in file.load().notes] == [NoteKind.CANNOT_READ]
    assert [note.kind for note in file.save({"sound": True})] == [NoteKind.CANNOT_WRITE]
    file.path.chmod(0o600)
    assert file.path.read_text() == "sound = false"


def test_a_disk_that_fails_amid_writing_leaves_the_old_file_whole(
    file: SettingsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(file, "sound = false\n")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    (note,) = file.save({"theme": "dark"})
    assert note.kind is NoteKind.CANNOT_WRITE
    assert "space" in note.detail
    assert [one.name for one in file.path.parent.iterdir()] == ["settings.toml"]
    assert file.path.read_text() == "sound = false\n"


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_the_file_is_the_users_own(file: SettingsFile) -> None:
    before = os.umask(0)
    try:
        file.save({"sound": False})
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
def test_a_link_to_the_real_file_stays_a_link(file: SettingsFile, tmp_path: Path) -> None:
    real = tmp_path / "collection" / "panel.toml"
    real.parent.mkdir()
    real.write_text("sound = false\n")
    file.path.parent.mkdir()
    file.path.symlink_to(real)
    assert file.save({"theme": "dark"}) == ()
    assert file.path.is_symlink()
    assert tomllib.loads(real.read_text()) == {"sound": False, "theme": "dark"}


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8")))
def test_no_content_whatever_raises(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = SettingsFile(tmp_path_factory.mktemp("any") / "settings.toml")
    file.path.write_bytes(content)
    file.load()
    file.save({"theme": "dark"})
    assert file.load().settings.theme == "dark"
