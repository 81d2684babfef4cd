"""The settings: one TOML file, each setting declared once, never an exception."""

import os
import re
import stat
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, field, fields, replace
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import TypeAlias, TypeVar, cast

from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.storage.paths import PRIVATE_FILE, make_private_folder, narrow, refuse_foreign_link

Value: TypeAlias = bool | float | str | Mapping[str, str]
T = TypeVar("T", bool, float, str)

SAFE_HOLD_S = 0.3
"""No hold may be made shorter: below this a hold is a click."""

_LONGEST_HOLD_S = 5.0
_MAX_BYTES = 256 * 1024
_MAX_TEXT = 500
_MOST_NICKNAMES = 500
_LONGEST_NICKNAME = 40
_KEY = "setting"

_NAMES_SERVER = re.compile(
    r"""^[^#\n]*?(?<![\w-])base_url\b(?!["']?[ \t]*=[ \t]*(?:""|'')[ \t]*(?:#|$))""", re.MULTILINE
)
"""A line that is to give the address of a server, in a file that is broken there or elsewhere."""


class BadValueError(Exception):
    """A value that a setting cannot have; its text says what it must be."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What one setting is: its name, default and help, and what makes a value acceptable.

    `check` returns the value in its final form and raises BadValueError for a bad one.
    """

    name: str
    default: Value
    help: str
    check: Callable[[object], Value]


def _setting(check: Callable[[object], T], help_text: str, *, default: T) -> T:
    """Declare a field of `Settings`; typed as its default, as `dataclasses.field` is."""
    return field(default=default, metadata={_KEY: (check, help_text)})


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise BadValueError("must be true or false")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise BadValueError("must be a text in quotes")
    if len(value) > _MAX_TEXT:
        raise BadValueError(f"must have at most {_MAX_TEXT} characters")
    if not value.isprintable():
        raise BadValueError("must be printable")
    return value


def _address(value: object) -> str:
    """Empty, or https to anywhere, or http to this machine by its number; no user, query or fragment."""
    text = _text(value).strip()
    if not text:
        return ""
    from urllib.parse import urlsplit  # noqa: PLC0415 - rarely needed

    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise BadValueError("must be an address") from error
    if port == 0 or parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise BadValueError("must be an address only: no user, no password, no query")
    if parts.scheme == "https" and parts.hostname:
        return text
    if parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1"}:
        return text
    raise BadValueError("must begin with https:// (plain http:// only to 127.0.0.1 or [::1])")


def _web(value: object) -> str:
    """Empty, or an https address that a browser may be sent to."""
    text = _text(value).strip()
    if not text:
        return ""
    from urllib.parse import urlsplit  # noqa: PLC0415 - rarely needed

    try:
        parts = urlsplit(text)
        is_whole = bool(parts.hostname) and parts.port != 0 and parts.username is None
    except ValueError as error:
        raise BadValueError("must be an address") from error
    if parts.scheme != "https" or not is_whole or " " in text:
        raise BadValueError("must begin with https:// and name a server")
    return text


def _names(value: object) -> Mapping[str, str]:
    """Nicknames by account; an empty one is none."""
    if not isinstance(value, Mapping):
        raise BadValueError('must be a table: { account = "name" }')
    if len(value) > _MOST_NICKNAMES:
        raise BadValueError(f"must have at most {_MOST_NICKNAMES} accounts")
    found = {_text(account): _text(name).strip() for account, name in value.items()}
    if any(len(name) > _LONGEST_NICKNAME for name in found.values()):
        raise BadValueError(f"must have at most {_LONGEST_NICKNAME} characters each")
    return {account: name for account, name in found.items() if account.strip() and name}


def _one_of(*allowed: str) -> Callable[[object], str]:
    def check(value: object) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise BadValueError(f"must be one of {', '.join(allowed)}")
        return value

    return check


