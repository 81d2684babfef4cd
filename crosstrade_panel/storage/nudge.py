"""What processes of one user tell a running panel: "look at this press", "come to the front". No order ever.

A panel listens in its data folder: on a Unix socket where the path is short enough for one, else (Windows)
on a loopback port, whose number and secret are in a file of that folder. A call is one line; what is not
exactly one of the two words is ignored.
"""

import os
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.storage.paths import PRIVATE_FILE, make_private_file, refuse_foreign_link

SOCKET = "panel.sock"
PORT = "panel.port"
ANSWER = b"ok\n"
LONGEST = 256
"""Bytes of a call, its end included."""

_CALL_S = 0.25
_SECRET_BYTES = 16
_LOOPBACK = "127.0.0.1"
_LAST_PORT = 65535
_BACKLOG = 64
_PRESS = re.compile(rb"press ([0-9a-f]{32})")
_RAISE = re.compile(rb"raise(?: ([!-~]{1,160}))?")
_PORT_FILE = re.compile(rb"(\d{1,5}) ([0-9a-f]{32})\n")


@dataclass(frozen=True, slots=True)
class Look:
    """Look into the journal for this press; whoever says so may be lying."""

    press_id: str


@dataclass(frozen=True, slots=True)
class Raise:
    """Show the window. `startup_id`: the desktop's leave to take the focus, where it gave one."""

    startup_id: str = ""


Word: TypeAlias = Look | Raise


def encode(word: Word) -> bytes:
    """A word as a line; a start-up id that cannot be said is left out."""
    match word:
        case Look(press_id=press_id):
            return f"press {press_id}\n".encode("ascii", "replace")
        case Raise(startup_id=startup_id):  # pragma: no branch - the types end here
            line = f"raise {startup_id}".encode()
            return (line if _RAISE.fullmatch(line) else b"raise") + b"\n"


def decode(line: bytes) -> Word | None:
    """The word of a line without its end; None for anything else."""
    if found := _PRESS.fullmatch(line):
        return Look(found.group(1).decode())
    if found := _RAISE.fullmatch(line):
        return Raise((found.group(1) or b"").decode())
    return None


# --- the calling side


def nudge(data: Path, press_id: str, *, wait_s: float) -> None:
    """Tell the panel of this data folder, if there is one, to look at a press. What fails means nothing.

    Waits so long at most. The call goes on a thread of its own: the folder may lie on a disk that hangs.
    """

    def call() -> None:
        with suppress(OSError):
            tell(data, Look(press_id), _CALL_S)

    caller = threading.Thread(target=call, name="nudge", daemon=True)
    caller.start()
    caller.join(wait_s)


def tell(data: Path, word: Word, within_s: float, *, wants_answer: bool = False) -> bool:
    """Say one word to the panel of this data folder; whether it was taken, or where asked for, answered.

    Raises:
        OSError: nobody listens, or nothing came in time.
    """
    until = time.monotonic() + within_s
    with _call(data, until) as (line, secret):
        line.sendall(secret + encode(word))
        if not wants_answer:
            return True
        line.settimeout(_left(until))
        return line.recv(len(ANSWER)) == ANSWER


def _left(until: float) -> float:
    """Seconds until then; never nothing, which would mean "do not wait" to a socket and is another error."""
    return max(0.001, until - time.monotonic())


@contextmanager
def _call(data: Path, until: float) -> Iterator[tuple[socket.socket, bytes]]:
    """A line to the panel, and the secret to begin with."""
    path = data / SOCKET
    if has_unix_sockets() and path.exists():
        family, address, secret = _UNIX, str(path), b""
        line = socket.socket(socket.AddressFamily(family))
    else:
        port, secret = _read_port(data / PORT)
        line = socket.socket(socket.AF_INET)
        address = (_LOOPBACK, port)  # type: ignore[assignment]
    with line:
        line.settimeout(_left(until))
        line.connect(address)
        if not is_mine(line):
            raise PermissionError("another user listens there")
        line.settimeout(_left(until))
        yield line, secret


def _read_port(path: Path) -> tuple[int, bytes]:
    with path.open("rb") as file:
        found = _PORT_FILE.fullmatch(file.read(LONGEST))
    if found is None or int(found.group(1)) > _LAST_PORT:
        raise FileNotFoundError("no port is told")
    return int(found.group(1)), found.group(2) + b" "


# --- the listening side

_UNIX = int(getattr(socket, "AF_UNIX", 0))


@dataclass(frozen=True, slots=True)
class Ear:
    """A listening socket, what each call must begin with, and the file that leads to it."""

    socket: socket.socket
    secret: bytes
    path: Path

    def close(self) -> None:
        """Stop listening and take away what leads here."""
        self.socket.close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def listen(data: Path) -> Ear:
    """Listen for this data folder; only for who holds its lock, as what a dead panel left is replaced.

    Raises:
        OSError: neither way is possible.
    """
    path, port_file = data / SOCKET, data / PORT
    for left in (path, port_file):
        with suppress(OSError):
            left.unlink(missing_ok=True)
    if has_unix_sockets():
        # Too long a path (more than about a hundred bytes), a file system without sockets, a folder there.
        with suppress(OSError):
            return _listen_unix(path)
    return _listen_loopback(port_file)


def has_unix_sockets() -> bool:
    """Whether this system has sockets that lie in a folder, and tells who is at the other end."""
    return bool(_UNIX) and sys.platform != "win32"


def _listen_unix(path: Path) -> Ear:
    ear = socket.socket(socket.AddressFamily(_UNIX))
    try:
        ear.bind(str(path))  # the folder is 0700: nobody comes before the next line
        path.chmod(PRIVATE_FILE)
        ear.listen(_BACKLOG)
    except OSError:
        ear.close()
        raise
    return Ear(ear, b"", path)


def _listen_loopback(port_file: Path) -> Ear:
    ear = socket.socket(socket.AF_INET)
    try:
        if sys.platform == "win32":
            ear.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        ear.bind((_LOOPBACK, 0))
        ear.listen(_BACKLOG)
        secret = os.urandom(_SECRET_BYTES).hex()
        make_private_file(port_file)
        refuse_foreign_link(port_file)
        port_file.write_bytes(f"{ear.getsockname()[1]} {secret}\n".encode())
    except OSError:
        ear.close()
        raise
    return Ear(ear, f"{secret} ".encode(), port_file)


def is_mine(line: socket.socket) -> bool:
    """Whether the same user is at the other end, where the system tells; elsewhere folder and secret do."""
    if line.family != _UNIX:
        return True
    return _peer(line) in {None, _me()}


def _me() -> int:
    return -1 if sys.platform == "win32" else os.geteuid()


def _peer(line: socket.socket) -> int | None:
    """The user at the other end of a Unix socket; None where the system does not tell."""
    if sys.platform == "linux":
        size = struct.calcsize("3i")
        return int(struct.unpack("3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[1])
    elif sys.platform == "darwin":  # noqa: RET505 - so mypy sees what belongs to which system
        size = struct.calcsize("2I")
        local, peer_credentials = 0, 0x001  # SOL_LOCAL, LOCAL_PEERCRED: version and user come first
        return int(struct.unpack("2I", line.getsockopt(local, peer_credentials, size)[:size])[1])
    else:
        return None
