"""P6: from the start of the process to the painted window, and to links that are live."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.command import as_installed
from tests.benchmarks.ends import ROOT, TOKEN, Ends
from tests.benchmarks.table import Figure, Goal, Row, ratio

_FULL, _QUICK = 60, 3


def run(quick: bool) -> list[Figure]:
    found: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, Ends(Path(folder)) as ends:
        environ = {
            **as_installed(Path(folder)),
            "CROSSTRADE_PANEL_HOME": f"{folder}/panel",
            "XTRADE_TOKEN": TOKEN,
        }
        ends.tell(fill=[["Sim-000", "Sim-001"], 2])
        for number in range((_QUICK if quick else _FULL) + 1):
            for which in ("panel", "bare"):
                moments = _start(which, ends, environ)
                if number:  # the first one writes what Python compiles
                    for name, took_ms in moments.items():
                        found.setdefault((which, name), []).append(took_ms)
    rows = {key: Row(f"{key[0]}: {key[1]}", tuple(each)) for key, each in found.items()}
    goals = (
        Goal("painted: p50 against a bare window", _against(rows, "painted"), must=1.5, aim=1.2),
        Goal("live: p50 against a bare window with a client", _against(rows, "live"), must=2.0),
    )
    in_order = [rows[which, name] for name in ("painted", "live") for which in ("panel", "bare")]
    return [Figure("P6", "process started → painted → live", tuple(in_order), goals)]


def _against(rows: dict[tuple[str, str], Row], name: str) -> float:
    return ratio(rows["panel", name], rows["bare", name])


def _start(which: str, ends: Ends, environ: dict[str, str]) -> dict[str, float]:
    """Milliseconds until each moment that the process told."""
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.started",
        which,
        ends.base_url,
        str(ends.authority),
    ]
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    moments: dict[str, float] = {}
    for line in done.stdout.splitlines():
        moments.update(json.loads(line))
    if set(moments) != {"painted", "live"}:
        raise RuntimeError(f"{which}: {done.stdout} {done.stderr}")
    return {name: (at - began) * 1000 for name, at in moments.items()}
