"""A host of its own on this machine: a network namespace with one interface, whose packets a test holds.

The interface is a TUN device. The namespaces have no name: they end with their last socket and descriptor, so
that nothing is left behind, whatever becomes of the process. They take Linux, /dev/net/tun and the right to
make a namespace; without them there is a NamespaceError that says what is missing.
"""

import ctypes
import fcntl
import os
import socket
import stat
import struct
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NETWORK_NAMESPACE = 0x40000000  # CLONE_NEWNET
_OWN_NAMESPACE = "/proc/thread-self/ns/net"
_TUN = "/dev/net/tun"
_TUN_DEVICE = (10, 200)
_TUN_SET_INTERFACE = 0x400454CA
_TUN_WITHOUT_HEADER = 0x1001  # IFF_TUN | IFF_NO_PI
_SET_FLAGS, _SET_ADDRESS, _SET_MASK = 0x8914, 0x8916, 0x891C
_UP = 0x41  # IFF_UP | IFF_RUNNING


class NamespaceError(Exception):
    """No namespaces could be made; the text says what is missing."""


class Host:
    """One network namespace: its loopback and `wire0`, a TUN device whose packets are read from `device`."""

    def __init__(self, address: str) -> None:
        """Make it.

        Raises:
            NamespaceError: what is needed is not here.
        """
        self.address = address
        with _back_home():
            _enter_new_namespace()
            self._namespace = os.open(_OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
            try:
                self.device = _open_tun()
                _configure("lo", "127.0.0.1", "255.0.0.0")
                _configure("wire0", address, "255.255.255.0")
            except OSError as error:
                os.close(self._namespace)
                raise NamespaceError(
                    f"{error}: a namespace was made, but no interface in it. {_NEEDED}"
                ) from error

    def close(self) -> None:
        """Let go of it; the system ends it with its last socket."""
        os.close(self.device)
        os.close(self._namespace)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Be there: sockets that this thread opens meanwhile, and every thread that it starts."""
        with _back_home():
            _call(_libc().setns(self._namespace, _NETWORK_NAMESPACE))
            yield

    def set_up(self, *, up: bool) -> None:
        """Plug the interface in, or pull it out; what it was connected to is forgotten by the routes."""
        with self.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH22x", b"wire0", _UP if up else 0))


def sockets_of(flow: int) -> list[str]:
    """The system's own words on the TCP sockets with that local port, in the namespace of this thread."""
    lines = Path("/proc/thread-self/net/tcp").read_text("ascii").splitlines()[1:]
    return [line for line in lines if line.split()[1].endswith(f":{flow:04X}")]


# -- inside ---

_NEEDED = (
    "These tests need Linux, /dev/net/tun, and the right to make network namespaces. As root they have it; "
    "else try: unshare --map-root-user --net python3 packaging/bootstrap.py test tests/links"
)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _enter_new_namespace() -> None:
    if sys.platform != "linux":
        raise NamespaceError(_NEEDED)
    try:
        _call(_libc().unshare(_NETWORK_NAMESPACE))
    except OSError as error:
        raise NamespaceError(f"{error}: no network namespace could be made. {_NEEDED}") from error


@contextmanager
def _back_home() -> Iterator[None]:
    """Be in the present namespace again afterwards."""
    if sys.platform != "linux":
        raise NamespaceError(_NEEDED)
    home = os.open(_OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        if (
            Path(_OWN_NAMESPACE).stat().st_ino != os.fstat(home).st_ino
        ):  # where nothing was entered, nor may be
            _call(_libc().setns(home, _NETWORK_NAMESPACE))
        os.close(home)


def _open_tun() -> int:
    """A TUN device in the present namespace; its file is made where the machine has the driver alone."""
    flags = os.O_RDWR | os.O_CLOEXEC
    try:
        device = os.open(_TUN, flags)
    except FileNotFoundError:
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder, "tun"))
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(*_TUN_DEVICE))
            device = os.open(path, flags)
    try:
        fcntl.ioctl(device, _TUN_SET_INTERFACE, struct.pack("16sH22x", b"wire0", _TUN_WITHOUT_HEADER))
    except OSError:
        os.close(device)
        raise
    os.set_blocking(device, False)
    return device


def _configure(interface: str, address: str, mask: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for request, value in ((_SET_ADDRESS, address), (_SET_MASK, mask)):
            asked = struct.pack("16sHH4s16x", interface.encode(), socket.AF_INET, 0, socket.inet_aton(value))
            with suppress(FileExistsError):
                fcntl.ioctl(any_socket, request, asked)
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH22x", interface.encode(), _UP))
