"""A long day in a few minutes: presses, faults and reconnects, and whether anything grows.

`python -m tests.soak --minutes 20` runs the real program (offscreen, journal on disk, Qt's loop) against a
practice exchange in a process of its own, at a tenth of every waiting time, and prints what it saw. It ends
with 1 where something grew, broke, was logged as a warning or was sent twice.
"""

import argparse
import asyncio
import gc
import logging
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication

from crosstrade_panel import app as app_module
from crosstrade_panel.app import Program
from crosstrade_panel.runtime import install_crash_hooks, run
from crosstrade_panel.storage.log import Redactor, end_log, start_log
from crosstrade_panel.storage.paths import HOME_VARIABLE, find_paths
from crosstrade_panel.trading import budget
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.ui.banner import BannerCard
from tests.soaking import gauges
from tests.soaking.exchange import TOKEN, ExchangeProcess
from tests.soaking.hand import Hand
from tests.soaking.twice import arrivals_in, attempts_in, sent_twice

SCALE = 0.1
WARM_UP_S = 600.0
SAMPLE_S = 5.0
OBJECTS_S = 30.0
_BEAT_S = 0.01
# Nothing that the program logs as a warning belongs to a day like this.
EXPECTED_LOGS: tuple[str, ...] = ()
_STAYS_REAL = ("journal_wait_s", "hold_wide_s", "hold_narrow_s", "hold_gap_s", "reverse_read_s", "armed_s")


def hurried() -> Pace:
    """A tenth of every waiting time, but for those of the hand and the disk."""
    usual = Pace()
    return replace(usual.scaled(SCALE), **{name: getattr(usual, name) for name in _STAYS_REAL})


@contextmanager
def in_a_hurry() -> Iterator[None]:
    """The program's waiting times and its budget, scaled; the exchange scales its own."""
    scaled = {
        "REFILL_PER_S": budget.REFILL_PER_S / SCALE,
        "_MOST_BACK_OFF_S": budget._MOST_BACK_OFF_S * SCALE,
        "_CAUTION_HALVES_S": budget._CAUTION_HALVES_S * SCALE,
        "_NEXT_SIGN_S": budget._NEXT_SIGN_S * SCALE,
    }
    before = {name: getattr(budget, name) for name in scaled}
    pace = getattr(app_module, "Pace")  # noqa: B009 - the type checker wants it exported
    for name, value in scaled.items():
        setattr(budget, name, value)
    setattr(app_module, "Pace", hurried)  # noqa: B010 - the type checker takes it for a constant
    try:
        yield
    finally:
        setattr(app_module, "Pace", pace)  # noqa: B010
        for name, value in before.items():
            setattr(budget, name, value)


