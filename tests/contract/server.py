"""The server: a thread for the listener, one for each connection, rules, and a log of what arrived."""

from __future__ import annotations

import contextlib
import secrets
import select
import socket
import ssl
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, get_args

from tests.contract.api import Api, Kind, kind_of
from tests.contract.behaviours import Behaviour, Call, DropBeforeReading, Hang, Honest, Reply, reply_json
from tests.contract.certificates import CertificateAuthority
from tests.contract.play import Play, drop_unread
from tests.contract.state import Account, Book, Json, Order, Position, State, default_state
from tests.contract.wire import ClientGoneError, Connection, CutError

Match = Kind | Literal["any", "read", "press", "connect"] | Callable[[Call], bool]
_JOIN_S = 10.0


@dataclass(slots=True)
class Rule:
    """A behaviour for the requests that match: not the first ``skip``, at most ``times`` of the rest."""

    match: Match
    behaviour: Behaviour
    times: int | None = None
    skip: int = 0
    hits: int = 0
    _seen: int = field(default=0, repr=False)

    def takes(self, call: Call) -> bool:
        """Count ``call`` if it matches; return whether this rule answers it."""
        if not _matches(self.match, call) or (self.times is not None and self.hits >= self.times):
            return False
        return self.take()

    def take(self) -> bool:
        """Count one match; return whether this rule answers it."""
        self._seen += 1
        if self._seen <= self.skip or (self.times is not None and self.hits >= self.times):
            return False
        self.hits += 1
        return True


