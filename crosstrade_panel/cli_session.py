"""What one command runs in: a server, the journal, the log, and an end that can be asked for at any time."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from crosstrade_panel.cli_arguments import Where
from crosstrade_panel.crosstrade.tls import made_ahead
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.late import late
from crosstrade_panel.server_choice import (
    AddressProblem,
    NoToken,
    ServerChoice,
    TokenProblem,
    choose_server,
    practice_server,
    proxy_for,
)
from crosstrade_panel.storage.credentials import KeyringStore
from crosstrade_panel.storage.journal import SqliteJournal
from crosstrade_panel.storage.journal_view import PressRecord
from crosstrade_panel.storage.log import Redactor, end_log, start_log
from crosstrade_panel.storage.paths import Paths, find_paths
from crosstrade_panel.system_clock import SystemClock
from crosstrade_panel.trading.budget import Budget
from crosstrade_panel.trading.desk import AfterIntent, Desk
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.press import Press, PressBook
from crosstrade_panel.trading.record import Record
from crosstrade_panel.trading.watch import Watch
from crosstrade_panel.wakefulness import Wakefulness

if TYPE_CHECKING:
    import ssl

    from crosstrade_panel import cli_texts
    from crosstrade_panel.storage.settings import LoadedSettings
else:
    cli_texts = late("cli_texts")

# Without any handler Python would print warnings, tracebacks too, to the terminal.
_log = logging.getLogger(__name__)
logging.getLogger("crosstrade_panel").addHandler(logging.NullHandler())
_T = TypeVar("_T")

PACE_VARIABLE = "CROSSTRADE_PANEL_PACE"
"""For tests and drills: multiplies every waiting time, 0.02 to 1; only against a server on this machine."""

_PACE_BOUNDS = (0.02, 1.0)
_THIS_MACHINE = frozenset({"127.0.0.1", "[::1]"})
_JOURNAL_READ_S = 0.020
_REVERSE_WAITS_S = 0.5
_LOCKS_REACH_S = 20.0


class Interruption:
    """Ctrl-C, SIGTERM and a closed terminal: the first one cancels the work, a second one breaks the loop.

    Outside the work they raise KeyboardInterrupt, once. Where `is_sealed` says that there is only the truth
    left to tell, the first one still cancels, and nothing is ever raised. After either, all are ignored until
    the process ends: the exit code is what happened. What the parent had ignored stays ignored.
    """

    def __init__(self, is_sealed: Callable[[], bool] = lambda: False) -> None:
        self._is_sealed = is_sealed
        self._is_deaf = False
        self._task: asyncio.Task[Any] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGINT", "SIGTERM", "SIGHUP"):
                number = getattr(signal, name, None)  # Windows has no SIGHUP
                if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        is_over = self._is_deaf or self._is_sealed()
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_IGN if is_over else handler)

    def run(self, work: Callable[[], Coroutine[None, None, _T]]) -> _T:
        """Run a coroutine on a loop of its own; one cancelled from here has to end by itself."""

        async def watched() -> _T:
            loop = asyncio.get_running_loop()
            loop.set_default_executor(_Impatient(1))
            self._task = asyncio.current_task()
            try:
                return await work()
            finally:
                self._task = None

        with asyncio.Runner() as runner:
            return runner.run(watched())

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_deaf:
            return
        task, self._task = self._task, None
        self._is_deaf = task is None or self._is_sealed()
        if task is not None:
            task.cancel()
            task.get_loop().call_soon_threadsafe(lambda: None)  # wake it
        elif not self._is_sealed():
            raise KeyboardInterrupt


class _Impatient(ThreadPoolExecutor):
    """Threads that no exit waits for: a look-up of a host name may hang for half a minute."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        super().shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Session:
    """One server, and where this machine keeps the story. `earlier` was asked for at the very start."""

    paths: Paths
    choice: ServerChoice
    problem: str
    journal: SqliteJournal
    earlier: "Future[list[PressRecord]]"
    clock: SystemClock
    pace: Pace
    tls: "Callable[[], ssl.SSLContext]"

    @asynccontextmanager
    async def desk(
        self, on_change: Callable[[Press], None], after_intent: "AfterIntent | None" = None
    ) -> AsyncIterator[Desk]:
        """A desk at that server, over a connection of its own."""
        from crosstrade_panel.crosstrade.rest import RestGateway  # noqa: PLC0415 - while the journal opens

        choice, clock, pace = self.choice, self.clock, self.pace
        assert choice.base_url is not None  # noqa: S101 - asked only where there is no problem
        assert choice.token is not None  # noqa: S101
        proxy = await asyncio.to_thread(proxy_for, choice, _settings_in(self.paths))
        gateway = RestGateway(
            choice.base_url,
            choice.token.secret.reveal(),
            clock=clock,
            pace=pace,
            tls=self.tls,
            proxy=proxy,
        )
        watch = Watch(gateway, clock, Budget(clock.monotonic()), pace)
        record = Record(self.journal, clock, choice.origin, is_practice=choice.is_practice)
        desk = Desk(
            gateway,
            watch,
            record,
            PressBook(pace),
            clock,
            pace,
            on_change,
            has_past=False,
            after_intent=after_intent,
        )
        awake = Wakefulness(clock, lambda _: desk.begin_anew())
        watch.look_around = awake.look
        sleep = asyncio.create_task(awake.run())
        try:
            yield desk
        finally:
            sleep.cancel()
            await watch.stop()
            await gateway.aclose()

    async def presses_around(self, press: Press, written: "Future[bool]") -> list[PressRecord] | None:
        """What was pressed lately, elsewhere and here, as the journal says behind the intent of a press.

        For a reverse None unless the intent was committed and is in an answer that came in time. For a
        flatten the best that is known: it waits for no intent, and takes an older answer or none.
        """
        if press.is_reverse and await _result(written, _REVERSE_WAITS_S) is not True:
            return None
        now = self.journal.presses_elsewhere(_LOCKS_REACH_S, press.id)
        records = await _result(now, _JOURNAL_READ_S)
        if press.is_reverse:
            is_listed = records is not None and any(record.press_id == press.id for record in records)
            return records if is_listed else None
        if records is None:
            records = await _result(self.earlier, 0.0)
        return records or []


