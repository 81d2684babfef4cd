"""A window as a screen reader has it: names, roles, states and announcements, over the bus of AT-SPI."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tests.person.pixels import Rect

if sys.platform == "linux":  # elsewhere nothing of this folder runs
    from jeepney import (  # type: ignore[import-untyped]
        DBusAddress,
        DBusErrorResponse,
        MatchRule,
        message_bus,
        new_method_call,
    )
    from jeepney.io.blocking import open_dbus_connection  # type: ignore[import-untyped]
    from jeepney.wrappers import unwrap_msg  # type: ignore[import-untyped]

_PATIENCE_S = 60.0
_ACCESSIBLE = "org.a11y.atspi.Accessible"
_ACTION = "org.a11y.atspi.Action"
_COMPONENT = "org.a11y.atspi.Component"
_EVENT = "org.a11y.atspi.Event.Object"
_REGISTRY = "org.a11y.atspi.Registry"
_ROOT = (_REGISTRY, "/org/a11y/atspi/accessible/root")
_ON_SCREEN = 0
# AtspiStateType
CHECKED, ENABLED, FOCUSABLE, FOCUSED, SHOWING = 4, 8, 11, 12, 25
_DEFUNCT = 6
ASSERTIVE = 2
"""AtspiLive: it may interrupt what is being read."""

Ref = tuple[str, str]


class GoneError(Exception):
    """What was asked is not there any more."""


def bus_of_screen_readers(session: str) -> str:
    """Its address, from the session's bus, which starts it where it does not run."""
    with open_dbus_connection(session) as connection:
        address = DBusAddress("/org/a11y/bus", "org.a11y.Bus", "org.a11y.Bus")
        reply = connection.send_and_get_reply(new_method_call(address, "GetAddress"), timeout=_PATIENCE_S)
        [found] = unwrap_msg(reply)
    return str(found)


class Bus:
    """A connection of a screen reader's."""

    def __init__(self, address: str) -> None:
        self._address = address

    def __enter__(self) -> Self:
        self._connection = open_dbus_connection(self._address)
        try:
            for event in ("object:announcement", "object:state-changed"):
                self.call((_REGISTRY, "/org/a11y/atspi/registry"), _REGISTRY, "RegisterEvent", "s", event)
        except BaseException:
            self._connection.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def programs(self) -> list["Node"]:
        """Every program that a screen reader would find."""
        return Node(self, _ROOT).children()

    def process_of(self, node: "Node") -> int:
        """The id of the process that a node lives in."""
        message = message_bus.GetConnectionUnixProcessID(node.ref[0])
        [pid] = unwrap_msg(self._connection.send_and_get_reply(message, timeout=_PATIENCE_S))
        return int(pid)

    def hear(self) -> "Hearing":
        """Listen from now on; a connection of its own."""
        return Hearing(self._address)

    def call(self, ref: Ref, interface: str, method: str, signature: str = "", *values: object) -> Any:
        """The first value of the answer.

        Raises:
            GoneError: there is none to ask, any more.
        """
        address = DBusAddress(ref[1], ref[0], interface)
        message = new_method_call(address, method, signature or None, values)
        try:
            body = unwrap_msg(self._connection.send_and_get_reply(message, timeout=_PATIENCE_S))
        except DBusErrorResponse as error:
            raise GoneError(f"{method} of {ref}: {error}") from error
        return body[0] if body else None


