"""Every drill × {flatten one pair, flatten all, reverse, cancel} × {REST, stream}, at a fifth of the time.

`python -m tests.matrix` plays the same at true time; its result is tests/matrix/matrix.md.
"""

import ast
from pathlib import Path

import pytest

from crosstrade_panel.simulator.drills import DRILLS
from tests.matrix.cell import ACTIONS, OVER, Cell, cells_of
from tests.matrix.promised import promised
from tests.matrix.run import run

SCALE = 0.2
AT_ONCE = 24
SLICES = 10
HERE = Path(__file__).parent


@pytest.mark.parametrize("part", range(SLICES))
def test_every_press_ends_as_promised_and_nothing_is_told_without_proof(part: int, tmp_path: Path) -> None:
    # Dealt out like cards: the long ones stand side by side in the catalogue.
    results = run(cells_of()[part::SLICES], scale=SCALE, folder=tmp_path, at_once=AT_ONCE)
    red = [result for result in results if result.faults]
    surprising = [result.cell for result in red if not result.breaches]
    # On a machine that is too busy reads come too late for what was promised: once more, slower and alone.
    # No machine is an excuse for telling what was not proved.
    again = run(surprising, scale=2 * SCALE, folder=tmp_path, at_once=4) if surprising else []
    red = [result for result in red if result.breaches] + [result for result in again if result.faults]
    assert not red, "\n".join(map(str, red))


def test_no_drill_is_left_out() -> None:
    every = [Cell(drill, action, over) for drill in DRILLS for action in ACTIONS for over in OVER]
    for cell in every:
        assert promised(cell).first
    assert len(every) == len(DRILLS) * 8
    # What is not played says why.
    assert {cell for cell in every if not cell.why_not} == set(cells_of())
    for drill in DRILLS:
        assert cells_of(drill)


@pytest.mark.parametrize("module", ["judge.py", "promised.py", "cell.py"])
def test_who_judges_imports_nothing_of_what_is_judged(module: str) -> None:
    tree = ast.parse((HERE / module).read_text(encoding="utf-8"))
    names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names += [each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names]
    ours = [name for name in names if name.startswith(("crosstrade_panel", "tests"))]
    # The exchange itself imports nothing of the panel's: tests/test_layers.py.
    allowed = ("crosstrade_panel.simulator.", "tests.matrix.cell")
    assert [name for name in ours if not name.startswith(allowed)] == []


def test_the_table_beside_the_readme_names_every_cell() -> None:
    table = (HERE / "matrix.md").read_text(encoding="utf-8")
    for drill in DRILLS:
        assert f"| {drill} |" in table
    assert "scale 1" in table
