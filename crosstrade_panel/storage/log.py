"""The rotating log: every line redacted, written on a thread of its own."""

import base64
import logging
import os
import re
import threading
import time
from collections import deque
from pathlib import Path
from typing import TextIO

from crosstrade_panel.domain.secret import Secret
from crosstrade_panel.storage.paths import PRIVATE_FILE, make_private_folder, narrow, refuse_foreign_link

HIDDEN = "(hidden)"
_SHORTEST_BASE64 = 8
_LONGEST_WHOLE = 16  # from here on half of it is telling enough
_REST = r"[\w%+/=.~-]*"

# At DEBUG these write headers, the token's among them; at INFO httpx writes a line for every read.
TALKATIVE = ("httpx", "httpcore", "websockets", "hpack", "uvicorn", "asyncio", "keyring", "jeepney")

_FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s"
_BEARER = re.compile(r"(?i)\b(bearer\s+)[A-Z0-9._~+/=-]+")  # no quotes: JSON stays JSON


class Redactor:
    """Takes registered secrets, and whatever follows the word Bearer, out of a text. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spellings: list[str] = []
        self._tells: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None

    def hide(self, secret: Secret) -> None:
        """Never let this value through again, in none of the spellings that a library may give it.

        As it is, in the escapes of JSON, Python and URLs, and in base64; nor the first half of it, where a
        text was clipped.
        """
        value = secret.reveal()
        if not value:
            return
        spellings = _spellings(value)
        with self._lock:
            self._spellings += [each for each in spellings if each not in self._spellings]
            self._tells |= _tells(value)
            self._pattern = None

    def __call__(self, text: str) -> str:
        """The text without any secret."""
        if self._tells and self._may_hold_one(text):
            text = self._any_spelling().sub(HIDDEN, text)
        # A press waits for this: most texts hold nothing to hide, and that is quickly seen.
        return _BEARER.sub(rf"\1{HIDDEN}", text) if "bearer" in text.lower() else text

    def prepare(self) -> None:
        """Do ahead, on any thread, what the first text that may hold a secret would wait for."""
        if self._tells:
            self._any_spelling()

    def _any_spelling(self) -> re.Pattern[str]:
        """Made when it is first needed: that takes some milliseconds, for which no start should wait."""
        with self._lock:
            if self._pattern is None:
                self._pattern = re.compile("|".join(self._spellings))
            return self._pattern

    def _may_hold_one(self, text: str) -> bool:
        """False where no spelling can be in it: without an escape it would have to stand there plainly."""
        return "\\" in text or "%" in text or any(tell in text for tell in self._tells)


def _spellings(value: str) -> list[str]:
    """Regular expressions, the longest match of each spelling first."""
    found = []
    for units in ([_escaped(character) for character in value], *(list(core) for core in _in_base64(value))):
        letters = units if len(units[0]) > 1 else [re.escape(unit) for unit in units]
        found.append("".join(letters))
        if len(letters) >= _LONGEST_WHOLE:
            found.append("".join(letters[: len(letters) // 2]) + _REST)
    return found


def _tells(value: str) -> frozenset[str]:
    """What every unescaped match of `_spellings` begins with."""
    plain = (value, *_in_base64(value))
    return frozenset(each[: len(each) // 2] if len(each) >= _LONGEST_WHOLE else each for each in plain)


def _escaped(character: str) -> str:
    """One character, as it is or escaped, however often."""
    code = f"{ord(character):02x}"
    percent = "".join(f"%(?:25)*{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
    plain = r"\\+" if character == "\\" else re.escape(character)
    behind = r"\\*" if character in "\"'/" else ""
    return rf"(?:{behind}{plain}|(?i:{percent})|(?i:\\+(?:x|u0*|U0*){code}))"


def _in_base64(value: str) -> set[str]:
    """What base64 makes of a value wherever it begins: with what is before it, there are three ways.

    Only the characters that depend on nothing but the value; of one too short to be told from others, none.
    """
    found: set[str] = set()
    for before in range(3):
        data = b"\0" * before + value.encode("utf-8", "surrogatepass")
        whole = base64.b64encode(data).decode()
        first = (before * 8 + 5) // 6  # the first character without a bit of what comes before
        core = whole[first : len(data) * 8 // 6]
        if len(core) >= _SHORTEST_BASE64:
            found |= {core, core.replace("+", "-").replace("/", "_")}
    return found


class RedactingFormatter(logging.Formatter):
    """Formats a record whole (arguments, exception, stack), then redacts; the record stays as it is."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__(_FORMAT, "%Y-%m-%dT%H:%M:%S")
        self.converter = _utc
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        text = record.exc_text
        record.exc_text = None
        try:
            return self._redact(super().format(record))
        finally:
            record.exc_text = text  # nor is ours left in it for the next handler


