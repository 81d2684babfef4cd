"""A pytest plugin: a log record of WARNING or more that a test did not announce fails it.

Registered by `-p tests.log_guard` in pyproject.toml. A test that provokes one says so beforehand:

    def test_a_full_disk_never_stops_a_press(announce_log):
        announce_log("journal off")        # a regular expression; the record must come
"""

import logging
import re
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass

import pytest

AnnounceLog = Callable[..., None]
# asyncio's own remark in debug mode about a callback that took long: tells of the machine, not of us.
_SLOW_CALLBACK = re.compile(r"^Executing <.* took [\d.]+ seconds$", re.DOTALL)


@dataclass(slots=True)
class Announcement:
    """A pattern that some records may match; `must_come` says whether at least one has to."""

    pattern: re.Pattern[str]
    level: int
    must_come: bool
    came: bool = False

    def covers(self, record: logging.LogRecord) -> bool:
        return record.levelno <= self.level and self.pattern.search(_message(record)) is not None


class LogGuard(logging.Handler):
    """Collects what nobody announced; records may come from any thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.announced: list[Announcement] = []
        self.unannounced: list[str] = []
        self.mutex = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "asyncio" and _SLOW_CALLBACK.search(_message(record)):
            return
        with self.mutex:
            covering = [each for each in self.announced if each.covers(record)]
            for each in covering:
                each.came = True
            if not covering:
                self.unannounced.append(f"{record.levelname} {record.name}: {_message(record)}")

    def announce(self, pattern: str, *, level: int = logging.ERROR, must_come: bool = True) -> None:
        with self.mutex:
            self.announced.append(Announcement(re.compile(pattern), level, must_come))

    def complaints(self) -> list[str]:
        """What is wrong so far; asking empties it."""
        with self.mutex:
            found, self.unannounced = self.unannounced, []
        return [f"not announced: {line}" for line in found]

    def broken_promises(self) -> list[str]:
        with self.mutex:
            silent = [each for each in self.announced if each.must_come and not each.came]
        return [f"announced, but did not come: {each.pattern.pattern}" for each in silent]


_GUARD = pytest.StashKey[LogGuard]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    guard = item.stash[_GUARD] = LogGuard()
    logging.getLogger().addHandler(guard)
    try:
        return (yield)
    finally:
        logging.getLogger().removeHandler(guard)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    result = yield  # a test that fails by itself says enough
    _complain(item.stash[_GUARD].complaints())
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    result = yield
    guard = item.stash[_GUARD]
    # Only now: an announced record may come from the clean-up.
    call_failed = item.stash.get(_CALL_FAILED, False)
    _complain(guard.complaints() + ([] if call_failed else guard.broken_promises()))
    return result


_CALL_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when != "teardown" and not report.passed:
        item.stash[_CALL_FAILED] = True
    return report


@pytest.fixture
def announce_log(request: pytest.FixtureRequest) -> AnnounceLog:
    """`announce_log(pattern, *, level=ERROR, must_come=True)`: such records, up to that level, are due."""
    guard = request.node.stash[_GUARD]
    assert isinstance(guard, LogGuard)
    return guard.announce


def _complain(complaints: list[str]) -> None:
    if complaints:
        pytest.fail("log records:\n  " + "\n  ".join(complaints), pytrace=False)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return f"{record.msg} with unfitting arguments {record.args}"
