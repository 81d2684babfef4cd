"""P13: the command line, from the start of its process to the request at the server."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.ends import ROOT, TOKEN, Ends
from tests.benchmarks.table import Figure, Goal, Row, ratio

_FULL, _QUICK = 100, 4
# The program trusts the roots that it ships and no variable; both sides are told of the throw-away one.
_TRUST = "import certifi; certifi.where = lambda: {authority!r}; "
_OURS = (
    "import sys; sys.argv = ['crosstrade-panel', 'flatten', '--account', 'Sim-000', '--base-url', {url!r}]; "
    "from crosstrade_panel.main import main; sys.exit(main())"
)
_SCRIPT = (
    "import httpx; httpx.post({url!r} + '/v1/api/positions/flatten', json={{'account': 'Sim-000'}}, "
    "headers={{'Authorization': 'Bearer {token}'}})"
)
_EMPTY = "pass"


def run(quick: bool) -> list[Figure]:
    found: dict[str, list[float]] = {"command line": [], "script": [], "python alone": []}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, Ends(Path(folder)) as ends:
        given = {"authority": str(ends.authority), "url": ends.base_url, "token": TOKEN}
        environ = {
            **as_installed(Path(folder)),
            "CROSSTRADE_PANEL_HOME": f"{folder}/panel",
            "XTRADE_TOKEN": TOKEN,
            "CROSSTRADE_PANEL_PACE": "0.1",  # after the press
        }
        ends.tell(fill=[["Sim-000"], 1])
        for number in range((_QUICK if quick else _FULL) + 1):
            for name, code in (("command line", _OURS), ("script", _SCRIPT)):
                ends.tell(open="Sim-000")
                took_ms = _until_it_arrives(ends, (_TRUST + code).format(**given), environ)
                if number:  # the first one writes what Python compiles
                    found[name].append(took_ms)
            began = time.monotonic()
            subprocess.run([sys.executable, "-c", _EMPTY], check=True, env=environ)
            found["python alone"].append((time.monotonic() - began) * 1000)
    ours, script, alone = (Row(name, tuple(each)) for name, each in found.items())
    goal = Goal("p50 against a script that imports httpx and posts", ratio(ours, script), must=1.3)
    title = "command line: process started → last byte at the server"
    return [Figure("P13", title, (ours, script, alone), (goal,), script.name)]


def as_installed(folder: Path) -> dict[str, str]:
    """The environment for a process whose start is measured: what was installed has been compiled."""
    usual = {
        name: each
        for name, each in os.environ.items()
        if not name.startswith("SSL_CERT_") and name != "PYTHONDONTWRITEBYTECODE"
    }
    return {**usual, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}


def _until_it_arrives(ends: Ends, code: str, environ: dict[str, str]) -> float:
    ends.forget()
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    if not ends.arrived:
        raise RuntimeError(done.stderr)
    return (ends.arrived[0] - began) * 1000
