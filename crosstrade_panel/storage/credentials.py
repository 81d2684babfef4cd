"""The token: from the environment or the system's keyring, bound to the origin it was entered for."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from enum import Enum
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from crosstrade_panel.domain.secret import Secret
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.trading.ports import CredentialError, CredentialStore

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")

SERVICE = "crosstrade-panel"
"""The name under which the keyring lists the tokens; the user name of each is its origin."""

TOKEN_VARIABLES = ("XTRADE_TOKEN", "CROSSTRADE_TOKEN")
"""Environment variables that may hold a token: the vendor's own first, then the one most scripts use."""

OriginFrom: TypeAlias = Literal["vendor", "command", "environment", "settings"]
"""Who named the origin. An environment token never goes to one that only the settings file named."""

MAX_TOKEN = 4096
_FIRST_PRINTABLE = "!"
_LAST_PRINTABLE = "~"


class TokenSource(Enum):
    """Where a token came from."""

    ENVIRONMENT = "environment"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class Token:
    """A token that may be used for one origin; `variable` names the environment variable it came from."""

    secret: Secret
    source: TokenSource
    variable: str = ""


class TokenFault(Enum):
    """Why a text is not a token."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    SPACE_INSIDE = "space_inside"
    NOT_ASCII = "not_ascii"
    NOT_PRINTABLE = "not_printable"


class NotATokenError(CredentialError):
    """A text that cannot be a token. `variable` is set when it came from the environment."""

    def __init__(self, fault: TokenFault, variable: str = "") -> None:
        super().__init__(fault.value, variable)
        self.fault = fault
        self.variable = variable


class StoreProblem(Enum):
    """Why the keyring did not serve."""

    NONE_HERE = "none_here"
    NOT_PRIVATE = "not_private"
    LOCKED = "locked"
    TIMED_OUT = "timed_out"
    FAILED = "failed"


class SessionOnlyError(CredentialError):
    """The keyring did not keep the token: it serves until the program ends, and must be entered again."""

    def __init__(self, problem: StoreProblem) -> None:
        super().__init__(problem.value)
        self.problem = problem


def read_token(text: str) -> Secret:
    """A token as entered: ends trimmed, printable ASCII without a space, at most 4,096 characters.

    An error from the HTTP library about a bad header looks like "it may have left"; so it is refused here.

    Raises:
        NotATokenError: it is none; the error does not contain it.
    """
    token = text.strip()
    fault: TokenFault | None = None
    if not token:
        fault = TokenFault.EMPTY
    elif len(token) > MAX_TOKEN:
        fault = TokenFault.TOO_LONG
    elif not token.isascii():
        fault = TokenFault.NOT_ASCII
    elif any(character.isspace() for character in token):
        fault = TokenFault.SPACE_INSIDE
    elif not all(_FIRST_PRINTABLE <= character <= _LAST_PRINTABLE for character in token):
        fault = TokenFault.NOT_PRINTABLE
    if fault is not None:
        raise NotATokenError(fault)
    return Secret(token)


def find_token(
    origin: str,
    *,
    origin_from: OriginFrom,
    environ: Mapping[str, str],
    store: CredentialStore,
) -> Token | None:
    """The token for an origin: from the environment where that is allowed, else from the store.

    Raises:
        NotATokenError: a variable is set to something that is no token; no other one is used instead.
    """
    if origin_from != "settings":
        for variable in TOKEN_VARIABLES:
            text = environ.get(variable, "")
            if not text.strip():
                continue
            try:
                return Token(read_token(text), TokenSource.ENVIRONMENT, variable)
            except NotATokenError as error:
                raise NotATokenError(error.fault, variable) from None
    stored = store.load(origin)
    return None if stored is None else Token(read_token(stored), TokenSource.STORE)


class KeyringStore:
    """Tokens in Windows' Credential Manager, the Secret Service or macOS' Keychain.

    Every call to the keyring runs on a daemon thread: it may wait for a prompt, and must then hold up neither
    its caller for longer than the timeout nor the end of the program. keyring itself is imported there, too.
    `problem` says why the last call was not served; None while all is well. A token that could not be kept
    serves until the program ends.
    """

    def __init__(self, *, timeout_s: float = 10.0) -> None:
        self.problem: StoreProblem | None = None
        self._timeout_s = timeout_s
        self._session: dict[str, Secret] = {}

    def request(self, origin: str) -> "Future[str | None]":
        """Ask for a token and wait for nobody: done when the keyring (or its prompt) answered.

        The future may hold any error that a keyring's backend knows.
        """
        kept = self._session.get(_key(origin))
        if kept is not None:
            answered: Future[str | None] = Future()
            answered.set_result(kept.reveal())
            return answered
        return _in_background(lambda: _backend().get_password(SERVICE, _key(origin)))

    def load(self, origin: str) -> str | None:
        """The token for that origin; None when there is none or, with `problem` set, no answer."""
        found = self._wait(self.request(origin))
        return None if found is None else found.strip() or None

    def save(self, origin: str, token: str) -> None:
        """Keep the token for that origin, in the keyring or, failing that, for this session.

        Raises:
            NotATokenError: it is not a token; nothing was kept.
            SessionOnlyError: the keyring did not keep it.
        """
        secret = read_token(token)
        # first: a keyring that hangs, or answers late, must not leave the trader without the token
        self._session[_key(origin)] = secret
        self._wait(_in_background(lambda: _backend().set_password(SERVICE, _key(origin), secret.reveal())))
        if self.problem is not None:
            raise SessionOnlyError(self.problem)

    def forget(self, origin: str) -> None:
        """Remove the token for that origin; no error when there is none.

        Raises:
            SessionOnlyError: it is forgotten for this session, but the keyring may still have it.
        """
        self._session.pop(_key(origin), None)
        self._wait(_in_background(lambda: _delete(_key(origin))))
        if self.problem is not None:
            raise SessionOnlyError(self.problem)

    def backend_name(self) -> str | None:
        """What keyring calls the one that would keep a token; None with `problem` set where there is none."""
        return self._wait(_in_background(_backend_name))

    def _wait(self, answer: "Future[T]") -> T | None:
        """The answer, or None with `problem` set. A backend's error stays in here: it may say anything."""
        try:
            error = answer.exception(self._timeout_s)
        except FutureTimeoutError:
            self.problem = StoreProblem.TIMED_OUT
            return None
        if error is not None:
            self.problem = _problem(error)
            return None
        self.problem = None
        return answer.result()


