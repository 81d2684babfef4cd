"""A short soak, by the very code of the long one; and that the long one would notice."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.e2e.children import ROOT
from tests.soaking.gauges import COUNTS, MEMORY, TOLD, Growth, Series, growths, slope
from tests.soaking.twice import Arrival, Attempt, Key, sent_twice

KEY: Key = ("flatten", "sim101", None, None)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGSTOP")
def test_ten_seconds_of_presses_faults_and_reconnects_leave_nothing_behind_and_send_nothing_twice(
    home_of_its_own: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak", "--minutes", "0.17", "--home", str(home_of_its_own)],
        cwd=ROOT,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.stdout.endswith("wrong: nothing\n"), done.stdout + done.stderr
    assert done.returncode == 0
    numbers = {line[:24].strip(): line[24:36].strip() for line in done.stdout.splitlines()}
    assert int(numbers["presses"].replace(",", "")) >= 1, done.stdout
    assert (home_of_its_own / "data" / "journal.sqlite3").exists()


# -- growth ---


def run_of(minutes: float, lifted: Callable[[str, float], float] = lambda *_: 0.0, **leaks: float) -> Series:
    """Work that comes and goes, every 5 s; what is leaked a minute, and by what a gauge is lifted then."""
    random, series = Random(1), Series(int(minutes * 12))
    for number in range(int(minutes * 12)):
        at = number * 5.0
        noise = {name: 10.0 + random.choice((0, 0, 1, 4)) for name in (*MEMORY, *COUNTS, *TOLD)}
        noise["reads"] = at * 8
        leaked = {name: noise[name] + int(a_minute * at / 60) for name, a_minute in leaks.items()}
        told = noise | leaked
        series.add(at, {name: value + lifted(name, at) for name, value in told.items()})
    return series


def grown(series: Series) -> set[str]:
    return {each.name for each in growths(series, 180.0) if each.is_too_much}


def test_work_that_comes_and_goes_is_no_growth() -> None:
    assert grown(run_of(20)) == set()


@pytest.mark.parametrize("name", COUNTS)
def test_one_more_every_other_minute_is_told_through_the_noise(name: str) -> None:
    leak: dict[str, Any] = {name: 0.5}
    assert grown(run_of(20, **leak)) == {name}


def test_a_megabyte_for_ten_thousand_reads_is_told_and_half_of_it_is_not() -> None:
    reads_a_minute = 8 * 60
    for mb, told in ((1.5, {"memory MB"}), (0.5, set())):
        drip = mb * reads_a_minute / 10_000
        dripping = partial(lambda drip, name, at: drip * at / 60 if name == "memory MB" else 0.0, drip)
        assert grown(run_of(30, dripping)) == told


def test_what_rises_only_during_the_warm_up_is_no_growth() -> None:
    assert grown(run_of(20, lambda name, at: min(at, 170.0) if name == "widgets" else 0.0)) == set()


def test_a_few_wild_values_do_not_bend_a_slope() -> None:
    points = [(float(at), 2.0 * at) for at in range(40)]
    points[7:12] = [(float(at), 1e6) for at in range(7, 12)]
    assert slope(points) == pytest.approx(2.0)


def test_a_gauge_that_is_met_later_was_nothing_before() -> None:
    series = Series(3)
    series.add(0.0, {"a": 1.0})
    series.add(5.0, {"a": 1.0, "b": 2.0})
    series.add(10.0, {"a": 1.0})
    assert series.of("b") == [0.0, 2.0, 0.0]


def test_a_sample_too_many_takes_the_place_of_the_newest() -> None:
    series = Series(2)
    for at in (0.0, 5.0, 10.0):
        series.add(at, {"a": at})
    assert (list(series.at), series.of("a")) == ([0.0, 10.0], [0.0, 10.0])


def test_each_third_is_told_by_its_median() -> None:
    found: dict[str, Growth] = {each.name: each for each in growths(run_of(20, tasks=6.0), 180.0)}
    assert found["tasks"].last - found["tasks"].first == pytest.approx(6.0 * 17 * 2 / 3, abs=4)


# -- twice ---

_names = count(1)


def attempt(at: float, ended_at: float | None = None, result: str = "", **more: str) -> Attempt:
    press = more.pop("press", f"press {next(_names)}")
    return Attempt(press, KEY, at, ended_at, result, more.get("cause", ""))


def test_one_arrival_for_each_attempt_is_as_it_should_be() -> None:
    attempts = [attempt(1.0, 1.1, "accepted"), attempt(5.0, 6.5, "unknown"), attempt(9.0, 9.1, "accepted")]
    assert sent_twice(attempts, [Arrival(KEY, 1.05, acted=True), Arrival(KEY, 9.05, acted=True)]) == []


def test_a_second_arrival_during_one_attempt_is_told() -> None:
    attempts = [attempt(1.0, 1.1, "accepted")]
    [told] = sent_twice(attempts, [Arrival(KEY, 1.02, acted=True), Arrival(KEY, 1.05)])
    assert "without an attempt" in told


def test_what_a_silent_link_delivers_late_belongs_to_the_attempt_of_unknown_outcome() -> None:
    attempts = [attempt(1.0, 2.5, "unknown"), attempt(4.0, 4.1, "accepted")]
    arrivals = [Arrival(KEY, 4.05, acted=True), Arrival(KEY, 4.06, acted=True)]
    assert sent_twice(attempts, arrivals) == []
    assert len(sent_twice([attempt(1.0, 1.5, "accepted")], arrivals)) == 2


def test_the_journal_may_date_a_press_some_milliseconds_late_but_no_more() -> None:
    late = [attempt(1.0, 1.1, "accepted")]
    assert sent_twice(late, [Arrival(KEY, 0.99, acted=True)]) == []
    assert len(sent_twice([attempt(1.0, 1.1, "accepted")], [Arrival(KEY, 0.9, acted=True)])) == 1
    two = [attempt(1.0, 1.02, "accepted"), attempt(1.03, 1.1, "accepted")]
    assert sent_twice(two, [Arrival(KEY, 1.01, acted=True), Arrival(KEY, 1.05, acted=True)]) == []
    assert [len(each.arrivals) for each in two] == [1, 1]


def test_what_was_told_as_not_sent_must_not_arrive() -> None:
    [told] = sent_twice([attempt(1.0, 1.1, "not_sent")], [Arrival(KEY, 1.05)])
    assert "not sent" in told


def test_only_a_flatten_that_did_not_act_goes_again() -> None:
    never_left = [attempt(1.0, 1.1, "not_sent", press="a"), attempt(1.2, 1.3, "accepted", press="a")]
    assert sent_twice(never_left, [Arrival(KEY, 1.25, acted=True)]) == []
    turned_away = [
        attempt(1.0, 1.1, "refused", press="a", cause="over_budget"),
        attempt(1.4, 1.5, "accepted", press="a"),
    ]
    assert sent_twice(turned_away, [Arrival(KEY, 1.05), Arrival(KEY, 1.45, acted=True)]) == []
    again = [attempt(1.0, 1.1, "unknown", press="a"), attempt(1.2, 1.3, "accepted", press="a")]
    [told] = sent_twice(again, [Arrival(KEY, 1.25, acted=True)])
    assert "sent again after unknown" in told


def test_a_press_that_acted_by_two_attempts_is_told() -> None:
    attempts = [attempt(1.0, 1.1, "not_sent", press="a"), attempt(1.2, 1.3, "accepted", press="a")]
    told = sent_twice(attempts, [Arrival(KEY, 1.05, acted=True), Arrival(KEY, 1.25, acted=True)])
    assert "press a acted 2 times" in told
