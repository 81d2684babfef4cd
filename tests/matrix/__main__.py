"""Plays the whole matrix by hand and prints what is red.

python -m tests.matrix --write             at true time, and the table anew: about two minutes
python -m tests.matrix --scale 0.2 flicker at a fifth of the time, one drill
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.matrix.cell import cells_of
from tests.matrix.run import run
from tests.matrix.table import markdown

TABLE = Path(__file__).parent / "matrix.md"


def main() -> int:
    """Play, print, and write where that is asked for; 1 where a cell is red."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrix")
    parser.add_argument("drills", nargs="*", help="these only; all where none is named")
    parser.add_argument("--scale", type=float, default=1.0, help="what every time is multiplied by")
    parser.add_argument("--at-once", type=int, default=64, help="cells that are played side by side")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    given = parser.parse_args()
    began_at = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        results = run(cells_of(*given.drills), scale=given.scale, folder=Path(folder), at_once=given.at_once)
    took_s = time.monotonic() - began_at
    red = [result for result in results if result.faults]
    for result in red:
        print(result)
    print(f"{len(results)} cells, {len(red)} red, {took_s:.0f} s")
    if given.write:
        command = f"python -m tests.matrix --write --scale {given.scale:g} --at-once {given.at_once}"
        table = markdown(results, command=command, scale=given.scale, took_s=took_s)
        TABLE.write_text(table, encoding="utf-8")
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main())
