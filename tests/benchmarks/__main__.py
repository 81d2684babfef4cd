"""All figures, or some: `python -m tests.benchmarks [P1 P3 …] [--quick] [--write]`.

`--quick` is a smoke check: few samples, and it fails only where a ratio is off by twice what it must be.
`--write` keeps each figure's table in tests/records/benchmarks/, and what was to be reached in README.md.
"""

import argparse
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import cast

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"

from tests.benchmarks.table import Figure, Goal, as_markdown

MODULES: dict[str, tuple[str, str]] = {
    "P1": ("press", "REST, loopback"),
    "P2": ("distance", "REST, 40 ms round trip"),
    "P3": ("stream", "the stream, loopback"),
    "P4": ("idle_links", "the first click, and after idling"),
    "P5": ("crowd", "a stuck read, no budget, a long journal"),
    "P6": ("start", "process start → painted → live"),
    "P7": ("stall", "stalls of the event loop"),
    "P8": ("memory", "memory"),
    "P9": ("idle", "idle CPU"),
    "P10": ("journal", "the journal's page"),
    "P11": ("dead_link", "a link that went dead while idle"),
    "P12": ("flat", "answer → FLAT shown"),
    "P13": ("command", "the command line"),
    "P14": ("frozen", "the frozen program"),
    "growth": ("growth", "cost against size"),
}
"""Each figure's module, with `run(quick) -> list[Figure]`, and what it is about."""

SMOKE = ("P1", "P3", "P6", "P13")
"""What a quick run measures where nothing is named: the ratios, which hold on any machine."""

ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT / "tests" / "records" / "benchmarks"
README = ROOT / "README.md"
_BEGIN, _END = "<!-- what was measured -->\n", "<!-- up to here -->\n"
_GOAL = re.compile(r"- (?P<text>.+): \*\*(?P<value>.+)\*\* · (?P<must>must .+) · (?P<verdict>[^·]+)")
_SHOWN = ("PySide6-Essentials", "qasync", "httpx", "httpcore", "websockets", "msgspec")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("numbers", nargs="*", metavar="P1", help=", ".join(MODULES))
    parser.add_argument("--quick", action="store_true", help="a smoke check of the ratios")
    parser.add_argument("--write", action="store_true", help="keep what was measured")
    chosen = parser.parse_args(arguments)
    numbers = chosen.numbers or (SMOKE if chosen.quick else tuple(MODULES))
    for number in numbers:
        if number not in MODULES:
            parser.error(f"{number} is none of {', '.join(MODULES)}")
    print(about_this_run(), end="\n\n", flush=True)
    figures: list[Figure] = []
    for number in numbers:
        module, title = MODULES[number]
        began = time.monotonic()
        print(f"{number}: {title} …", file=sys.stderr, flush=True)
        run = cast("Callable[[bool], list[Figure]]", import_module(f"tests.benchmarks.{module}").run)
        found = run(chosen.quick)
        print(as_markdown(found), flush=True)
        print(f"{number}: {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
        figures += found
        if chosen.write:
            keep(RECORDS, number, as_markdown(found))
            README.write_text(with_summary(README.read_text("utf-8"), RECORDS), encoding="utf-8")
    return report([goal for figure in figures for goal in figure.goals], quick=chosen.quick)


def report(goals: Sequence[Goal], *, quick: bool) -> int:
    """Say what was missed; 1 where the run failed."""
    missed = [goal for goal in goals if not goal.is_met]
    fatal = [goal for goal in goals if goal.is_far_off] if quick else missed
    for goal in missed:
        print(f"MISSED{', by far' if goal.is_far_off else ''}: {goal.text}")
    print(f"{len(goals) - len(missed)} of {len(goals)} goals met")
    return 1 if fatal else 0


def keep(folder: Path, number: str, table: str) -> None:
    """Put a figure's table in the place of the one before it."""
    folder.mkdir(exist_ok=True)
    (folder / f"{number}.md").write_text(f"{about_this_run()}\n\n{table}", encoding="utf-8")


def with_summary(text: str, folder: Path) -> str:
    """A text with every goal of the tables that are kept between its two marks."""
    rows = ["| | what | measured | | |", "|---|---|--:|---|---|"]
    for number in MODULES:
        record = folder / f"{number}.md"
        lines = record.read_text("utf-8").splitlines() if record.exists() else []
        goals = [found.groupdict() for line in lines if (found := _GOAL.fullmatch(line))]
        link = f"[{number}](tests/records/benchmarks/{number}.md)"
        rows += [
            f"| {link} | {each['text']} | {each['value']} | {each['must']} | {each['verdict']} |"
            for each in goals
        ]
    before, _, rest = text.partition(_BEGIN)
    _, mark, after = rest.partition(_END)
    if not mark:
        raise ValueError("no place for a summary")
    table = "\n".join(rows)
    return f"{before}{_BEGIN}{table}\n{_END}{after}"


def about_this_run() -> str:
    """The machine, the day, the versions."""
    versions = ", ".join(f"{name} {version(name)}" for name in _SHOWN)
    return (
        f"{datetime.now(UTC):%Y-%m-%d} · {_processor()}, {os.cpu_count()} cores · {platform.system()} "
        f"{platform.release()} · Python {platform.python_version()} · {versions} · "
        f"Qt platform {os.environ['QT_QPA_PLATFORM']}"
    )


def _processor() -> str:
    """What the system calls it; the standard library knows no more than its family."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