class Warnings(logging.Handler):
    """Every record of WARNING or more, by its words."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.seen: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        words = f"{record.levelname} {record.name}: {record.getMessage()}"
        if record.exc_info and record.exc_info[1] is not None:
            words += f" ({record.exc_info[1]!r})"
        self.seen[words] += 1


class Stalls:
    """How late the event loop comes to what is due; what is late because we measure does not count."""

    def __init__(self) -> None:
        self.late_ms: Counter[int] = Counter()
        self.longest_s = 0.0
        self._own_until = 0.0

    async def run(self) -> None:
        while True:
            due = time.monotonic() + _BEAT_S
            await asyncio.sleep(_BEAT_S)
            late_s = time.monotonic() - due
            if due - _BEAT_S >= self._own_until:
                self.late_ms[int(late_s * 1000)] += 1
                self.longest_s = max(self.longest_s, late_s)

    @contextmanager
    def own(self) -> Iterator[None]:
        """What we do ourselves meanwhile."""
        try:
            yield
        finally:
            self._own_until = time.monotonic()

    def percentile(self, share: float) -> int:
        """In whole milliseconds."""
        wanted, seen = share * self.late_ms.total(), 0
        for late in sorted(self.late_ms):
            seen += self.late_ms[late]
            if seen >= wanted:
                return late
        return 0


class Soak:
    """One run: the program, the hand that works it, and what was seen."""

    def __init__(self, application: QApplication, home: Path, seconds: float, seed: int) -> None:
        self._application = application
        self._home = home
        self._seconds = seconds
        self._seed = seed
        self._paths = find_paths({HOME_VARIABLE: str(home)})
        self.exchange = ExchangeProcess(home, SCALE)
        self.series = gauges.Series(int(seconds / self._sample_s) + 2)
        self.stalls = Stalls()
        self.warnings = Warnings()
        self.broken: list[str] = []
        self.grown: list[str] = []
        self.reads: Counter[str] = Counter()
        self.kinds: list[Counter[str]] = []  # the first behind the warm-up, and the newest
        self.places: list[Counter[str]] = []  # the same of what is in memory, and where from
        self.hand: Hand | None = None
        self.left_over: list[str] = []
        self._rss_at_start = 0.0

    async def __call__(self) -> int:
        """Begin, soak, end; 0 where nothing is wrong."""
        logging.getLogger().addHandler(self.warnings)
        self.exchange.start()
        try:
            while not self.exchange.is_ready:  # noqa: ASYNC110 - another process tells by a file
                await asyncio.sleep(0.05)
            with in_a_hurry():
                await self._work()
        finally:
            self.exchange.kill()
            logging.getLogger().removeHandler(self.warnings)
        return 1 if self.complaints() else 0

    async def _work(self) -> None:
        os.environ["XTRADE_TOKEN"] = TOKEN
        program = Program(
            self._application, self._paths, Redactor(), practice=False, base_url=self.exchange.base_url
        )
        self._listen_to(program)
        program.show()
        before = set(asyncio.all_tasks())
        main = asyncio.ensure_future(program.main())
        helpers = [asyncio.ensure_future(self.stalls.run())]
        try:
            while program._presenter._desk is None or program._presenter._desk.watch.latest is None:
                assert not main.done(), "the program ended"
                await asyncio.sleep(0.05)
            program._presenter._desk.watch.followers.append(self._count_read)
            self.hand = Hand(program, self.exchange, Random(self._seed))
            helpers.append(asyncio.ensure_future(self._measure(program)))
            helpers.append(asyncio.ensure_future(self.hand.run()))
            done, _ = await asyncio.wait(helpers, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
            for each in done:  # nothing of ours ends by itself; what was seen until then is told all the same
                logging.getLogger(__name__).error("the soak itself broke", exc_info=each.exception())
        finally:
            for each in helpers:
                each.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            if self.hand is not None:
                self.hand.let_go()
            program._closed.set()
            await asyncio.wait_for(main, 15)
            self._application.commitDataRequest.disconnect(program._on_session_ends)
            del os.environ["XTRADE_TOKEN"]
        await asyncio.sleep(0.2)
        self._look_what_is_left(before)

    def _listen_to(self, program: Program) -> None:
        original: Callable[[str], None] = program._supervisor._on_error

        def broke(name: str) -> None:
            self.broken.append(name)
            original(name)

        program._supervisor._on_error = broke

    def _count_read(self, read: object) -> None:
        self.reads[type(read).__name__] += 1

    def _look_what_is_left(self, before: set["asyncio.Task[object]"]) -> None:
        """Behind the program's own end nothing of it may be open."""
        _, kinds = gauges.descriptors()
        self.left_over += [f"{count} {kind}" for kind, count in kinds.items() if "established" in kind]
        tasks = asyncio.all_tasks() - before
        self.left_over += [f"task {task.get_name()}" for task in tasks if task is not asyncio.current_task()]

    # -- measuring

    async def _measure(self, program: Program) -> None:
        began = time.monotonic()
        objects_at = -OBJECTS_S
        while True:
            with self.stalls.own():
                self.series.add(time.monotonic() - began, self._sample(program))
                if time.monotonic() - began >= objects_at + OBJECTS_S:
                    objects_at = time.monotonic() - began
                    gc.collect()
                    is_warm = objects_at >= self.warm_up_s
                    self.kinds = [*self.kinds[:is_warm], gauges.objects_by_type()]
                    self.places = [*self.places[:is_warm], gauges.resident()]
            await asyncio.sleep(self._sample_s)

    def _sample(self, program: Program) -> dict[str, float]:
        import psutil

        memory = psutil.Process().memory_full_info()
        presenter, gateway, desk = program._presenter, program._gateway, program._presenter._desk
        assert gateway is not None
        assert desk is not None
        count, kinds = gauges.descriptors()
        sockets = {kind: number for kind, number in kinds.items() if kind.startswith("socket")}
        widgets = QApplication.allWidgets()
        presses = presenter.book.presses
        proofs = [press.proof for press in presses if press.proof is not None]
        assert self.hand is not None
        sample: dict[str, float] = {
            "memory MB": (memory.rss - memory.shared) / gauges.MB,
            "RSS MB": memory.rss / gauges.MB,
            "USS MB": memory.uss / gauges.MB,
            "RSS of files MB": memory.shared / gauges.MB,
            "in use MB": gauges.in_use() / gauges.MB,
            "Python's blocks": sys.getallocatedblocks(),
            "tasks": len(asyncio.all_tasks()),
            "supervised tasks": len(program._supervisor._tasks),
            "tasks of the watch": len(desk.watch._under_way) + len(desk.watch._waiting),
            "threads": psutil.Process().num_threads(),
            "file descriptors": count,
            "sockets": sum(sockets.values()),
            "sockets established": sockets.get("socket established", 0),
            "links": len(gateway._rest._links),
            "widgets": len(widgets),
            "top-level widgets": len(QApplication.topLevelWidgets()),
            "banner cards": sum(isinstance(each, BannerCard) for each in widgets),
            "timers": len(program._window.findChildren(QTimer)),
            "presses in the book": len(presses),
            "unacknowledged presses": sum(each.is_unresolved for each in presses),
            "evidence reads kept": sum(len(proof.evidence.reads) for proof in proofs),
            "journal KB": self._journal_bytes() / 1024,
            "reads": self.reads.total(),
            "presses": self.hand.done["presses"],
            "objects of Qt": len(program._window.findChildren(QObject)),
        }
        return sample | dict(sockets)

    def _journal_bytes(self) -> int:
        found = (
            self._paths.journal.with_name(self._paths.journal.name + end) for end in ("", "-wal", "-shm")
        )
        return sum(each.stat().st_size for each in found if each.exists())

    # -- what came of it

    @property
    def _sample_s(self) -> float:
        return min(SAMPLE_S, self._seconds / 20)

    @property
    def warm_up_s(self) -> float:
        """Ten minutes, or half of a shorter run: caches and lists have bounds, and fill up to them."""
        return min(WARM_UP_S, self._seconds / 2)

    def complaints(self) -> list[str]:
        """Everything that should not be; empty, as it should be."""
        found = [f"task {name} broke" for name in self.broken]
        found += [
            f"{count} times {words}"
            for words, count in self.warnings.seen.items()
            if not any(each in words for each in EXPECTED_LOGS)
        ]
        trends = gauges.growths(self.series, self.warm_up_s)
        found += [f"{each.name} grows" for each in trends if each.is_too_much]
        found += [f"left over: {each}" for each in self.left_over]
        return found + sent_twice(attempts_in(self._paths.journal), arrivals_in(self.exchange.record))

    def report(self) -> Iterator[str]:
        """What was seen, for people."""
        assert self.hand is not None
        attempts, arrivals = attempts_in(self._paths.journal), arrivals_in(self.exchange.record)
        sent_twice(attempts, arrivals)
        minutes = self.series.at[-1] / 60
        yield f"CPython {sys.version.split()[0]}, {sys.platform}; {minutes:.1f} minutes, seed {self._seed}"
        yield f"warm-up {self.warm_up_s:.0f} s; one sample every {self._sample_s:.1f} s"
        yield ""
        yield from gauges.table(gauges.growths(self.series, self.warm_up_s))
        yield ""
        yield f"{'reads':24}{self.reads.total():>12,}  " + ", ".join(
            f"{count:,} {name}" for name, count in self.reads.most_common()
        )
        for name, count in sorted(self.hand.done.items()):
            yield f"{name:24}{count:>12,}"
        yield f"{'drills armed':24}{len(self.hand.drills):>12,}  kinds, {self.hand.drills.total():,} times"
        yield f"{'exchange started':24}{self.exchange.starts:>12,}  times"
        yield ""
        yield "outcomes: " + ", ".join(f"{count} {name}" for name, count in self.hand.outcomes.most_common())
        reached = [each for each in attempts if each.arrivals]
        yield (
            f"attempts {len(attempts):,}; reached the exchange {len(arrivals):,}; "
            f"acted {sum(each.acted for each in arrivals):,}; matched attempts {len(reached):,}"
        )
        results = Counter(each.result or "unanswered" for each in attempts)
        yield "answers: " + ", ".join(f"{count} {name}" for name, count in results.most_common())
        yield ""
        late = [f"{self.stalls.percentile(share)} ms (p{share * 100:g})" for share in (0.5, 0.99, 0.999)]
        yield f"the loop was late by {', '.join(late)}, {self.stalls.longest_s * 1000:.0f} ms (longest)"
        if len(self.kinds) > 1:
            yield ""
            yield "objects that there were more of in the end than behind the warm-up"
            yield from gauges.most_grown(self.kinds[0], self.kinds[-1])
            yield ""
            yield "what was mapped, behind the warm-up and in the end"
            yield from gauges.most_moved(self.places[0], self.places[-1])
        yield ""
        complaints = self.complaints()
        yield f"wrong: {len(complaints)}" if complaints else "wrong: nothing"
        yield from complaints


def main() -> int:
    """Soak for so many minutes and say what was seen."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--home", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = arguments.home or Path(temporary)
        home.mkdir(parents=True, exist_ok=True)
        application = QApplication(sys.argv[:1])
        application.setStyle("Fusion")
        log = start_log(find_paths({HOME_VARIABLE: str(home)}).log_of("panel"), Redactor())
        install_crash_hooks()
        soak = Soak(application, home, arguments.minutes * 60, arguments.seed)
        try:
            code = run(application, soak)
        finally:
            end_log(log)
        for line in soak.report():
            print(line)
        return code


if __name__ == "__main__":
    sys.exit(main())