def _hold(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadValueError("must be a number of seconds")
    if not SAFE_HOLD_S <= value <= _LONGEST_HOLD_S:  # nan compares false
        raise BadValueError(f"must lie between {SAFE_HOLD_S} and {_LONGEST_HOLD_S}")
    return float(value)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, each acceptable."""

    base_url: str = _setting(_address, "Address of the API; empty for the vendor's own.", default="")
    use_system_proxy: bool = _setting(
        _flag, "Reach the API through the proxy that the system or HTTPS_PROXY names.", default=False
    )
    use_stream: bool = _setting(
        _flag, "Send presses over the stream; takes it over from other tools with this token.", default=False
    )
    last_account: str = _setting(_text, "The account chosen last; empty for all accounts.", default="")
    always_on_top: bool = _setting(_flag, "Keep the window above others.", default=True)
    theme: str = _setting(
        _one_of("system", "light", "dark"), "Colours: system, light or dark.", default="system"
    )
    sound: bool = _setting(_flag, "Beep when an outcome needs the eye.", default=True)
    mask_names: bool = _setting(_flag, "Mask account names in the window (streaming).", default=False)
    hold_wide_s: float = _setting(_hold, "Seconds to hold FLATTEN for all accounts.", default=0.7)
    hold_narrow_s: float = _setting(_hold, "Seconds to hold REVERSE, and other narrow holds.", default=0.5)
    broker_phone: str = _setting(_text, "The desk's telephone, for when nothing else works.", default="")
    broker_web: str = _setting(_web, "The broker's web platform, for when nothing else works.", default="")
    hot_key: str = _setting(
        _one_of("off", "Ctrl+Alt+F9", "Ctrl+Shift+F9", "Ctrl+Alt+Shift+F"),
        "Key that presses FLATTEN of one account from any program; off, or a combination (Windows).",
        default="off",
    )
    start_at_login: bool = _setting(_flag, "Start the panel when you log in.", default=False)
    nicknames: Mapping[str, str] = field(
        default_factory=dict,
        metadata={_KEY: (_names, "What you call your accounts: shown beside their names.")},
    )


def _declared(one: "Field[Value]") -> Setting:
    check, help_text = cast("tuple[Callable[[object], Value], str]", one.metadata[_KEY])
    default = one.default if one.default_factory is MISSING else one.default_factory()
    return Setting(one.name, cast("Value", default), help_text, check)


SETTINGS: Mapping[str, Setting] = {one.name: _declared(one) for one in fields(Settings)}
"""Every setting by its name."""


class NoteKind(Enum):
    """What was not as it should be with the settings file."""

    BAD_VALUE = "bad_value"
    BROKEN_FILE = "broken_file"
    TOO_LARGE = "too_large"
    NOT_A_FILE = "not_a_file"
    CANNOT_READ = "cannot_read"
    CANNOT_WRITE = "cannot_write"
    SET_ASIDE = "set_aside"


@dataclass(frozen=True, slots=True)
class Note:
    """One remark; `name` is the setting's or empty, `detail` says what is wrong or where the file went."""

    kind: NoteKind
    name: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The settings as they hold, and what had to be replaced to get there.

    `is_address_lost`: the file names a server, or may, and its address could not be taken. The default is the
    vendor's own, where nothing may go that was meant for elsewhere.
    """

    settings: Settings
    notes: tuple[Note, ...] = ()
    is_address_lost: bool = False


class SettingsFile:
    """One TOML file. Reading and writing never raise; what went wrong comes back as notes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> LoadedSettings:
        """Read the file; a bad value gives way to its default, a broken file to all defaults."""
        text, note = self._read()
        if note is None:
            table, note = _parse(text)
        if note is not None:
            is_read = note.kind in {NoteKind.BROKEN_FILE, NoteKind.TOO_LARGE}
            return LoadedSettings(Settings(), (note,), is_address_lost=not is_read or _names_server(text))
        return _accept(table)

    def save(self, changes: Mapping[str, Value]) -> tuple[Note, ...]:
        """Change some settings by name; comments, unknown keys and everything else stay as they are.

        Writes with fsync: tens of milliseconds on a slow disk. A broken file is set aside first, under a name
        with the time in it; one that cannot be read is not touched, nor one that names a server, until the
        server is among the changes. Nothing is written when a value is bad.
        """
        checked: dict[str, Value] = {}
        for name, value in changes.items():
            try:
                checked[name] = SETTINGS[name].check(value)
            except KeyError:
                return (Note(NoteKind.BAD_VALUE, name, "no such setting"),)
            except BadValueError as error:
                return (Note(NoteKind.BAD_VALUE, name, str(error)),)
        text, note = self._read()
        if note is not None and note.kind in {NoteKind.CANNOT_READ, NoteKind.NOT_A_FILE}:
            return (Note(NoteKind.CANNOT_WRITE, detail=note.detail),)
        merged = _merged(text, checked) if note is None else None
        if merged is None and "base_url" not in checked and _names_server(text):
            return (Note(NoteKind.CANNOT_WRITE, detail="the file is broken, and names a server"),)
        try:
            aside = (self._set_aside(),) if merged is None else ()
            self._replace(_merged("", checked) or "" if merged is None else merged)
        except OSError as error:
            return (Note(NoteKind.CANNOT_WRITE, detail=_words(error)),)
        return aside

    def _read(self) -> tuple[str, Note | None]:
        """The file's text, empty when there is none; with a note, as much as could be read of it."""
        try:
            about = self.path.stat()  # before opening: opening a pipe would wait for a writer
            if not stat.S_ISREG(about.st_mode):
                return "", Note(NoteKind.NOT_A_FILE, detail="not a file")
            if not self.path.is_symlink():  # where it leads may be a folder with a mode of its own
                narrow(self.path, PRIVATE_FILE)
            with self.path.open("rb") as file:
                found = file.read(_MAX_BYTES)
        except FileNotFoundError:
            return "", None
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            return "", Note(NoteKind.CANNOT_READ, detail=_words(error))
        if about.st_size > _MAX_BYTES:
            large = Note(NoteKind.TOO_LARGE, detail=f"more than {_MAX_BYTES // 1024} KiB")
            return found.decode("utf-8", "replace"), large
        try:
            return found.decode("utf-8-sig"), None  # Notepad writes a byte-order mark
        except UnicodeDecodeError:
            return found.decode("utf-8", "replace"), Note(NoteKind.BROKEN_FILE, detail="not UTF-8")

    def _set_aside(self) -> Note:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        aside = self.path.with_name(f"{self.path.stem}.broken-{stamp}{self.path.suffix}")
        self.path.rename(aside)
        return Note(NoteKind.SET_ASIDE, detail=str(aside))

    def _replace(self, text: str) -> None:
        """Write a new file beside the old one and put it in its place, whole or not at all."""
        refuse_foreign_link(self.path)
        target = Path(os.path.realpath(self.path))  # a link to where somebody keeps such files stays a link
        make_private_folder(target.parent)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".new", dir=target.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def _parse(text: str) -> tuple[dict[str, object], Note | None]:
    try:
        return tomllib.loads(text), None
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, and numbers of 5,000 digits
        return {}, Note(NoteKind.BROKEN_FILE, detail=_words(error))


def _accept(table: Mapping[str, object]) -> LoadedSettings:
    """Settings from a file's table. Unknown keys are somebody else's business."""
    values: dict[str, Value] = {}
    notes: list[Note] = []
    for setting in SETTINGS.values():
        if setting.name not in table:
            continue
        try:
            values[setting.name] = setting.check(table[setting.name])
        except BadValueError as error:
            notes.append(Note(NoteKind.BAD_VALUE, setting.name, str(error)))
    is_address_lost = any(note.name == "base_url" for note in notes)
    # each value went through the check that its own field was declared with
    settings = replace(Settings(), **values)  # type: ignore[arg-type]
    return LoadedSettings(settings, tuple(notes), is_address_lost)


def _names_server(text: str) -> bool:
    """Whether a text that is no TOML gives an address all the same; UTF-16 has zeros between its letters."""
    lines = text.replace("\0", "").replace("\r", "\n")
    return _NAMES_SERVER.search(lines) is not None


def _merged(text: str, changes: Mapping[str, Value]) -> str | None:
    """The file's text with some settings changed, everything else as it was; None when the text is broken."""
    import tomlkit  # noqa: PLC0415 - slow to import, and only writing needs it
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415

    before, note = _parse(text)
    if note is not None:
        return None
    try:
        document = tomlkit.parse(text if text.endswith("\n") or not text else f"{text}\n")
        for name, value in changes.items():
            item = tomlkit.item(value)
            if isinstance(value, Mapping):
                item = tomlkit.inline_table()  # one line, as every other setting is
                item.update(value)
            if name in document:
                document[name] = item if isinstance(value, Mapping) else value
            else:
                item.comment(SETTINGS[name].help)
                document.add(name, item)
        merged = tomlkit.dumps(document)
    except (TOMLKitError, ValueError, RecursionError):
        return None
    # two libraries read the file: what one wrote must be what the other will read
    return merged if _parse(merged)[0] == {**before, **changes} else None


def _words(error: Exception) -> str:
    """What an error says, without paths."""
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    return str(error)[:_MAX_TEXT]