def _key(origin: str) -> str:
    """One spelling for an origin: scheme and host are compared without regard to case."""
    return origin.strip().rstrip("/").lower()


def _in_background(call: Callable[[], T]) -> "Future[T]":
    """Run a call on a daemon thread, which, unlike an executor's, no exit waits for."""
    answer: Future[T] = Future()

    def run() -> None:
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - handed over whole to who waits, as an executor does
            answer.set_exception(error)
        else:
            answer.set_result(result)

    threading.Thread(target=run, name="keyring", daemon=True).start()
    return answer


class _NotPrivateError(Exception):
    """The only backend here would keep the token in a plain file, or nowhere."""


def _backend() -> "KeyringBackend":
    """The system's keyring; never a plain file (keyrings.alt), never the one that forgets (null)."""
    import keyring  # noqa: PLC0415 - slow to import, and not needed with a token in the environment
    from keyring.backends import chainer  # noqa: PLC0415

    chosen = keyring.get_keyring()
    candidates = list(chosen.backends) if isinstance(chosen, chainer.ChainerBackend) else [chosen]
    for backend in candidates:
        if not type(backend).__module__.startswith(("keyrings.alt", "keyring.backends.null")):
            return backend
    raise _NotPrivateError


def _backend_name() -> str:
    from keyring import errors  # noqa: PLC0415 - as in _backend
    from keyring.backends import fail  # noqa: PLC0415

    backend = _backend()
    if isinstance(backend, fail.Keyring):
        raise errors.NoKeyringError
    return str(backend.name)


def _delete(user: str) -> None:
    backend = _backend()
    if backend.get_password(SERVICE, user) is not None:
        backend.delete_password(SERVICE, user)


def _problem(error: BaseException) -> StoreProblem:
    """What a backend's error means to the trader."""
    try:
        from keyring import errors  # noqa: PLC0415 - already imported by the call that failed, if it can be
    except ImportError:
        return StoreProblem.FAILED
    match error:
        case errors.NoKeyringError():
            return StoreProblem.NONE_HERE
        case errors.KeyringLocked():
            return StoreProblem.LOCKED
        case _NotPrivateError():
            return StoreProblem.NOT_PRIVATE
        case _:
            return StoreProblem.FAILED