def quiet(record: logging.LogRecord) -> bool:
    """A filter: no chatter of the libraries, whatever level somebody gave their loggers."""
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] not in TALKATIVE


class LogFile(logging.Handler):
    """A rotating file. `emit` formats and queues; a daemon thread writes, so that no disk stops a caller.

    A disk that cannot be written loses lines and says so in `problem`; it never raises and prints nothing.
    """

    def __init__(
        self,
        path: Path,
        redact: Redactor,
        *,
        max_bytes: int = 1_000_000,
        backups: int = 3,
        max_waiting: int = 5_000,
    ) -> None:
        super().__init__()
        self.setFormatter(RedactingFormatter(redact))
        self.addFilter(quiet)
        self.path = path
        self.problem: str | None = None
        self._max_bytes = max_bytes
        self._backups = backups
        self._max_waiting = max_waiting
        self._waiting: deque[str] = deque()
        self._lost = 0
        self._news = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a line. A record that cannot be formatted leaves a line that says so."""
        try:
            line = self.format(record)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, RecursionError) as error:
            line = f"{record.name}:{record.lineno}: a line that cannot be formatted ({type(error).__name__})"
        with self._news:
            if len(self._waiting) < self._max_waiting and not self._closing:
                self._waiting.append(line)
            else:
                self._lost += 1
            self._news.notify()

    def close_within(self, timeout_s: float) -> bool:
        """Write what waits and end the thread; False when the disk did not let it in time."""
        with self._news:
            self._closing = True
            self._news.notify()
        self._thread.join(timeout_s)
        self.close()
        return not self._thread.is_alive()

    def _run(self) -> None:
        stream: TextIO | None = None
        while True:
            with self._news:
                self._news.wait_for(lambda: self._waiting or self._closing)
                lines, lost, closing = list(self._waiting), self._lost, self._closing
                self._waiting.clear()
                self._lost = 0
            if lost:
                lines.append(f"{lost} log lines were lost")
            stream = self._write(stream, lines)
            if closing:
                _shut(stream)
                return

    def _write(self, stream: TextIO | None, lines: list[str]) -> TextIO | None:
        """Write lines, opening and rotating as needed; the stream to go on with."""
        try:
            if stream is not None and stream.tell() > self._max_bytes:
                stream.close()
                stream = None
                self._rotate()
            if stream is None:
                make_private_folder(self.path.parent)
                stream = self._open()
            if lines:
                stream.write("\n".join(lines) + "\n")
            stream.flush()
        except OSError as error:
            self.problem = type(error).__name__ if error.errno is None else os.strerror(error.errno)
            _shut(stream)
            return None
        self.problem = None
        return stream

    def _open(self) -> TextIO:
        for number in range(self._backups + 1):
            refuse_foreign_link(self._numbered(number))
            narrow(self._numbered(number), PRIVATE_FILE)
        descriptor = os.open(self.path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, PRIVATE_FILE)
        return os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace")

    def _rotate(self) -> None:
        """Shift log → log.1 → log.2 …; where another process holds the file (Windows), it just grows."""
        try:
            for number in range(self._backups, 0, -1):
                older = self._numbered(number)
                newer = self._numbered(number - 1)
                if newer.exists():
                    newer.replace(older)
        except PermissionError:
            return

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}") if number else self.path


def start_log(path: Path, redact: Redactor, *, level: int = logging.INFO) -> LogFile:
    """Send the root logger's records to a file, and keep the libraries that print headers quiet."""
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    log = LogFile(path, redact)
    root = logging.getLogger()
    root.setLevel(level)
    root.addHandler(log)
    return log


def end_log(log: LogFile, *, timeout_s: float = 1.0) -> bool:
    """Take the file off the root logger and close it; False when the disk hung."""
    logging.getLogger().removeHandler(log)
    return log.close_within(timeout_s)


def _shut(stream: TextIO | None) -> None:
    """Close for good; what a full disk refuses is lost."""
    if stream is None:
        return
    try:
        stream.close()
    except OSError:
        return


def _utc(seconds: float | None) -> time.struct_time:
    return time.gmtime(seconds)
