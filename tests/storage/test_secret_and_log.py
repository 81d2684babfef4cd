"""No secret in any text: the value itself, the log, tracebacks."""

import copy
import json
import logging
import os
import pickle
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from crosstrade_panel.domain.secret import Secret
from crosstrade_panel.storage.log import LogFile, Redactor, end_log, start_log

TOKEN = "made-up/token+with=odd\"signs'and\\more%20"


@pytest.fixture
def redact() -> Redactor:
    redact = Redactor()
    redact.hide(Secret(TOKEN))
    return redact


@pytest.fixture
def log(tmp_path: Path, redact: Redactor) -> Iterator[LogFile]:
    root = logging.getLogger()
    before = root.level
    log = start_log(tmp_path / "log" / "panel.log", redact, level=logging.DEBUG)
    yield log
    end_log(log, timeout_s=10)
    root.setLevel(before)


def written(log: LogFile) -> str:
    assert end_log(log, timeout_s=10)
    return "".join(file.read_text("utf-8") for file in log.path.parent.iterdir())


def test_a_secret_has_no_text_form_and_no_copy() -> None:
    secret = Secret(TOKEN)
    for text in (repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", "%s" % secret, repr([secret])):  # noqa: UP031
        assert "made-up" not in text
    assert secret.reveal() == TOKEN
    assert secret == Secret(TOKEN)
    assert secret != Secret("other")
    assert secret != TOKEN
    assert len({secret, Secret(TOKEN)}) == 1
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)
    assert not hasattr(secret, "__dict__")


def test_no_way_into_the_log_lets_the_token_through(log: LogFile, announce_log: Callable[..., None]) -> None:
    announce_log("")
    logger = logging.getLogger("crosstrade_panel.test")
    logger.info("message %s", TOKEN)
    logger.info(TOKEN)
    logger.info("mapping %(token)s", {"token": TOKEN})
    logger.info("repr %r, json %s", [TOKEN], json.dumps({"token": TOKEN}))
    logger.info("url %s", httpx.URL("https://example.test", params={"t": TOKEN}))
    logger.info("header Authorization: Bearer never.registered-one", stack_info=True)

    def send() -> None:
        raise ValueError(f"illegal header value {TOKEN.encode()!r}") from OSError(TOKEN)

    try:
        send()
    except ValueError:
        logger.exception("it failed with %s", TOKEN)
    text = written(log)
    for part in ("made-up", "odd", "never.registered"):
        assert part not in text
    assert text.count("(hidden)") >= 9
    assert "Traceback" in text


def test_a_secret_told_after_the_redactor_was_prepared_is_hidden_too() -> None:
    redactor = Redactor()
    redactor.prepare()
    assert redactor("nothing \\ to hide") == "nothing \\ to hide"
    redactor.hide(Secret("made-up-at-first"))
    redactor.prepare()
    assert redactor("made-up-at-first, \\ it said") == "(hidden), \\ it said"
    redactor.hide(Secret("later-than-the-other"))
    assert redactor("made-up-at-first, later-than-the-other") == "(hidden), (hidden)"


def test_the_record_stays_as_it_was_for_other_handlers(redact: Redactor, tmp_path: Path) -> None:
    log = LogFile(tmp_path / "panel.log", redact)
    record = logging.LogRecord("n", logging.INFO, "p", 1, "text %s", (TOKEN,), None)
    log.handle(record)
    assert (record.msg, record.args, record.exc_text) == ("text %s", (TOKEN,), None)
    assert log.close_within(10)


@pytest.mark.parametrize("name", ["httpx", "httpcore.http11", "httpcore.connection", "websockets.client"])
def test_libraries_that_print_headers_stay_silent_whatever_their_level(log: LogFile, name: str) -> None:
    library = logging.getLogger(name)
    before = library.level
    library.setLevel(logging.DEBUG)
    try:
        library.debug("send_request_headers.started headers=%r", [(b"Authorization", b"x")])
        library.info("HTTP Request")
    finally:
        library.setLevel(before)
    assert written(log) == ""


def test_a_line_that_cannot_be_formatted_is_a_line_too(log: LogFile) -> None:
    log.handle(logging.LogRecord("n", logging.INFO, "p", 1, "%d", ("no number",), None))
    assert "cannot be formatted (TypeError)" in written(log)


def test_it_rotates_and_keeps_only_so_many(tmp_path: Path, redact: Redactor) -> None:
    log = LogFile(tmp_path / "panel.log", redact, max_bytes=1000, backups=2)
    for number in range(200):
        log.handle(logging.LogRecord("n", logging.INFO, "p", 1, "line %d %s", (number, "x" * 50), None))
        if number % 10 == 0:  # lines that come together are written together
            wait_for_lines(log)
    assert log.close_within(10)
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["panel.log", "panel.log.1", "panel.log.2"]
    assert "line 199 " in "".join(file.read_text() for file in tmp_path.iterdir())


def wait_for_lines(log: LogFile) -> None:
    for _ in range(2000):
        if not log._waiting:
            return
        threading.Event().wait(0.005)
    raise AssertionError("the log did not write")


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_the_log_is_the_users_own(log: LogFile) -> None:
    logging.getLogger("crosstrade_panel.test").info("hello")
    written(log)
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.path.parent.stat().st_mode) == 0o700


def test_a_disk_that_takes_no_log_raises_nothing_and_says_so(
    tmp_path: Path, redact: Redactor, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log").write_text("in the way")
    log = LogFile(tmp_path / "log" / "panel.log", redact)
    log.handle(logging.LogRecord("n", logging.INFO, "p", 1, "line", (), None))
    assert log.close_within(10)
    assert log.problem
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is a Linux thing")
def test_a_full_disk_loses_lines_and_nothing_else(tmp_path: Path, redact: Redactor) -> None:
    (tmp_path / "panel.log").symlink_to("/dev/full")
    log = LogFile(tmp_path / "panel.log", redact)
    log.handle(logging.LogRecord("n", logging.INFO, "p", 1, "line", (), None))
    assert log.close_within(10)
    assert log.problem == "No space left on device"


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders")
def test_a_disk_that_hangs_holds_up_neither_a_caller_nor_the_end(tmp_path: Path, redact: Redactor) -> None:
    os.mkfifo(tmp_path / "panel.log")  # opening it waits for a reader
    log = LogFile(tmp_path / "panel.log", redact, max_waiting=3)
    for number in range(10):
        log.handle(logging.LogRecord("n", logging.INFO, "p", 1, "line %d", (number,), None))
    assert log.close_within(0.1) is False
    with (tmp_path / "panel.log").open() as reader:  # lets the thread end
        text = reader.read()
    assert "log lines were lost" in text


@pytest.mark.parametrize(
    ("modules", "slow"),
    [
        ("paths settings credentials", {"sqlite3", "logging.handlers"}),
        ("paths settings credentials journal log", set()),
    ],
)
def test_nothing_that_a_command_needs_first_imports_a_slow_library(modules: str, slow: set[str]) -> None:
    imports = "; ".join(f"import crosstrade_panel.storage.{name}" for name in modules.split())
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; {imports}; print(*sys.modules)"],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    slow = slow | {"keyring", "tomlkit", "psutil", "platformdirs", "httpx", "asyncio", "PySide6", "qasync"}
    assert slow & set(ran.stdout.split()) == set()
