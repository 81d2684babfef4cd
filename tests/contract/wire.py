"""One accepted connection: raw bytes in and out, every wait interruptible, every ending deliberate."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import sys
import threading
import time

from tests.contract.behaviours import Call, End

_CHUNK = 65_536
_STANDS_STILL_S = 0.2
_LINGER_FORMAT = "hh" if sys.platform == "win32" else "ii"


class ClientGoneError(Exception):
    """The client ended the connection. ``end`` says how."""

    def __init__(self, end: End) -> None:
        super().__init__(end)
        self.end = end


class CutError(Exception):
    """The test asked for this link to be cut now."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__(reset)
        self.reset = reset


class Connection:
    """A socket that one thread serves and that any thread may interrupt."""

    def __init__(self, raw: socket.socket, number: int, context: ssl.SSLContext | None) -> None:
        self.number = number
        self.idle = True
        self._lock = threading.Lock()
        self._stopping = False
        self._frozen = False
        self._stands_still = threading.Event()
        self._cut: bool | None = None
        self._notified = False  # the client sent its TLS close_notify
        self._buffer = bytearray()
        raw.setblocking(False)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = raw
        # Not an SSLSocket: its recv cannot tell an RST from a FIN.
        self._from_client, self._to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._secure: ssl.SSLObject | None = None
        if context is not None:
            self._secure = context.wrap_bio(self._from_client, self._to_client, server_side=True)
        self._alarm, self._bell = socket.socketpair()
        self._bell.setblocking(False)
        self._alarm.setblocking(False)

    # -- from other threads ----------------------------------------------------------------------------

    def stop(self) -> None:
        """Make every present and future wait raise :class:`ClientGoneError` with ``stopped``."""
        self._stopping = True
        self._ring()

    def cut(self, *, reset: bool) -> None:
        """Make the present wait raise :class:`CutError`."""
        self._cut = reset
        self._ring()

    def freeze(self, *, frozen: bool) -> None:
        """Neither read nor write until thawed, as if the other end had gone silently."""
        self._frozen = frozen
        self._ring()
        if frozen:  # not before its thread stands still; one that is busy acting is not waited for long
            self._stands_still.wait(_STANDS_STILL_S)

    def _ring(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            self._bell.send(b"!")

    # -- from the serving thread -----------------------------------------------------------------------

    def shake_hands(self) -> None:
        """Complete the TLS handshake; without TLS nothing.

        Raises:
            ssl.SSLError: the client broke it off.
            ClientGoneError: the client ended the connection.
        """
        while self._secure is not None:
            try:
                self._secure.do_handshake()
            except ssl.SSLWantReadError:
                self._push(self._to_client.read())
                while (data := self._receive()) is None:
                    self._wait(write=False, seconds=None)
                self._from_client.write(data)
            else:
                self._push(self._to_client.read())
                self._decrypt(b"")  # a request may have come with the end of the handshake
                return

    def read_head(self, call_number: int, idle_s: float | None) -> Call | None:
        """Return the next request without its body, or None when the link was idle for ``idle_s``."""
        self.idle = not self._buffer
        while b"\r\n\r\n" not in self._buffer:
            if not self._fill(idle_s):
                return None
        self.idle = False
        head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        self._buffer[:] = rest
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        pairs = (line.partition(":") for line in lines)
        headers = tuple((name, value.strip()) for name, _, value in pairs)
        return Call(call_number, self.number, method, target, headers, arrived=time.monotonic())

    def read_body(self, call: Call) -> None:
        """Read the body that the head announces into ``call`` and stamp its last byte's arrival."""
        if (call.header("transfer-encoding") or "").lower() == "chunked":
            body = b""
            while size := int(self._line().partition(b";")[0], 16):
                body += self._exactly(size)
                self._line()
            while self._line():
                pass
            call.body = body
        else:
            call.body = self._exactly(int(call.header("content-length") or 0))
        call.arrived = time.monotonic()
        call.complete = True

    def read_some(self) -> bytes:
        """Return the next bytes, whatever they are."""
        self._fill(None)
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    def send(self, data: bytes) -> None:
        """Send all of ``data``.

        Raises:
            ClientGoneError: the client ended the connection, or the server stops.
        """
        if self._secure is not None:
            self._secure.write(data)
            data = self._to_client.read()
        self._push(data)

    def wait(self, seconds: float | None) -> None:
        """Wait; what the client sends meanwhile is kept for later.

        Raises:
            ClientGoneError: the client ended the connection meanwhile, or the server stops.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            if (left is not None and left <= 0) or not self._fill(left):
                return

    def pause(self, seconds: float) -> End | None:
        """Wait out the whole time, also when the client goes; return how it went, if it did."""
        deadline = time.monotonic() + seconds
        try:
            self.wait(seconds)
        except ClientGoneError as gone:
            while gone.end != "stopped" and (left := deadline - time.monotonic()) > 0:
                self._alarmed(left)
                if self._stopping:
                    return "stopped"
            return gone.end
        return None

    def quiet(self, seconds: float) -> bool:
        """Return True after ``seconds`` without a byte from the client, False as soon as there is one."""
        return not self._buffer and not self._fill(seconds)

    def end(self, *, reset: bool = False, polite: bool = False) -> None:
        """Close: with an RST, or with a FIN (``polite``: after a TLS close_notify)."""
        with contextlib.suppress(OSError, ValueError):
            if reset:
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER_FORMAT, 1, 0))
            elif polite and self._secure is not None:
                with contextlib.suppress(ssl.SSLError):
                    self._secure.unwrap()
                self._sock.send(self._to_client.read())
        self._sock.close()
        with self._lock:
            self._alarm.close()
            self._bell.close()

    def drain(self) -> End:
        """Send a FIN, then throw away what comes until the client ends too.

        A close with unread bytes would be an RST.
        """
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
        try:
            while True:
                self._fill(None)
                self._buffer.clear()
        except ClientGoneError as gone:
            return gone.end

    # -- inside ----------------------------------------------------------------------------------------

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            self._fill(None)
        line, _, rest = bytes(self._buffer).partition(b"\r\n")
        self._buffer[:] = rest
        return line

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._fill(None)
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _fill(self, seconds: float | None) -> bool:
        """Read into the buffer; False when nothing came within ``seconds``."""
        deadline = None if seconds is None else time.monotonic() + seconds
        before = len(self._buffer)
        while len(self._buffer) == before:
            if (data := self._receive()) is not None:
                self._decrypt(data)
            elif not self._wait(write=False, seconds=_left(deadline)):
                return False
        return True

    def _receive(self) -> bytes | None:
        """Return what waits in the socket, None when nothing does."""
        self._while_frozen()
        if self._notified:
            raise ClientGoneError("fin")
        try:
            data = self._sock.recv(_CHUNK)
        except BlockingIOError:
            return None
        except OSError as error:
            raise ClientGoneError("rst") from error
        if not data:
            raise ClientGoneError("fin")
        return data

    def _decrypt(self, data: bytes) -> None:
        if self._secure is None:
            self._buffer += data
            return
        self._from_client.write(data)
        try:
            while piece := self._secure.read(_CHUNK):
                self._buffer += piece
            self._notified = True
        except ssl.SSLWantReadError:
            pass
        self._push(self._to_client.read())

    def _push(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._while_frozen()
            try:
                view = view[self._sock.send(view) :]
            except BlockingIOError:
                self._wait(write=True, seconds=None)
            except OSError as error:
                raise ClientGoneError("rst") from error

    def _wait(self, *, write: bool, seconds: float | None) -> bool:
        """Wait until the socket is ready; False after ``seconds``."""
        reads = [self._alarm] if write else [self._alarm, self._sock]
        readable, writable, _ = select.select(reads, [self._sock] if write else [], [], seconds)
        if self._alarm in readable:
            self._answer_alarm()
        return bool(readable or writable)

    def _while_frozen(self) -> None:
        if self._stopping:
            raise ClientGoneError("stopped")
        if self._cut is not None and self.idle:
            raise CutError(reset=self._cut)
        while self._frozen:
            self._stands_still.set()
            self._alarmed(None)
            if self._stopping:
                raise ClientGoneError("stopped")
        self._stands_still.clear()

    def _alarmed(self, seconds: float | None) -> None:
        if select.select([self._alarm], [], [], seconds)[0]:
            with contextlib.suppress(BlockingIOError):
                self._alarm.recv(_CHUNK)

    def _answer_alarm(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._alarm.recv(_CHUNK)
        if self._stopping:
            raise ClientGoneError("stopped")
        if self._cut is not None:
            raise CutError(reset=self._cut)


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())
