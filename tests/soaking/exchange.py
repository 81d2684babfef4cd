"""The practice exchange as a process of its own that writes down every press and does as it is told.

`python -m tests.soaking.exchange PORT RECORD SCALE` takes one JSON object a line: `open`, `drill`, `cut`,
`close_stream`, `reset`. What it meets is appended to RECORD line by line, so that a kill loses none of it.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from crosstrade_panel.simulator.bucket import CAPACITY, REFILL_PER_S, TokenBucket
from crosstrade_panel.simulator.calls import CallLog
from crosstrade_panel.simulator.faults import Call
from crosstrade_panel.simulator.presses import press_of
from crosstrade_panel.simulator.server import PracticeExchange
from crosstrade_panel.system_clock import system_seconds

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "made-up-for-the-soak"
ACCOUNTS = ("Sim101", "Sim102", "APEX-04417-01")
INSTRUMENTS = ("MES 12-25", "NQ 12-25", "ES 12-25", "CL 01-26")


class PressLog(CallLog):
    """Every press, in a file the moment it arrives and again when the book carried it out."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = path.open("a", buffering=1)
        self._run = os.getpid()

    def say(self, **facts: object) -> None:
        self._file.write(json.dumps({"run": self._run, **facts}) + "\n")

    def arrived(self, method: str, path: str, body: bytes, at: float, began_at: float | None = None) -> Call:
        call = super().arrived(method, path, body, at, began_at)
        kind = press_of(call)
        if kind is not None:
            self.say(
                number=call.number,
                kind=kind,
                # The first byte; a stream's pings have one too, and no end that is logged.
                at=call.at if method == "WS" else call.began_at,
                method=method,
                path=path,
                body=body.decode(errors="replace"),
            )
        return call

    def acted(self, call: Call) -> None:
        super().acted(call)
        self.say(acted=call.number)


def serve(port: int, record: Path, scale: float) -> None:
    """Until the end of the input, or a kill."""
    exchange = PracticeExchange(
        port=port,
        token=TOKEN,
        clock=system_seconds,
        budget=TokenBucket(CAPACITY, REFILL_PER_S / scale),
        time_scale=scale,
    )
    log = exchange.calls = PressLog(record)
    random = Random(port)

    def open_something(order: dict[str, Any]) -> None:
        with exchange.book_now() as book:
            for account, instrument, size, rests in order["open"]:
                book.open_position(account, instrument, size)
                if rests:
                    price = book.price(book.contract(instrument))
                    far = price * 9 // 10 if size > 0 else price * 11 // 10
                    book.rest_order(
                        account,
                        instrument,
                        "Buy" if size > 0 else "Sell",
                        1,
                        limit_price=far,
                    )

    def cut(order: dict[str, Any]) -> None:
        if order["cut"] == "idle":
            exchange.close_idle_links()
            return

        def reset() -> None:
            for link in list(exchange._links.values()):
                if order["cut"] == "all" or random.random() < 0.5:
                    link.reset()

        exchange._in_loop(reset)

    def arm(order: dict[str, Any]) -> None:
        exchange.drill = order["drill"]

    acts: dict[str, Callable[[dict[str, Any]], None]] = {
        "open": open_something,
        "cut": cut,
        "drill": arm,
        "close_stream": lambda order: exchange.close_stream(order["close_stream"], "the soak"),
        "reset": lambda _: exchange.reset(),
    }
    with exchange:
        log.say(ready=exchange.base_url)
        for line in sys.stdin:
            order = json.loads(line)
            for word in order:
                acts[word](order)


class ExchangeProcess:
    """That process, seen from the program's side. Nothing waits for it: what is told goes into a pipe."""

    def __init__(self, home: Path, scale: float) -> None:
        self.record = home / "presses.jsonl"
        self.errors = home / "exchange.err"
        self._scale = scale
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self.starts = 0
        self._read_to = 0

    def start(self) -> None:
        """Begin, or begin again on the same port; `is_ready` says when it answers."""
        self.record.touch()
        self._read_to = self.record.stat().st_size
        with self.errors.open("a") as errors:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.soaking.exchange",
                    str(self._port),
                    str(self.record),
                    str(self._scale),
                ],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                text=True,
            )
        self.starts += 1

    @property
    def is_ready(self) -> bool:
        with self.record.open() as lines:
            lines.seek(self._read_to)
            for line in lines:
                if "ready" in line and line.endswith("\n"):
                    self._port = int(json.loads(line)["ready"].rpartition(":")[2])
                    return True
        assert self._process is not None
        assert self._process.poll() is None, self.errors.read_text()
        return False

    @property
    def base_url(self) -> str:
        assert self._port, "it was not ready yet"
        return f"http://127.0.0.1:{self._port}"

    def tell(self, **order: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def stand_still(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """At once, in the middle of whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            assert self._process.stdin is not None
            with suppress(BrokenPipeError):
                self._process.stdin.close()
            self._process = None


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
