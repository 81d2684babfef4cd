"""The judge notices: with a rule of the product taken out, cells are red."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from crosstrade_panel.crosstrade import wire
from crosstrade_panel.crosstrade.link import Progress
from crosstrade_panel.crosstrade.rest import RestGateway
from crosstrade_panel.domain.scope import OneAccount, Scope
from crosstrade_panel.trading import flat_proof, reverse_proof
from crosstrade_panel.trading.cancel_proof import CancelProof
from crosstrade_panel.trading.evidence import Evidence, Look, TwoReads
from crosstrade_panel.trading.flat_proof import FlattenProof
from crosstrade_panel.trading.ports import Receipt, UnknownOutcomeError
from tests.matrix.cell import Cell
from tests.matrix.play import ACCOUNT, INSTRUMENT
from tests.matrix.run import run

SCALE = 0.1


def faults_of(folder: Path, *cells: Cell) -> list[str]:
    """What the judge says of these, one string for each cell."""
    results = run(cells, scale=SCALE, folder=folder, at_once=len(cells))
    return ["; ".join(result.faults) for result in results]


def test_one_read_is_no_proof(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def one_read(agreeing: Iterable[Look], **_: Any) -> TwoReads:
        looks = list(agreeing)
        return TwoReads(looks[0], looks[0]) if looks else TwoReads()

    monkeypatch.setattr(flat_proof, "two_reads", one_read)
    monkeypatch.setattr(reverse_proof, "two_reads", one_read)
    monkeypatch.setattr(CancelProof, "_second", lambda _, reads: reads[0] if reads else None)
    faults = faults_of(
        tmp_path,
        Cell("warning", "reverse", "REST"),
        Cell("warning", "cancel", "REST"),
        Cell("flicker", "narrow", "REST"),
        # On a busy machine the read that follows the orders may happen to come late enough for a second one.
        Cell("warning", "narrow", "REST"),
        Cell("warning", "wide", "stream"),
    )
    assert all("without two reads that show it" in each for each in faults[:3]), faults


def test_nothing_that_may_have_acted_is_sent_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    once = RestGateway.flatten

    async def twice(gateway: RestGateway, scope: Scope, *more: Any) -> Receipt:
        try:
            return await once(gateway, scope, *more)
        except UnknownOutcomeError:
            return await once(gateway, scope, *more)

    monkeypatch.setattr(RestGateway, "flatten", twice)
    faults = faults_of(tmp_path, Cell("html", "narrow", "REST"), Cell("error-500", "wide", "REST"))
    assert all("sent again" in each for each in faults), faults


def test_what_may_have_left_is_not_taken_for_what_never_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Progress, "may_have_left", property(lambda _: False))
    [reset] = faults_of(tmp_path, Cell("link-dropped-after", "reverse", "REST"))
    assert "NOT SENT, and 1 requests arrived" in reset


def test_no_scope_becomes_wider(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    narrow = OneAccount(ACCOUNT, INSTRUMENT)
    monkeypatch.setattr(wire, "flatten_body", lambda _: b'{"account":"Sim101"}')
    monkeypatch.setattr(wire, "scope_of_body", lambda _: narrow)
    [faults] = faults_of(tmp_path, Cell("warning", "narrow", "REST"))
    assert "asked for Asked(kind='flatten', account='Sim101', instrument=None" in faults


def test_an_account_that_nobody_lists_is_not_flat(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Evidence, "absence", lambda *_: None)
    monkeypatch.setattr(Evidence, "there_from", lambda *_: float("-inf"))
    monkeypatch.setattr(Evidence, "other_failed", lambda *_: True)
    faults = faults_of(
        tmp_path, Cell("account-vanished", "narrow", "REST"), Cell("account-vanished", "wide", "REST")
    )
    assert all("no listing since names it connected" in each for each in faults), faults


def test_what_was_read_while_an_account_was_cut_off_proves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Evidence, "there_from", lambda *_: float("-inf"))
    # Whether a list of positions or a snapshot is read first when it is back is chance.
    faults = faults_of(tmp_path, *[Cell("account-disconnected", "narrow", "REST")] * 12)
    assert any("without two reads that show it" in each for each in faults), faults


def test_flat_with_a_working_order_is_not_flat(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(FlattenProof, "_is_left_working", lambda *_: False)
    [faults] = faults_of(tmp_path, Cell("surviving-order", "narrow", "REST"))
    assert "orders were shown working" in faults


def test_bad_news_needs_two_reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def at_once(told: Iterable[tuple[Look, Any]]) -> tuple[list[Look], Look | None]:
        looks = [look for look, claim in told if claim]
        return looks, looks[0] if looks else None

    monkeypatch.setattr(flat_proof, "agreeing", at_once)
    [faults] = faults_of(tmp_path, Cell("overfill", "narrow", "REST"))
    assert "overfilled by fewer than two reads" in faults


def test_a_press_that_acted_was_not_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(wire, "_SERVER_FAILED", re.compile("(?!)"))
    faults = faults_of(
        tmp_path, Cell("error-500-acted", "narrow", "stream"), Cell("error-502-acted", "reverse", "stream")
    )
    assert all("REFUSED, and it acted" in each for each in faults), faults


def test_the_same_cells_are_green_as_the_product_is(tmp_path: Path) -> None:
    faults = faults_of(
        tmp_path,
        Cell("warning", "narrow", "REST"),
        Cell("html", "narrow", "REST"),
        Cell("surviving-order", "narrow", "REST"),
        Cell("overfill", "narrow", "REST"),
        Cell("error-500-acted", "narrow", "stream"),
    )
    assert not any(faults), faults