@dataclass(frozen=True, slots=True)
class Node:
    """One thing in a window."""

    bus: Bus
    ref: Ref

    @property
    def name(self) -> str:
        return str(self._property("Name"))

    @property
    def description(self) -> str:
        return str(self._property("Description"))

    @property
    def identifier(self) -> str:
        """The last part of what Qt makes of the object names on the way to it."""
        return str(self._property("AccessibleId")).rpartition(".")[2]

    @property
    def role(self) -> str:
        return str(self.bus.call(self.ref, _ACCESSIBLE, "GetRoleName"))

    @property
    def labels(self) -> list[str]:
        """The names of what labels it."""
        relations = self.bus.call(self.ref, _ACCESSIBLE, "GetRelationSet")
        labelled_by = 2  # AtspiRelationType; the other direction is 1
        return [
            Node(self.bus, tuple(ref)).name for kind, refs in relations if kind == labelled_by for ref in refs
        ]

    @property
    def rect(self) -> Rect:
        return Rect(*self.bus.call(self.ref, _COMPONENT, "GetExtents", "u", _ON_SCREEN))

    def states(self) -> frozenset[int]:
        low, high = self.bus.call(self.ref, _ACCESSIBLE, "GetState")
        whole = low | high << 32
        return frozenset(bit for bit in range(64) if whole >> bit & 1)

    def is_in(self, *states: int) -> bool:
        """Whether it is in all of these states; what is gone is in none."""
        try:
            found = self.states()
        except GoneError:
            return False
        return found >= set(states) and _DEFUNCT not in found

    @property
    def is_showing(self) -> bool:
        return self.is_in(SHOWING)

    def children(self) -> list["Node"]:
        try:
            refs = self.bus.call(self.ref, _ACCESSIBLE, "GetChildren")
        except GoneError:
            return []
        return [Node(self.bus, (name, path)) for name, path in refs]

    def walk(self, *, showing: bool = False) -> Iterator["Node"]:
        """This and everything in it; `showing`: but for what is hidden, and all in that."""
        if showing and not self.is_showing:
            return
        yield self
        for child in self.children():
            yield from child.walk(showing=showing)

    def actions(self) -> list[str]:
        count = self.bus.call(self.ref, "org.freedesktop.DBus.Properties", "Get", "ss", _ACTION, "NActions")[
            1
        ]
        return [str(self.bus.call(self.ref, _ACTION, "GetName", "i", number)) for number in range(count)]

    def act(self, name: str) -> None:
        """Do what a screen reader's key does."""
        self.bus.call(self.ref, _ACTION, "DoAction", "i", self.actions().index(name))

    def _property(self, name: str) -> Any:
        return self.bus.call(self.ref, "org.freedesktop.DBus.Properties", "Get", "ss", _ACCESSIBLE, name)[1]


@dataclass(frozen=True, slots=True)
class Said:
    """One announcement."""

    text: str
    politeness: int


class Hearing:
    """What was announced and focused since it began."""

    def __init__(self, address: str) -> None:
        self.said: list[Said] = []
        self.focused: list[Ref] = []
        self._connection = open_dbus_connection(address)
        self._connection.send_and_get_reply(
            message_bus.AddMatch(MatchRule(type="signal", interface=_EVENT)), timeout=_PATIENCE_S
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def until(self, condition: Callable[[], object], what: Callable[[], object]) -> None:
        """Listen until something is so."""
        end = time.monotonic() + _PATIENCE_S
        while not condition():
            assert time.monotonic() < end, what()
            self._receive(0.05)

    def announces(self, *words: str) -> Said:
        """Listen until something with all these words is announced; that."""

        def found() -> Said | None:
            return next((each for each in self.said if all(word in each.text for word in words)), None)

        self.until(found, lambda: (words, self.said))
        said = found()
        assert said is not None
        return said

    def drain(self) -> None:
        """Take what came already."""
        while self._receive(0.0):
            pass

    def _receive(self, wait_s: float) -> bool:
        with suppress(TimeoutError):
            message = self._connection.receive(timeout=wait_s)
            fields = {key.name: value for key, value in message.header.fields.items()}
            member, body = fields.get("member"), message.body
            if member == "Announcement":
                self.said.append(Said(str(body[3][1]), int(body[1])))
            elif member == "StateChanged" and body[0] == "focused" and body[1]:
                self.focused.append((fields["sender"], fields["path"]))
            return True
        return False
