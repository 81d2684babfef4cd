"""Which token goes to which origin, and a keyring that is absent, locked, slow or broken."""

import gc
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backends.fail
import keyring.backends.null
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.chainer import ChainerBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from crosstrade_panel.domain.secret import Secret
from crosstrade_panel.storage.credentials import (
    KeyringStore,
    NotATokenError,
    OriginFrom,
    SessionOnlyError,
    StoreProblem,
    Token,
    TokenFault,
    TokenSource,
    find_token,
    read_token,
)
from crosstrade_panel.trading.ports import CredentialError, CredentialStore

VENDOR = "https://app.crosstrade.io"
OTHER = "https://example.test:8443"
SOON_S = 10.0


class MemoryKeyring(KeyringBackend):
    """A keyring that keeps tokens in a dictionary."""

    priority = -1  # never chosen by itself, here or in another test

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}
        self.asked_on: list[threading.Thread] = []

    def get_password(self, service: str, username: str) -> str | None:
        self.asked_on.append(threading.current_thread())
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("not found")


class HangingKeyring(MemoryKeyring):
    """A keyring that waits for a prompt."""

    priority = -1

    def __init__(self) -> None:
        super().__init__()
        self.answered = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.answered.wait(60)
        return "late-token"

    def set_password(self, service: str, username: str, password: str) -> None:
        self.answered.wait(60)


class BrokenKeyring(MemoryKeyring):
    """A keyring that raises what it is given, the token in the text."""

    priority = -1
    error: type[Exception] = RuntimeError

    def get_password(self, service: str, username: str) -> str | None:
        raise self.error("no bus")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise self.error(f"cannot keep {password}")


@pytest.fixture(autouse=True)
def _own_keyring() -> Iterator[None]:
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


@pytest.fixture
def memory() -> MemoryKeyring:
    backend = MemoryKeyring()
    keyring.set_keyring(backend)
    return backend


class NoStore:
    """A store that must not be asked."""

    def load(self, origin: str) -> str | None:
        raise AssertionError(f"asked for {origin}")

    def save(self, origin: str, token: str) -> None:
        raise AssertionError


@pytest.mark.parametrize(
    ("text", "token"), [("abc", "abc"), (" \t abc-._~+/=1!\r\n", "abc-._~+/=1!"), ("x" * 4096, "x" * 4096)]
)
def test_a_token_is_printable_ascii_with_its_ends_trimmed(text: str, token: str) -> None:
    assert read_token(text) == Secret(token)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", TokenFault.EMPTY),
        (" \n", TokenFault.EMPTY),
        ("madeup\nsecond", TokenFault.SPACE_INSIDE),
        ("madeup second", TokenFault.SPACE_INSIDE),
        ("madeup\x00", TokenFault.NOT_PRINTABLE),
        ("madeup\x7f", TokenFault.NOT_PRINTABLE),
        ("madeup\u200b", TokenFault.NOT_ASCII),
        ("\ufeffmadeup", TokenFault.NOT_ASCII),
        ("madeup…", TokenFault.NOT_ASCII),
        ("madeup" * 1000, TokenFault.TOO_LONG),
    ],
)
def test_what_is_no_token_is_refused_without_being_repeated(text: str, fault: TokenFault) -> None:
    with pytest.raises(NotATokenError) as caught:
        read_token(text)
    assert caught.value.fault is fault
    assert isinstance(caught.value, CredentialError)
    assert "madeup" not in repr(caught.value) + str(caught.value)


@pytest.mark.parametrize("origin_from", ["vendor", "command", "environment"])
def test_the_vendors_own_variable_comes_first(origin_from: OriginFrom) -> None:
    environ = {"CROSSTRADE_TOKEN": "second", "XTRADE_TOKEN": " first\n"}
    found = find_token(VENDOR, origin_from=origin_from, environ=environ, store=NoStore())
    assert found == Token(Secret("first"), TokenSource.ENVIRONMENT, "XTRADE_TOKEN")
    environ["XTRADE_TOKEN"] = "  "
    found = find_token(VENDOR, origin_from=origin_from, environ=environ, store=NoStore())
    assert found == Token(Secret("second"), TokenSource.ENVIRONMENT, "CROSSTRADE_TOKEN")


