"""Where the API is, and the secret that opens it."""

import re
from urllib.parse import urlsplit

from crosstrade_panel.domain.value import dataclass

DEFAULT_BASE_URL = "https://app.crosstrade.io"
"""The vendor's own."""

_DEFAULT_PORTS = {"https": 443, "http": 80}
_LOOPBACK = frozenset({"127.0.0.1", "[::1]"})
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\]")


class AddressError(ValueError):
    """A base URL that cannot be used; its text names the problem and never repeats the URL."""


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """The server that requests go to. Made by `parse_base_url` only."""

    scheme: str
    host: str
    port: int

    @property
    def origin(self) -> str:
        """`scheme://host:port`, always with the port: what a token is bound to."""
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def bare_host(self) -> str:
        """The host as the resolver wants it: no brackets around an IPv6 address."""
        return self.host.strip("[]")

    @property
    def is_secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme == "https"


def parse_base_url(text: str) -> BaseUrl:
    """Read a base URL: https to anywhere, plain http to literal 127.0.0.1 or [::1] only, no path.

    Raises:
        AddressError: it is anything else.
    """
    text = text.strip()
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise AddressError("the base URL has a character that does not belong into one")
    if "?" in text or "#" in text:
        raise AddressError("the base URL must have no query or fragment")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise AddressError("the base URL cannot be read") from error
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS:
        raise AddressError("the base URL must begin with https://")
    if "@" in parts.netloc:
        raise AddressError("the base URL must have no user name or password")
    if parts.path not in {"", "/"}:
        raise AddressError("the base URL must have no path")
    host = (f"[{parts.hostname}]" if "[" in parts.netloc else parts.hostname) or ""
    if not _HOST.fullmatch(host):
        raise AddressError("the base URL has no host that can be read")
    if port is None:
        port = _DEFAULT_PORTS[scheme]
    if port == 0:
        raise AddressError("the base URL has a port that does not exist")
    if scheme == "http" and host not in _LOOPBACK:
        raise AddressError("plain http goes to 127.0.0.1 or [::1] only; anywhere else it must be https")
    return BaseUrl(scheme, host, port)


class Secret:
    """A token. It shows itself to nobody who does not ask by name."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Keep the token, its ends trimmed."""
        self._text = text.strip()

    @property
    def is_usable(self) -> bool:
        """Whether it is printable ASCII and not empty: what an HTTP header can carry."""
        text = self._text
        return bool(text) and text.isascii() and text.isprintable()

    def reveal(self) -> str:
        """The token itself."""
        return self._text

    def is_in(self, error: BaseException) -> bool:
        """Whether an exception, or one that it hangs on, would print the token."""
        seen: set[int] = set()
        todo: list[BaseException | None] = [error]
        while todo:
            each = todo.pop()
            if each is None or id(each) in seen:
                continue
            seen.add(id(each))
            if self._text and (self._text in str(each) or self._text in repr(each)):
                return True
            todo += [each.__cause__, each.__context__]
        return False

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written anywhere")
