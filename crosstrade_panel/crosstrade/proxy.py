"""The way through an HTTP proxy: which one the system names, and a tunnel to an origin (RFC 9110, 9.3.6).

The proxy sees the name of the server and what it carries encrypted: the token is only ever sent inside the
TLS connection that is made through the tunnel. Plain http, which stays on this machine, never uses one.
"""

import asyncio
import base64
import ipaddress
import re
import socket
from urllib.parse import unquote, urlsplit

from crosstrade_panel.crosstrade.address import BaseUrl, Secret
from crosstrade_panel.crosstrade.untrusted import clean_text
from crosstrade_panel.domain.value import dataclass

_LARGEST_HEAD = 16 * 1024
_DEFAULT_PORT = 80
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_STATUS_LINE = re.compile(r"HTTP/1\.[01] ([1-9][0-9]{2})(?: |$)")


class ProxyError(Exception):
    """The proxy cannot be used, or did not let the connection through; nothing of a request was sent.

    `said`: its own words, cleaned, or its address where it is none that can be used; never a password.
    """

    def __init__(self, said: str = "") -> None:
        super().__init__(said)
        self.said = said


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy as the system names it. Made by `read_proxy`.

    `address` is for the eye: without user and password. `host` is empty where the proxy is of a kind that we
    do not speak (SOCKS, TLS to the proxy itself) or cannot be read. `login`: what goes into
    `Proxy-Authorization`, to the proxy and nobody else.
    """

    address: str
    host: str = ""
    port: int = 0
    login: Secret | None = None

    @property
    def bare_host(self) -> str:
        """The host as the resolver wants it."""
        return self.host.strip("[]")


def read_proxy(text: str) -> Proxy:
    """Read a proxy's address: `http://user:password@host:port`, `http://host:port` or `host:port`."""
    text = text.strip()
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host = (f"[{parts.hostname}]" if "[" in parts.netloc else parts.hostname) or ""
        port = parts.port
    except ValueError:
        return Proxy("")
    shown = host if port is None else f"{host}:{port}"
    address = clean_text(f"{parts.scheme}://{shown}")
    if parts.scheme != "http" or port == 0 or not _HOST.fullmatch(host):
        return Proxy(address)
    login = None
    if parts.username or parts.password:
        plain = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        login = Secret(base64.b64encode(plain.encode()).decode())
    return Proxy(address, host, _DEFAULT_PORT if port is None else port, login)


def system_has_proxy() -> bool:
    """Whether the environment, or on Windows and macOS the system, names a proxy for https at all."""
    return _named() is not None


def system_proxy(base_url: BaseUrl) -> Proxy | None:
    """The proxy that this system wants an origin to be reached through; None for straight ahead.

    `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` in either case, else the settings of Windows or macOS. May look
    up a host name (on Windows, for its list of exceptions): not for an event loop.
    """
    from urllib.request import proxy_bypass  # noqa: PLC0415 - slow to import without httpx

    named = _named()
    if named is None or not base_url.is_secure or _is_this_machine(base_url.bare_host):
        return None
    # "host:port" matches exceptions that name a port, and those that do not.
    if proxy_bypass(f"{base_url.bare_host}:{base_url.port}"):
        return None
    return read_proxy(named)


def _named() -> str | None:
    from urllib.request import getproxies  # noqa: PLC0415 - as above

    named = getproxies()
    return named.get("https") or named.get("all") or None


def _is_this_machine(host: str) -> bool:
    """Whether a proxy would look for the server on its own machine instead of ours."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def open_tunnel(sock: socket.socket, proxy: Proxy, base_url: BaseUrl) -> None:
    """Have a proxy, to which the socket is connected, pass everything on to the origin.

    Whoever calls keeps the time. The head of the proxy's answer ends what it may say: the origin's first word
    is an answer to ours.

    Raises:
        ProxyError: it did not say yes.
    """
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(sock, _connect_request(proxy, base_url))
        head = b""
        while b"\r\n\r\n" not in head:
            if len(head) > _LARGEST_HEAD:
                raise ProxyError
            piece = await loop.sock_recv(sock, 4096)
            if not piece:
                raise ProxyError
            head += piece
    except OSError as error:
        raise ProxyError from error
    status_line = head.partition(b"\r\n")[0].decode("latin-1")
    match = _STATUS_LINE.match(status_line)
    if match is None:
        raise ProxyError
    if not match.group(1).startswith("2"):
        raise ProxyError(clean_text(status_line.partition(" ")[2]))
    if head.partition(b"\r\n\r\n")[2]:
        raise ProxyError


def _connect_request(proxy: Proxy, base_url: BaseUrl) -> bytes:
    where = f"{base_url.host}:{base_url.port}"
    lines = [f"CONNECT {where} HTTP/1.1", f"Host: {where}"]
    if proxy.login is not None:
        lines.append(f"Proxy-Authorization: Basic {proxy.login.reveal()}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")