def test_an_environment_token_never_goes_to_an_origin_from_the_settings_file(memory: MemoryKeyring) -> None:
    environ = {"XTRADE_TOKEN": "first", "CROSSTRADE_TOKEN": "second"}
    store = KeyringStore(timeout_s=SOON_S)
    assert find_token(OTHER, origin_from="settings", environ=environ, store=store) is None
    store.save(OTHER, "its-own")
    found = find_token(OTHER, origin_from="settings", environ=environ, store=store)
    assert found == Token(Secret("its-own"), TokenSource.STORE)


def test_a_bad_variable_is_an_error_and_no_other_token_is_used() -> None:
    environ = {"XTRADE_TOKEN": "made\nup", "CROSSTRADE_TOKEN": "second"}
    with pytest.raises(NotATokenError) as caught:
        find_token(VENDOR, origin_from="vendor", environ=environ, store=NoStore())
    assert caught.value.variable == "XTRADE_TOKEN"
    assert caught.value.__cause__ is None


def test_a_token_is_bound_to_the_origin_it_was_entered_for(memory: MemoryKeyring) -> None:
    store: CredentialStore = KeyringStore(timeout_s=SOON_S)
    store.save(VENDOR, " the-token\n")
    fresh = KeyringStore(timeout_s=SOON_S)
    assert fresh.load("HTTPS://App.CrossTrade.io/") == "the-token"
    assert fresh.load(OTHER) is None
    assert fresh.load("http://app.crosstrade.io") is None
    assert fresh.problem is None
    assert memory.kept == {("crosstrade-panel", VENDOR): "the-token"}
    assert all(thread.daemon and thread is not threading.main_thread() for thread in memory.asked_on)


def test_what_is_no_token_is_not_kept(memory: MemoryKeyring) -> None:
    store = KeyringStore(timeout_s=SOON_S)
    with pytest.raises(NotATokenError):
        store.save(VENDOR, "two words")
    assert memory.kept == {}
    assert store.load(VENDOR) is None


def test_a_forgotten_token_is_gone(memory: MemoryKeyring) -> None:
    store = KeyringStore(timeout_s=SOON_S)
    store.save(VENDOR, "the-token")
    store.forget(VENDOR)
    store.forget(VENDOR)
    assert memory.kept == {}
    assert store.load(VENDOR) is None


def null_in_a_chain() -> ChainerBackend:
    class Chain(ChainerBackend):
        priority = -1
        backends = [keyring.backends.null.Keyring()]  # type: ignore[no-untyped-call]  # noqa: RUF012

    return Chain()  # type: ignore[no-untyped-call]


def locked() -> BrokenKeyring:
    backend = BrokenKeyring()
    backend.error = KeyringLocked
    return backend


@pytest.mark.parametrize(
    ("backend", "problem"),
    [
        (keyring.backends.fail.Keyring(), StoreProblem.NONE_HERE),  # type: ignore[no-untyped-call]
        (keyring.backends.null.Keyring(), StoreProblem.NOT_PRIVATE),  # type: ignore[no-untyped-call]
        (null_in_a_chain(), StoreProblem.NOT_PRIVATE),
        (locked(), StoreProblem.LOCKED),
        (BrokenKeyring(), StoreProblem.FAILED),
    ],
)
def test_without_a_keyring_a_token_serves_this_session_and_that_is_said(
    backend: KeyringBackend, problem: StoreProblem
) -> None:
    keyring.set_keyring(backend)
    store = KeyringStore(timeout_s=SOON_S)
    assert store.load(VENDOR) is None
    assert store.problem is problem
    with pytest.raises(SessionOnlyError) as caught:
        store.save(VENDOR, "madeup")
    assert caught.value.problem is problem
    assert "madeup" not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None, "a backend's own error may hold the token"
    assert store.load(VENDOR) == "madeup"
    assert KeyringStore(timeout_s=SOON_S).load(VENDOR) is None
    with pytest.raises(SessionOnlyError):
        store.forget(VENDOR)
    assert store.load(VENDOR) is None


