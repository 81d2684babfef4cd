"""What every test gets: the real event loop for async tests, and nothing of the user's own files."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
if sys.platform == "win32":  # without a screen Qt looks for fonts of its own there, warns, and has none
    os.environ.setdefault("QT_QPA_FONTDIR", str(Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "Fonts")))
    from hypothesis import settings

    # A file that is written there is looked at by a virus scanner first: it takes as long as that takes.
    settings.register_profile("windows", deadline=None)
    settings.load_profile("windows")
# Read when keyring is imported: no test ever meets the keyring of whoever runs it.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"

# A terminal that closes (nohup) may have left the tests deaf to it, and so every process that they start.
if sys.platform != "win32":
    for _each in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(_each) is signal.SIG_IGN:
            signal.signal(_each, signal.SIG_DFL)

_NOT_INHERITED = (
    "XTRADE_TOKEN",
    "CROSSTRADE_TOKEN",
    "CROSSTRADE_PRACTICE_TOKEN",
    "CROSSTRADE_BASE_URL",
    "CROSSTRADE_PANEL_PACE",
)


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


@pytest.fixture(autouse=True)
def home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of the program, of processes that a test starts too, go to a folder that is new for each test."""
    home = tmp_path / "panel-home"
    monkeypatch.setenv("CROSSTRADE_PANEL_HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))  # where a desktop looks for what to start
    for name in _NOT_INHERITED:
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture(autouse=True)
def signals_as_they_were() -> Iterator[None]:
    """The command line goes deaf at its end, and children would inherit that from whoever ran it in here."""
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    handlers = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in handlers.items():
        if handler is not None:  # installed by something that is not Python
            signal.signal(number, handler)
