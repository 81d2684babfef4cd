"""Which server the program talks to, and with which token; one answer for window and command line."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from crosstrade_panel.crosstrade.address import DEFAULT_BASE_URL, AddressError, BaseUrl, parse_base_url
from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.domain.secret import Secret
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.storage.credentials import (
    TOKEN_VARIABLES,
    NotATokenError,
    OriginFrom,
    StoreProblem,
    Token,
    TokenFault,
    TokenSource,
    find_token,
)
from crosstrade_panel.trading.ports import CredentialStore

if TYPE_CHECKING:
    from crosstrade_panel.crosstrade.proxy import Proxy
    from crosstrade_panel.storage.settings import LoadedSettings  # slow to import, and mostly not needed

BASE_URL_VARIABLE = "CROSSTRADE_BASE_URL"
"""Environment variable that names the server; empty counts as not set."""


class TokenStore(CredentialStore, Protocol):
    """A store that says why it did not answer."""

    @property
    def problem(self) -> StoreProblem | None:
        """Why the last call was not served; None while all is well."""


class NoStore:
    """A keyring with nothing in it."""

    problem: StoreProblem | None = None

    def load(self, origin: str) -> str | None:  # noqa: ARG002 - a port
        """Nothing."""
        return None

    def save(self, origin: str, token: str) -> None:
        """Keep nothing."""


@dataclass(frozen=True, slots=True)
class AddressProblem:
    """The base URL cannot be used; `detail` says why and never repeats it."""

    detail: str


@dataclass(frozen=True, slots=True)
class TokenProblem:
    """The token that there is cannot be one; `variable` is empty when it came from the keyring."""

    fault: TokenFault
    variable: str = ""


@dataclass(frozen=True, slots=True)
class NoToken:
    """There is none for this server.

    `store`: why the keyring did not answer, None where it just has none. `environment_ignored`: one is in the
    environment, but is not used where only the settings name the server.
    """

    store: StoreProblem | None = None
    environment_ignored: bool = False


ServerProblem = AddressProblem | TokenProblem | NoToken


@dataclass(frozen=True, slots=True)
class ServerChoice:
    """A server with its token. Where `problem` is set, one of them is missing and no press can go out.

    `base_url` is None only with an AddressProblem, `token` is None with every problem. `came_from`: who named
    the server.
    """

    base_url: BaseUrl | None
    came_from: OriginFrom
    token: Token | None = None
    is_practice: bool = False
    problem: ServerProblem | None = None

    @property
    def origin(self) -> str:
        """`scheme://host:port`, what the token is bound to; empty when the address cannot be used."""
        return "" if self.base_url is None else self.base_url.origin

    @property
    def reason(self) -> Reason | None:
        """The problem as a reason for NOT SENT; None when there is none."""
        match self.problem:
            case None:
                return None
            case AddressProblem():
                return Reason(Cause.BAD_ADDRESS)
            case TokenProblem():
                return Reason(Cause.BAD_TOKEN)
            case NoToken():  # pragma: no branch - the types end here
                return Reason(Cause.NO_TOKEN)


def choose_server(
    *,
    base_url: str | None,
    environ: Mapping[str, str],
    settings: "Callable[[], LoadedSettings]",
    store: TokenStore,
) -> ServerChoice:
    """Command line, environment, settings, vendor, in this order; then the token for that origin.

    `settings` is asked only when nothing before names a server, `store` only when the environment gives no
    token; that may take seconds (a keyring's prompt).
    """
    text, came_from = _address(base_url, environ, settings)
    if text is None:
        return ServerChoice(
            None, came_from, problem=AddressProblem("the settings file may name one, and is not usable")
        )
    try:
        parsed = parse_base_url(text)
    except AddressError as error:
        return ServerChoice(None, came_from, problem=AddressProblem(str(error)))
    try:
        token = find_token(parsed.origin, origin_from=came_from, environ=environ, store=store)
    except NotATokenError as error:
        return ServerChoice(parsed, came_from, problem=TokenProblem(error.fault, error.variable))
    if token is None:
        ignored = came_from == "settings" and _environment_has_token(environ)
        return ServerChoice(parsed, came_from, problem=NoToken(store.problem, ignored))
    return ServerChoice(parsed, came_from, token)


def practice_server(base_url: str, token: str) -> ServerChoice:
    """The embedded exchange, which has its own address and token; nothing else is looked at.

    Raises:
        AddressError: it is not on this machine.
    """
    parsed = parse_base_url(base_url)
    if parsed.is_secure:
        raise AddressError("the practice exchange speaks plain http on this machine")
    return ServerChoice(parsed, "command", Token(Secret(token), TokenSource.STORE), is_practice=True)


def proxy_for(choice: ServerChoice, settings: "Callable[[], LoadedSettings]") -> "Proxy | None":
    """The system's proxy, where it names one and the settings allow it; None for straight ahead.

    `settings` is asked only where there is a proxy. May look up a host name: not for an event loop.
    """
    if choice.is_practice or choice.base_url is None or not choice.base_url.is_secure:
        return None
    from crosstrade_panel.crosstrade.proxy import system_has_proxy, system_proxy  # noqa: PLC0415 - seldom

    if not system_has_proxy() or not settings().settings.use_system_proxy:
        return None
    return system_proxy(choice.base_url)


def _address(
    base_url: str | None, environ: Mapping[str, str], settings: "Callable[[], LoadedSettings]"
) -> tuple[str | None, OriginFrom]:
    """The base URL as given, and by whom; None where the settings name one that is lost."""
    if base_url is not None:
        return base_url, "command"
    from_environment = environ.get(BASE_URL_VARIABLE, "").strip()
    if from_environment:
        return from_environment, "environment"
    loaded = settings()
    if loaded.is_address_lost:
        return None, "settings"
    if loaded.settings.base_url:
        return loaded.settings.base_url, "settings"
    return DEFAULT_BASE_URL, "vendor"


def _environment_has_token(environ: Mapping[str, str]) -> bool:
    return any(environ.get(name, "").strip() for name in TOKEN_VARIABLES)
