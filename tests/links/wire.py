"""Two hosts and a wire between them in a test's hand.

A thread carries the packets from one to the other: it delays, loses and answers them as told, and knows
afterwards what passed. (The kernel's netem does as much where the kernel has it; not every one does.) Above
the packets everything is the system's: handshakes, retransmissions, resets, the time that unacknowledged
bytes live.
"""

import heapq
import itertools
import os
import select
import socket
import struct
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.links.namespace import Host

NEAR, FAR = "10.77.0.1", "10.77.0.2"
"""The client's address and the server's, the same in every pair: each pair is a world of its own."""

_MOST_BYTES = 65_535
_TCP, _ICMP = 6, 1
_HOST_UNREACHABLE = (3, 1)


@dataclass(frozen=True, slots=True)
class Packet:
    """What passed the wire, or did not (`lost`). `flow` is the client's port; `at` monotonic seconds."""

    at: float
    is_up: bool
    flow: int
    syn: bool
    rst: bool
    fin: bool
    payload: int
    lost: bool


class Wire:
    """Carries packets between two hosts. What is set here holds from the next packet on.

    `delay_s` is one way. `up` is from the client to the server. `lost_flows`: client ports whose packets are
    lost in both directions, while new connections pass: a NAT or firewall that forgot. `is_unreachable`: a
    router answers in the server's stead that there is no such host.
    """

    def __init__(self, near: Host, far: Host) -> None:
        """Begin to carry."""
        self.delay_s = 0.0
        self.is_unreachable = False
        self.loses_up = self.loses_down = False
        self.lost_flows: set[int] = set()
        self.packets: list[Packet] = []
        self._devices = (near.device, far.device)
        self._waiting: list[tuple[float, int, int, bytes]] = []
        self._numbers = itertools.count()
        self._alarm, self._bell = socket.socketpair()
        self._thread = threading.Thread(target=self._carry, name="wire")
        self._thread.start()

    def close(self) -> None:
        """Carry nothing any more."""
        self._bell.close()
        self._thread.join()
        self._alarm.close()

    def cut(self, *, up: bool = True, down: bool = True) -> None:
        """Lose everything, in silence."""
        self.loses_up, self.loses_down = up, down

    def heal(self) -> None:
        """Lose nothing."""
        self.loses_up = self.loses_down = self.is_unreachable = False
        self.lost_flows = set()

    def sent(self, since: float, flow: int | None = None) -> list[Packet]:
        """What the client sent from a moment on, lost or not."""
        return [
            each
            for each in list(self.packets)
            if each.is_up and each.at >= since and flow in {None, each.flow}
        ]

    def _carry(self) -> None:
        watched: list[int | socket.socket] = [*self._devices, self._alarm]
        while True:
            wait_s = max(0.0, self._waiting[0][0] - time.monotonic()) if self._waiting else None
            ready = select.select(watched, [], [], wait_s)[0]
            if self._alarm in ready:
                return
            for device in (each for each in self._devices if each in ready):
                with suppress(OSError):  # an interface that is down
                    self._take(device, os.read(device, _MOST_BYTES))
            while self._waiting and self._waiting[0][0] <= time.monotonic():
                _, _, device, data = heapq.heappop(self._waiting)
                with suppress(OSError):
                    os.write(device, data)

    def _take(self, device: int, data: bytes) -> None:
        if data[0] >> 4 != 4:  # what the system says of itself over IPv6
            return
        near, far = self._devices
        is_up = device == near
        packet = self._read(data, is_up=is_up)
        self.packets.append(packet)
        if not packet.lost:
            due = packet.at + self.delay_s
            heapq.heappush(self._waiting, (due, next(self._numbers), far if is_up else near, data))
        elif is_up and self.is_unreachable:
            heapq.heappush(self._waiting, (packet.at, next(self._numbers), near, _no_such_host(data)))

    def _read(self, data: bytes, *, is_up: bool) -> Packet:
        size, protocol, header = int.from_bytes(data[2:4], "big"), data[9], (data[0] & 15) * 4
        if protocol != _TCP:
            return Packet(
                time.monotonic(), is_up, 0, False, False, False, size - header, self._loses(0, is_up)
            )
        source, target = struct.unpack_from("!HH", data, header)
        flow = source if is_up else target
        flags, offset = data[header + 13], (data[header + 12] >> 4) * 4
        return Packet(
            at=time.monotonic(),
            is_up=is_up,
            flow=flow,
            syn=bool(flags & 2),
            rst=bool(flags & 4),
            fin=bool(flags & 1),
            payload=size - header - offset,
            lost=self._loses(flow, is_up),
        )

    def _loses(self, flow: int, is_up: bool) -> bool:
        one_way = self.loses_up if is_up else self.loses_down
        return one_way or self.is_unreachable or flow in self.lost_flows


class Line:
    """A client's host, a server's host, and the wire between them; the client's is entered with it."""

    def __init__(self) -> None:
        """Prepare; `with` makes it."""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.near, self.far = Host(NEAR), Host(FAR)
            stack.callback(self.near.close)
            stack.callback(self.far.close)
            self.wire = Wire(self.near, self.far)
            stack.callback(self.wire.close)
            stack.enter_context(self.near.inside())
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _no_such_host(data: bytes) -> bytes:
    """What a router answers to a packet (RFC 792): its header and the first eight bytes go back."""
    quoted = data[: (data[0] & 15) * 4 + 8]
    icmp = _with_checksum(struct.pack("!BBHI", *_HOST_UNREACHABLE, 0, 0) + quoted, 2)
    router, asker = socket.inet_aton(FAR), data[12:16]
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(icmp), 0, 0, 64, _ICMP, 0, router, asker)
    return _with_checksum(header, 10) + icmp


def _with_checksum(data: bytes, place: int) -> bytes:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    total += total >> 16
    return data[:place] + struct.pack("!H", ~total & 0xFFFF) + data[place + 2 :]