class ContractServer:
    """CrossTrade's REST API on a loopback port of its own choosing, as honest or as faulty as its rules.

    Attributes:
        api: the honest half, with its settings (``settle_s``, ``lag_s``, ``accounts_shape``, ...).
        book: the state.
        token: what a client must send as bearer.
        port: the port on 127.0.0.1.
        authority: who issued the certificate, or None without TLS.
    """

    def __init__(
        self,
        accounts: Sequence[Account] | None = None,
        positions: Sequence[Position] | None = None,
        orders: Sequence[Order] | None = None,
        token: str | None = None,
        *,
        port: int = 0,
        tls: bool = False,
        hosts: tuple[str, ...] = ("127.0.0.1", "localhost"),
        expired: bool = False,
        trusted: bool = True,
        settle_s: float = 0.0,
        lag_s: float = 0.0,
        idle_s: float | None = None,
    ) -> None:
        first = default_state()
        if accounts is not None:
            first = State(tuple(accounts))
        if positions is not None:
            first = replace(first, positions=tuple(positions))
        if orders is not None:
            first = replace(first, orders=tuple(orders))
        self.token = token or secrets.token_hex(16)
        self.book = Book(first)
        self.api = Api(self.book, self.token, settle_s=settle_s, lag_s=lag_s)
        self.authority = CertificateAuthority() if tls else None
        self.port = port
        self._shown_authority = self.authority if trusted else CertificateAuthority("somebody else")
        self._context = self.authority.server_context(hosts, expired=expired) if self.authority else None
        self._ca_folder: tempfile.TemporaryDirectory[str] | None = None
        self._idle_s = idle_s
        self._rules: list[Rule] = []
        self._scripts: dict[Kind, deque[Behaviour]] = {}
        self._log: list[Call] = []
        self._failures: list[Exception] = []
        self._links: dict[Connection, threading.Thread] = {}
        self._accepted = 0
        self._calls = 0
        self._frozen = False
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._listener: socket.socket | None = None
        self._bell: socket.socket | None = None
        self._thread: threading.Thread | None = None

    # -- life ------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Listen, and return the server itself."""
        alarm, self._bell = socket.socketpair()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(
            target=self._accept, args=(self._listener, alarm), name="contract-accept"
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Cut every connection, close every socket and end every thread.

        Raises:
            ExceptionGroup: something inside the server broke.
            RuntimeError: a thread did not end.
        """
        self._stopping.set()
        if self._bell is not None:
            with contextlib.suppress(OSError):  # the thread has noticed by itself, and is leaving
                self._bell.send(b"!")
            self._bell.close()
            self._bell = None
        if self._thread is not None:
            self._thread.join(_JOIN_S)
            self._thread = None
        with self._changed:
            links = dict(self._links)
        for link in links:
            link.stop()
        for thread in links.values():
            thread.join(_JOIN_S)
            if thread.is_alive():
                raise RuntimeError(f"{thread.name} did not end")
        if self._ca_folder is not None:
            self._ca_folder.cleanup()
            self._ca_folder = None
        if self._failures:
            raise ExceptionGroup("the contract server broke", self._failures)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- where and how to reach it ---------------------------------------------------------------------

    @property
    def base_url(self) -> str:
        """``http(s)://127.0.0.1:port``."""
        return f"http{'s' if self.authority else ''}://127.0.0.1:{self.port}"

    @property
    def ca_file(self) -> Path:
        """A file with the certificate to trust (with ``trusted=False`` another's); gone after the stop."""
        if self._shown_authority is None:
            raise ValueError("a server without TLS has no authority")
        if self._ca_folder is None:
            self._ca_folder = tempfile.TemporaryDirectory()
            Path(self._ca_folder.name, "ca.pem").write_text(self._shown_authority.pem, encoding="ascii")
        return Path(self._ca_folder.name, "ca.pem")

    def client_context(self) -> ssl.SSLContext:
        """Return a client's TLS context that trusts what ``ca_file`` holds."""
        if self._shown_authority is None:
            raise ValueError("a server without TLS has no authority")
        return self._shown_authority.client_context()

    # -- what it shall do ------------------------------------------------------------------------------

    def rule(self, match: Match, behaviour: Behaviour, *, times: int | None = None, skip: int = 0) -> Rule:
        """Add a rule after those there are and return it; the first that takes a request answers it."""
        if match == "connect" and not isinstance(behaviour, DropBeforeReading | Hang):
            raise ValueError("a new connection can be dropped or left hanging, nothing else")
        if not callable(match) and match not in {*get_args(Kind), "any", "read", "press", "connect"}:
            raise ValueError(f"unknown match {match!r}")
        rule = Rule(match, behaviour, times, skip)
        with self._changed:
            self._rules.append(rule)
        return rule

    def be_honest(self) -> None:
        """Forget all rules and scripts."""
        with self._changed:
            self._rules.clear()
            self._scripts.clear()

    def script(self, kind: Kind, answers: Iterable[bytes | str | Json | Behaviour]) -> None:
        """Serve ``answers`` to successive reads of ``kind``, the last one for ever.

        Bytes and strings go out as they are with a 200, other values as their JSON, behaviours are performed.
        """
        with self._changed:
            self._scripts[kind] = deque(_scripted(answer) for answer in answers)

    def script_positions(self, answers: Iterable[bytes | str | Json | Behaviour]) -> None:
        """Serve ``answers`` to successive ``GET /positions``, the last one for ever."""
        self.script("positions", answers)

    def change(self, change: Callable[[State], State], delay_s: float = 0.0) -> None:
        """Change the state by hand, now or later: a fill, a strategy that re-enters, a broker that drops."""
        self.book.change(change, delay_s)

    def set_positions(self, *positions: Position, delay_s: float = 0.0) -> None:
        """Make these the open positions."""
        self.change(lambda state: replace(state, positions=positions), delay_s)

    def set_orders(self, *orders: Order, delay_s: float = 0.0) -> None:
        """Make these the orders."""
        self.change(lambda state: replace(state, orders=orders), delay_s)

    def set_accounts(self, *accounts: Account, delay_s: float = 0.0) -> None:
        """Make these the accounts; positions of others stay in the positions read."""
        self.change(lambda state: replace(state, accounts=accounts), delay_s)

    def cut_idle(self, *, reset: bool = True) -> int:
        """Cut every connection that waits for a request, now; return how many, once they are closed."""
        with self._changed:
            idle = {link: thread for link, thread in self._links.items() if link.idle}
        for link in idle:
            link.cut(reset=reset)
        for thread in idle.values():
            thread.join(_JOIN_S)
        return len(idle)

    def freeze(self) -> None:
        """Stop reading and writing on every link, present and future, without closing any."""
        self._set_frozen(frozen=True)

    def thaw(self) -> None:
        """Go on after :meth:`freeze`; what was sent meanwhile arrives now."""
        self._set_frozen(frozen=False)

    def _set_frozen(self, *, frozen: bool) -> None:
        with self._changed:
            self._frozen = frozen
            links = list(self._links)
        for link in links:
            link.freeze(frozen=frozen)

    # -- what it saw -----------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """The state now, without lag."""
        return self.book.state()

    @property
    def log(self) -> list[Call]:
        """Every request so far, in the order in which their heads arrived."""
        with self._changed:
            return list(self._log)

    @property
    def presses(self) -> list[Call]:
        """The requests that could change something."""
        return [call for call in self.log if call.method != "GET"]

    @property
    def reads(self) -> list[Call]:
        """The others."""
        return [call for call in self.log if call.method == "GET"]

    @property
    def connections(self) -> int:
        """How many connections were accepted so far."""
        with self._changed:
            return self._accepted

    @property
    def open_connections(self) -> int:
        """How many of them are open."""
        with self._changed:
            return len(self._links)

    def wait_for(self, condition: Callable[[], bool], within_s: float = 5.0) -> bool:
        """Wait until ``condition`` holds, asked whenever something happened; return whether it does.

        From a thread that may block, never from an event loop.
        """
        deadline = time.monotonic() + within_s
        while not (holds := condition()) and (left := deadline - time.monotonic()) > 0:
            with self._changed:
                # Changes of the state fall due without a notice.
                self._changed.wait(min(left, 0.02))
        return holds

    # -- threads ---------------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket, alarm: socket.socket) -> None:
        with listener, alarm:
            while not self._stopping.is_set():
                if listener not in select.select([listener, alarm], [], [])[0]:
                    continue
                try:
                    raw, _ = listener.accept()
                except OSError:
                    continue
                self._welcome(raw)

    def _welcome(self, raw: socket.socket) -> None:
        with self._changed:
            self._accepted += 1
            number = self._accepted
        try:
            link = Connection(raw, number, self._context)
        except OSError:  # gone before it was welcomed
            raw.close()
            return
        thread = threading.Thread(target=self._serve, args=(link,), name=f"contract-link-{number}")
        with self._changed:
            self._links[link] = thread
            link.freeze(frozen=self._frozen)
            thread.start()  # under the lock: whoever finds it may join it

    def _serve(self, link: Connection) -> None:
        try:
            link.shake_hands()
            self._converse(link)
        except (OSError, ClientGoneError):
            pass
        except CutError as cut:
            link.end(reset=cut.reset, polite=True)
        except Exception as error:  # noqa: BLE001 - told by stop()
            self._failures.append(error)
        finally:
            link.end()
            with self._changed:
                del self._links[link]
                self._changed.notify_all()

    def _converse(self, link: Connection) -> None:
        match self._rule_for_connection():
            case DropBeforeReading(reset):
                drop_unread(link, reset=reset)
                return
            case Hang():
                link.wait(None)
            case _:
                pass
        while (call := self._next_call(link)) is not None:
            behaviour = self._choose(call, unread=True)
            if isinstance(behaviour, DropBeforeReading):
                drop_unread(link, reset=behaviour.reset)
                return
            try:
                link.read_body(call)
                self._notice()
                if not Play(self.api, link, self._notice).perform(call, self._choose(call, unread=False)):
                    return
            except ClientGoneError as gone:
                call.ended = call.ended or gone.end
                raise

    def _next_call(self, link: Connection) -> Call | None:
        call = link.read_head(0, self._idle_s)
        if call is None:
            link.end(polite=True)
            return None
        with self._changed:
            self._calls += 1
            call.number = self._calls
            self._log.append(call)
            self._changed.notify_all()
        return call

    def _rule_for_connection(self) -> Behaviour | None:
        with self._changed:
            return next(
                (rule.behaviour for rule in self._rules if rule.match == "connect" and rule.take()), None
            )

    def _choose(self, call: Call, *, unread: bool) -> Behaviour:
        with self._changed:
            for rule in self._rules:
                if isinstance(rule.behaviour, DropBeforeReading) == unread and rule.takes(call):
                    return rule.behaviour
            script = self._scripts.get(kind_of(call))
            if unread or not script:
                return Honest()
            return script.popleft() if len(script) > 1 else script[0]

    def _notice(self) -> None:
        with self._changed:
            self._changed.notify_all()


def _matches(match: Match, call: Call) -> bool:
    if callable(match):
        return match(call)
    match match:
        case "any":
            return True
        case "read":
            return call.method == "GET"
        case "press":
            return call.method != "GET"
        case "connect":
            return False
        case kind:
            return kind_of(call) == kind


def _scripted(answer: bytes | str | Json | Behaviour) -> Behaviour:
    match answer:
        case bytes():
            return Reply(200, answer)
        case str():
            return Reply(200, answer.encode())
        case None | bool() | int() | float() | Decimal() | dict() | list() | tuple():
            return reply_json(200, answer)
        case _ if isinstance(answer, Behaviour):
            return answer
        case _:
            raise TypeError(f"not an answer: {answer!r}")