async def _result(answer: "Future[_T]", within_s: float) -> _T | None:
    """The result of a future of another thread; None when there is none in time."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def tell(_: "Future[_T]") -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(done.set)

    if not answer.done():
        answer.add_done_callback(tell)
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await done.wait()
    return answer.result() if answer.done() and answer.exception() is None else None


@contextmanager
def open_session(where: Where) -> Iterator[Session]:
    """Everything that stays open for one command. Journal and TLS prepare themselves during the imports."""
    tls = made_ahead().result
    redactor = Redactor()
    with ExitStack() as stack:
        paths = find_paths()
        log = start_log(paths.log_of("command"), redactor)
        stack.callback(end_log, log)
        journal = SqliteJournal(paths.journal, redact=redactor)
        stack.callback(journal.close)
        earlier = journal.presses_elsewhere(_LOCKS_REACH_S)
        choice, problem = _choose(where, paths, stack)
        if choice.token is not None:
            redactor.hide(choice.token.secret)
        pace = _pace(choice, os.environ)
        try:
            yield Session(paths, choice, problem, journal, earlier, SystemClock(), pace, tls)
        except Exception:
            # Here, while there is a log: whoever turns it into a sentence comes after its end.
            _log.exception("the command line failed in a way that is not foreseen")
            raise


def _choose(where: Where, paths: Paths, stack: ExitStack) -> tuple[ServerChoice, str]:
    """The server, and in words why there is none."""
    if where.practice:
        from crosstrade_panel.simulator.listener import PracticeError  # noqa: PLC0415 - for practice only
        from crosstrade_panel.simulator.server import PracticeExchange  # noqa: PLC0415

        try:
            exchange = stack.enter_context(PracticeExchange())
        except PracticeError as error:
            problem = AddressProblem(str(error))
            choice = ServerChoice(None, "command", is_practice=True, problem=problem)
            return choice, cli_texts.no_practice(str(error))
        return practice_server(exchange.base_url, exchange.token), ""

    choice = choose_server(
        base_url=where.base_url,
        environ=os.environ,
        settings=_settings_in(paths),
        store=KeyringStore(),
    )
    return choice, _in_words(choice)


def _settings_in(paths: Paths) -> "Callable[[], LoadedSettings]":
    def load() -> "LoadedSettings":
        from crosstrade_panel.storage.settings import SettingsFile  # noqa: PLC0415 - slow, seldom needed

        return SettingsFile(paths.settings).load()

    return load


def _in_words(choice: ServerChoice) -> str:
    match choice.problem:
        case None:
            return ""
        case AddressProblem(detail=detail):
            return cli_texts.wrong_address(detail)
        case TokenProblem(fault=fault, variable=variable):
            return cli_texts.wrong_token(fault.value, variable)
        case NoToken(store=store, environment_ignored=ignored):  # pragma: no branch - the types end here
            why = None if store is None else store.value
            return cli_texts.no_token(choice.origin, why, environment_ignored=ignored)


def _pace(choice: ServerChoice, environ: Mapping[str, str]) -> Pace:
    """The waiting times; a proof against a real server is never made with shorter ones."""
    if choice.base_url is None or choice.base_url.host not in _THIS_MACHINE:
        return Pace()
    try:
        factor = float(environ.get(PACE_VARIABLE, "1"))
    except ValueError:
        return Pace()
    least, most = _PACE_BOUNDS
    return Pace().scaled(factor) if least <= factor <= most else Pace()
