"""What other living processes pressed, as the journal tells it: the same locks as for one's own presses."""

import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path

from crosstrade_panel.domain.outcome import Outcome, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, ScopeError, Side
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.storage.journal_view import PressRecord
from crosstrade_panel.trading.press import Press

_VERDICTS = {verdict.value: verdict for verdict in Verdict}
_SIDES = {side.value: side for side in Side}
_INDEX_HEAD = 48
"""Bytes of the head of SQLite's index of its log, of which a copy follows."""
_ANYWAY_S = 1.0 if sys.platform == "win32" else 3.0
"""Windows does not promise that who reads a file sees at once what others wrote into it as memory."""


def presses_of(records: Iterable[PressRecord], origin: str) -> tuple[Press, ...]:
    """The presses of these (living) processes against one server, for a press book, oldest first.

    Their times are the system's monotonic seconds, which all processes of one boot share.
    """
    # A cancel opens nothing and closes nothing: it locks neither a flatten nor a reverse elsewhere.
    presses = [_press(record) for record in records if record.origin == origin and record.action != "cancel"]
    return tuple(sorted(presses, key=lambda press: press.began_at))


class Stir:
    """Tells when another process may have written to the journal; and now and then all the same.

    Reading the journal costs two milliseconds, which five times a second is what an idle panel costs; this
    costs next to nothing. It looks on a thread of its own, as the disk may hang.
    """

    def __init__(
        self, journal: Path, tell: Callable[[], None], *, every_s: float, anyway_s: float = _ANYWAY_S
    ) -> None:
        """Begin. `tell` is called on the thread and must not raise."""
        self._journal = journal
        self._tell = tell
        self._every_s = every_s
        self._anyway_s = anyway_s
        self._is_over = threading.Event()
        threading.Thread(target=self._look, name="journal-stir", daemon=True).start()

    def stop(self) -> None:
        """Tell no more."""
        self._is_over.set()

    def _look(self) -> None:
        before: Hashable = None
        told_at = float("-inf")
        while not self._is_over.wait(self._every_s):
            found, now = last_write(self._journal), time.monotonic()
            if found is None or found != before or now >= told_at + self._anyway_s:
                before, told_at = found, now
                self._tell()


def last_write(journal: Path) -> Hashable:
    """What changes whenever a process commits to the journal; None where nothing tells. Touches the disk.

    The time and size of SQLite's log. Windows brings the time up to date only when the file is closed: there
    it is the head of the log's index, which counts commits. Elsewhere nobody but SQLite may open that file:
    who closes it gives up all locks that the process has on it.
    """
    try:
        if sys.platform == "win32":
            with journal.with_name(f"{journal.name}-shm").open("rb", buffering=0) as index:
                return index.read(_INDEX_HEAD) or None
        about = journal.with_name(f"{journal.name}-wal").stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size


def _press(record: PressRecord) -> Press:
    scope, ticket = _read(record)
    verdict = None if record.verdict is None else _VERDICTS.get(record.verdict)
    outcome = None
    if verdict is not None:
        outcome = Outcome(verdict, record.ended_at or record.at, scope=scope, ticket=ticket)
    return Press(
        id=record.press_id,
        scope=scope,
        began_at=record.began_system_s,
        began=record.at,
        ticket=ticket,
        may_have_left=True,
        outcome=outcome,
        acknowledged=record.acknowledged,
    )


def _read(record: PressRecord) -> tuple[Scope, ReverseTicket | None]:
    """The scope of a record. A row that cannot be read counts as everything: it may touch any scope."""
    side = None if record.side is None else _SIDES.get(record.side)
    try:
        if record.action == "reverse":
            account, instrument = record.account or "", record.instrument or ""
            ticket = ReverseTicket(account, instrument, side or Side.LONG, _quantity(record))
            return OneAccount(account, instrument), ticket
        if record.account is None:
            return EveryAccount(record.instrument, side), None
        return OneAccount(record.account, record.instrument, side), None
    except ScopeError:
        return EveryAccount(), None


def _quantity(record: PressRecord) -> int:
    quantity = record.facts.get("quantity")
    return quantity if isinstance(quantity, int) and quantity > 0 else 1
