"""After its press the command line tells a running panel; before it, and without one, it tells nobody."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crosstrade_panel.storage import nudge as nudges
from tests.contract_server import ContractServer, Reply
from tests.storage.test_nudge import Heard

if TYPE_CHECKING:
    from tests.cli.conftest import Run

FLATTEN = ["flatten", "--account", "Sim101", "--instrument", "MES 12-25", "--side", "short", "--json"]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, server: ContractServer) -> list[tuple[str, float, int]]:
    """Each nudge: the press, how long it may take, and how many requests had left by then."""
    found: list[tuple[str, float, int]] = []

    def nudge(_data: Path, press_id: str, *, wait_s: float) -> None:
        found.append((press_id, wait_s, len(server.presses)))

    monkeypatch.setattr(nudges, "nudge", nudge)
    return found


def test_a_press_is_told_after_its_answer_and_at_its_end_never_before(
    run: "Run", server: ContractServer, told: list[tuple[str, float, int]], journal: object
) -> None:
    done = run(*FLATTEN, "--base-url", server.base_url)
    assert done.code == 0
    [(first, at_once, sent), (last, wait_s, _)] = told
    assert first == last
    assert len(first) == 32
    assert (at_once, sent) == (0.0, 1)
    assert 0 < wait_s <= 0.05


def test_at_the_end_the_journal_has_the_outcome(
    run: "Run", server: ContractServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds: list[list[str]] = []

    def nudge(_data: Path, press_id: str, *, wait_s: float) -> None:
        from tests.cli.conftest import journal_rows

        if wait_s:
            kinds.append([kind for press, kind, _ in journal_rows(home) if press == press_id])

    monkeypatch.setattr(nudges, "nudge", nudge)
    run(*FLATTEN, "--base-url", server.base_url)
    [story] = kinds
    assert story[-1] == "outcome"


def test_what_was_never_sent_is_told_to_nobody(
    run: "Run", told: list[tuple[str, float, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(*FLATTEN, "--base-url", "http://127.0.0.1:9").code == 4
    monkeypatch.delenv("CROSSTRADE_TOKEN")
    assert run(*FLATTEN).code == 4
    assert told == []


def test_a_refused_press_is_told_at_its_end(
    run: "Run", server: ContractServer, told: list[tuple[str, float, int]]
) -> None:
    server.rule("flatten", Reply(400, b'{"success":false,"error":"no"}'))
    assert run(*FLATTEN, "--base-url", server.base_url).code == 3
    assert [wait_s > 0 for _, wait_s, _ in told] == [True]


def test_status_is_no_press(run: "Run", server: ContractServer, told: list[tuple[str, float, int]]) -> None:
    assert run("status", "--base-url", server.base_url).code == 0
    assert told == []


def test_a_panel_hears_of_it(run: "Run", server: ContractServer, home: Path) -> None:
    heard = Heard(home / "data")
    try:
        run(*FLATTEN, "--base-url", server.base_url)
        assert len(set(heard.hears(2))) == 1
        assert heard.raised == []
    finally:
        heard.instance.close()


def test_a_panel_that_does_not_hear_changes_neither_the_outcome_nor_the_time(
    run: "Run", server: ContractServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Heard(home / "data")
    spent: list[float] = []
    real = nudges.nudge

    def timed(data: Path, press_id: str, *, wait_s: float) -> None:
        began = time.monotonic()
        real(data, press_id, wait_s=wait_s)
        spent.append(time.monotonic() - began)

    def hanging(*_: object, **__: object) -> None:
        time.sleep(1.0)

    monkeypatch.setattr(nudges, "nudge", timed)
    monkeypatch.setattr(nudges, "tell", hanging)
    try:
        assert run(*FLATTEN, "--base-url", server.base_url).code == 0
    finally:
        heard.instance.close()
    assert max(spent) < 0.2