def test_the_keyring_that_would_keep_a_token_is_named_or_what_is_wrong_with_it(memory: MemoryKeyring) -> None:
    store = KeyringStore()
    assert store.backend_name() == memory.name
    assert memory.asked_on == []
    keyring.set_keyring(keyring.backends.fail.Keyring())  # type: ignore[no-untyped-call]
    assert (store.backend_name(), store.problem) == (None, StoreProblem.NONE_HERE)
    keyring.set_keyring(keyring.backends.null.Keyring())  # type: ignore[no-untyped-call]
    assert (store.backend_name(), store.problem) == (None, StoreProblem.NOT_PRIVATE)


def test_a_plain_file_is_no_keyring() -> None:
    class Plaintext(MemoryKeyring):
        """As `keyrings.alt` has it."""

        priority = -1

    Plaintext.__module__ = "keyrings.alt.file"
    backend = Plaintext()
    keyring.set_keyring(backend)
    with pytest.raises(SessionOnlyError):
        KeyringStore(timeout_s=SOON_S).save(VENDOR, "madeup")
    assert backend.kept == {}


def test_a_keyring_that_waits_for_a_prompt_holds_nobody_up_and_may_answer_late() -> None:
    backend = HangingKeyring()
    keyring.set_keyring(backend)
    store = KeyringStore(timeout_s=0.05)
    begun = time.monotonic()
    assert store.load(VENDOR) is None
    assert store.problem is StoreProblem.TIMED_OUT
    with pytest.raises(SessionOnlyError):
        store.save(OTHER, "madeup")
    assert store.load(OTHER) == "madeup"
    assert time.monotonic() - begun < 2.0

    answer = store.request(VENDOR)
    assert not answer.done()
    backend.answered.set()
    assert answer.result(SOON_S) == "late-token"
    gc.collect()


def test_a_hanging_keyring_does_not_hold_up_the_end_of_the_program(tmp_path: Path) -> None:
    code = """
import threading, keyring
from keyring.backend import KeyringBackend
class Hanging(KeyringBackend):
    priority = -1
    def get_password(self, service, username): threading.Event().wait()
    def set_password(self, service, username, password): threading.Event().wait()
keyring.set_keyring(Hanging())
from crosstrade_panel.storage.credentials import KeyringStore
store = KeyringStore(timeout_s=0.05)
print(store.load("https://example.test"), store.problem.value)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert ran.stdout == "None timed_out\n"


# Only where a real Secret Service can be started: the daemon and a session bus of its own.
@pytest.mark.skipif(
    not (shutil.which("gnome-keyring-daemon") and shutil.which("dbus-run-session")),
    reason="gnome-keyring-daemon and dbus-run-session are not installed",
)
def test_a_real_secret_service_keeps_a_token(tmp_path: Path) -> None:
    code = f"""
import keyring
from crosstrade_panel.storage.credentials import KeyringStore
assert type(keyring.get_keyring()).__module__.endswith((".SecretService", ".chainer"))
store = KeyringStore(timeout_s=10)
store.save("{VENDOR}", "madeup-token")
fresh = KeyringStore(timeout_s=10)
print(fresh.load("{VENDOR}"), fresh.load("{OTHER}"), fresh.problem)
fresh.forget("{VENDOR}")
print(fresh.load("{VENDOR}"), fresh.problem)
"""
    session = """
exec 3>&1 >/dev/null 2>&1
printf 'made-up password' | gnome-keyring-daemon --daemonize --unlock --components=secrets || exit 77
exec >&3 2>&1
"$0" -c "$1"
"""
    home = str(tmp_path)
    environ = {
        "HOME": home,
        "XDG_DATA_HOME": home,
        "XDG_RUNTIME_DIR": home,
        "XDG_CONFIG_HOME": home,
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    }
    ran = subprocess.run(
        [shutil.which("dbus-run-session") or "", "--", "sh", "-c", session, sys.executable, code],
        capture_output=True,
        text=True,
        timeout=60,
        env=environ,
        check=False,
    )
    if ran.returncode == 77:
        pytest.skip("the daemon does not start here")
    assert ran.stdout == "madeup-token None None\nNone None\n", ran.stderr
