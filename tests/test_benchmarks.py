"""What the benchmarks print, and when a run of them fails."""

import math
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import MODULES, README, RECORDS, SMOKE, keep, main, report, with_summary
from tests.benchmarks.frozen import size_of, trusting_copy
from tests.benchmarks.panel_plan import Plan
from tests.benchmarks.table import Figure, Goal, Row, as_markdown, ratio


def test_a_quick_run_fails_only_for_a_ratio_that_is_off_by_twice_what_it_must_be(
    capsys: pytest.CaptureFixture[str],
) -> None:
    near, far = Goal("near", 2.9, must=1.5), Goal("far", 3.1, must=1.5)
    slow = Goal("slow", 4.4, must=9.0, at_least=True)
    absolute = Goal("absolute", 100.0, must=1.0, unit="ms", is_ratio=False)
    assert report([near, absolute], quick=True) == 0
    assert report([far], quick=True) == 1
    assert report([slow], quick=True) == 1
    assert "MISSED, by far: slow" in capsys.readouterr().out


def test_a_full_run_fails_for_whatever_it_misses() -> None:
    met = Goal("met", 1.5, must=1.5, aim=1.0)
    assert report([met], quick=False) == 0
    assert report([met, Goal("missed", 1.51, must=1.5)], quick=False) == 1
    assert report([Goal("absolute", 2.0, must=1.0, unit="ms", is_ratio=False)], quick=False) == 1


@pytest.mark.parametrize(
    ("goal", "words"),
    [
        (Goal("g", 1.6, must=1.5), "MISSED"),
        (Goal("g", 1.4, must=1.5), "met"),
        (Goal("g", 1.4, must=1.5, aim=1.0), "met, aim not"),
        (Goal("g", 0.9, must=1.5, aim=1.0), "met, aim too"),
        (Goal("g", 9.0, must=9.0, at_least=True), "met"),
    ],
)
def test_a_goal_says_how_it_stands(goal: Goal, words: str) -> None:
    assert goal.verdict == words


def test_a_row_tells_quantiles_that_were_measured_and_a_ratio_of_medians() -> None:
    row = Row("ours", tuple(float(number) for number in range(1, 101)))
    assert (row.median, row.quantile(0.95), row.quantile(0.99), row.quantile(1.0)) == (50.5, 95, 99, 100)
    assert math.isclose(ratio(row, Row("theirs", (101.0,))), 0.5)
    assert ratio(row, Row("theirs", (9.9,)), 0.99) == 10.0


def test_the_table_compares_every_row_with_the_one_that_was_named() -> None:
    rows = (Row("ours", (2.0, 4.0)), Row("theirs", (1.5,)))
    printed = as_markdown(
        [Figure("P0", "a title", rows, (Goal("p50", 2.0, must=3.0),), "theirs", ("a note",))]
    )
    lines = printed.splitlines()
    assert lines[0] == "### P0 · a title"
    assert [cell.strip() for cell in lines[4].split("|")][1:-1] == [
        "ours", "2", "2.00 ms", "3.00 ms", "4.00 ms", "4.00 ms", "2.00×",
    ]  # fmt: skip
    assert "- p50: **2.00×** · must ≤ 3.00× · met" in lines
    assert "- a note" in lines


def test_what_was_measured_last_is_kept_and_every_goal_of_it_is_shown(tmp_path: Path) -> None:
    page = "above\n<!-- what was measured -->\nold\n<!-- up to here -->\nbelow\n"
    for value in (2.0, 1.2):
        goals = (Goal("p50: all", value, must=1.5, aim=1.0), Goal("p99", 9.0, must=5.0, unit="ms"))
        keep(tmp_path / "kept", "P3", as_markdown([Figure("P3", "stream", (), goals, notes=("a note",))]))
    keep(tmp_path / "kept", "P1", as_markdown([Figure("P1", "rest", (), (Goal("p50", 1.0, must=1.5),))]))
    third = "[P3](tests/records/benchmarks/P3.md)"
    assert with_summary(page, tmp_path / "kept").splitlines() == [
        "above",
        "<!-- what was measured -->",
        "| | what | measured | | |",
        "|---|---|--:|---|---|",
        "| [P1](tests/records/benchmarks/P1.md) | p50 | 1.00× | must ≤ 1.50× | met |",
        f"| {third} | p50: all | 1.20× | must ≤ 1.50×, aim ≤ 1.00× | met, aim not |",
        f"| {third} | p99 | 9.00 ms | must ≤ 5.00 ms | MISSED |",
        "<!-- up to here -->",
        "below",
    ]
    with pytest.raises(ValueError, match="no place"):
        with_summary("nothing", tmp_path / "kept")


def test_the_readme_shows_what_was_measured_last() -> None:
    page = README.read_text("utf-8")
    assert with_summary(page, RECORDS) == page


def test_every_figure_has_its_module() -> None:
    missing: Sequence[str] = [
        name for name, _ in MODULES.values() if find_spec(f"tests.benchmarks.{name}") is None
    ]
    assert not missing
    assert set(SMOKE) <= set(MODULES)


def test_the_frozen_program_is_one_of_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert MODULES["P14"] == ("frozen", "the frozen program")
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "P14" in capsys.readouterr().out


def test_a_frozen_program_is_measured_as_a_copy_with_other_roots(tmp_path: Path) -> None:
    roots = tmp_path / "frozen" / "_internal" / "certifi" / "cacert.pem"
    roots.parent.mkdir(parents=True)
    roots.write_text("ours")
    authority = tmp_path / "authority.pem"
    authority.write_text("thrown away")
    copy = trusting_copy(tmp_path / "frozen", authority, tmp_path / "copy")
    assert (copy / roots.relative_to(tmp_path / "frozen")).read_text() == "thrown away"
    assert roots.read_text() == "ours"
    assert size_of(tmp_path / "frozen") == len("ours")


def test_a_plan_survives_the_way_to_another_process() -> None:
    plan = Plan(rows=("ours", "floor"), rounds=3, stress=("", "idle"), server_idle_s=0.5)
    assert Plan.of(plan.as_json()) == plan
