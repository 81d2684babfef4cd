"""What stands at the other end of the line, seen from the program's side."""

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Self

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "made-up-for-the-benchmarks"


class Ends:
    """The server's process, and where it is far away that of the line. `accounts`: where clicks are aimed."""

    def __init__(self, home: Path, round_trip_s: float = 0.0, host: str = "127.0.0.1") -> None:
        self._host = host
        self._round_trip_s = round_trip_s
        self._record_path = home / "arrivals.jsonl"
        self.authority = home / "trusted.pem"
        self.accounts: list[str] = []
        self._processes: list[subprocess.Popen[str]] = []
        self._record: IO[str]
        self._seen: list[float] = []

    def __enter__(self) -> Self:
        self._record_path.touch()
        self._record = self._record_path.open()
        port = self._start("server", str(self._record_path), str(self.authority), self._host)
        if self._round_trip_s:
            port = self._start("far", str(port), str(self._round_trip_s / 2))
        self.base_url = f"https://{self._host}:{port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._processes):
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
        self._record.close()

    def _start(self, module: str, *arguments: str) -> int:
        command = [sys.executable, "-m", f"tests.benchmarks.{module}", *arguments]
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._processes.append(process)
        assert process.stdout is not None
        port: int = json.loads(process.stdout.readline())["port"]
        return port

    def tell(self, **order: object) -> None:
        """Have the server do something; nothing waits for it."""
        pipe = self._processes[0].stdin
        assert pipe is not None
        pipe.write(json.dumps(order) + "\n")
        pipe.flush()

    def forget(self) -> None:
        """What arrived so far is no answer to what comes now."""
        self._record.read()
        self._seen.clear()

    @property
    def arrived(self) -> list[float]:
        """When presses arrived since, in monotonic seconds."""
        self._seen += [json.loads(line)["at"] for line in self._record if line.endswith("\n")]
        return self._seen
