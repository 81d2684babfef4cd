"""A process that journals a press step by step; its parent kills it. Not a test.

Arguments: path of the journal, press id. Each line read from standard input is a step to write; each written
and committed step is answered by a line on standard output.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

from crosstrade_panel.storage.journal import SqliteJournal
from crosstrade_panel.trading.ports import Entry, EntryKind


def main() -> None:
    journal = SqliteJournal(Path(sys.argv[1]))
    for number, line in enumerate(sys.stdin):
        kind = EntryKind(line.strip())
        done = journal.write(
            Entry(sys.argv[2], kind, number / 10, datetime.now(UTC), {"step": number, "verdict": "flat"})
        )
        print("done" if done.result(10) else "not done", flush=True)
    journal.close()


if __name__ == "__main__":
    main()
