"""Another process's press in the window: told, never acted on."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from crosstrade_panel import texts
from crosstrade_panel.domain.outcome import Fate, Outcome, Verdict
from crosstrade_panel.domain.scope import OneAccount, Side
from crosstrade_panel.domain.snapshot import Source
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.trading.ports import EntryKind
from crosstrade_panel.trading.press import Phase, Press
from crosstrade_panel.ui.view import Gesture, Tone
from tests.fakes import VirtualTimeLoop, position
from tests.ui.rig import Rig

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SCOPE = OneAccount("Sim101", "MES 12-25")


def other(verdict: Verdict | None = None, press_id: str = "other", began_at: float = 0.0) -> Press:
    outcome = None if verdict is None else Outcome(verdict, NOON, scope=SCOPE)
    return Press(press_id, SCOPE, began_at, NOON, may_have_left=True, outcome=outcome)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Callable[[], VirtualTimeLoop]]]:
    return ("asyncio", {"loop_factory": VirtualTimeLoop})


@pytest.fixture
async def rig() -> Rig:
    made = Rig()
    made.connect()
    await made.read()
    made.presenter.on_account("Sim101")
    return made


async def test_it_is_a_banner_that_says_whose_it_is_and_has_no_button_that_acts(rig: Rig) -> None:
    rig.presenter.on_elsewhere(other())
    [banner] = rig.view().banners
    assert banner.title == f"FLATTEN sent · Sim101 · MES 12-25 · {texts.ANOTHER_PROCESS}"
    assert banner.lines == (texts.NO_OUTCOME_YET,)
    assert (banner.tone, banner.action, banner.may_acknowledge) == (Tone.BUSY, None, True)
    assert rig.sent == []


@pytest.mark.parametrize("verdict", list(Verdict))
async def test_its_outcome_takes_the_place_and_nothing_acts(rig: Rig, verdict: Verdict) -> None:
    rig.presenter.on_elsewhere(other())
    rig.presenter.on_elsewhere(other(verdict))
    [banner] = rig.view().banners
    assert texts.verdict_word(verdict) in banner.title
    assert banner.title.endswith(texts.ANOTHER_PROCESS)
    assert banner.action is None
    assert len(rig.alerts) == verdict.is_loud
    assert rig.sent == []


async def test_the_same_news_twice_is_loud_once(rig: Rig) -> None:
    for _ in range(3):
        rig.presenter.on_elsewhere(other(Verdict.STILL_OPEN))
    assert len(rig.alerts) == 1
    rig.presenter.on_elsewhere(other(Verdict.OVERFILLED))
    assert len(rig.alerts) == 2


def still_open(rig: Rig, press_id: str = "other") -> Press:
    """A flatten that another process left open twelve seconds ago."""
    fate = Fate("Sim101", Verdict.STILL_OPEN, (position(),))
    outcome = Outcome(Verdict.STILL_OPEN, NOON, (fate,), SCOPE)
    began_at, began = rig.clock.monotonic() - 12.0, NOON - timedelta(seconds=12)
    return Press(press_id, SCOPE, began_at, began, phase=Phase.ENDED, may_have_left=True, outcome=outcome)


async def test_what_it_left_open_is_watched_and_becomes_flat_late(rig: Rig) -> None:
    rig.presenter.on_elsewhere(still_open(rig))
    await rig.read()
    [banner] = rig.view().banners
    assert banner.title.startswith("STILL OPEN")
    assert banner.lines[0].startswith("NinjaTrader shows Short 2 MES 12-25")
    rig.presenter.on_elsewhere(still_open(rig))  # its process says so once more
    rig.gateway.open = []
    for _ in range(3):
        await rig.read()
        await asyncio.sleep(1.1)
    await rig.watch.orders("Sim101")
    await rig.read()
    [banner] = rig.view().banners
    assert banner.title.startswith("FLAT (late, ")
    assert banner.title.endswith(texts.ANOTHER_PROCESS)
    assert banner.tone is Tone.GOOD
    told = [each for each in rig.journal.entries if each.kind is EntryKind.OUTCOME]
    assert {each.press_id for each in told} == {"other"}
    assert told[-1].facts["verdict"] == "flat"
    assert rig.sent == []
    # Its first alert was for STILL OPEN; what gets better is not loud again.
    assert [alert.id for alert in rig.alerts] == ["other"]


async def test_it_is_not_loud_again_for_other_rows_though_there_was_a_press_between(rig: Rig) -> None:
    rig.gateway.on_flatten = lambda gateway, _: gateway.receipt([])  # nothing is open there
    rig.presenter.on_elsewhere(still_open(rig))
    await rig.read()
    rig.presenter.on_account("Sim102")
    rig.presenter.on_flatten(rig.scope())
    await rig.finish()
    rig.gateway.open = [position(quantity=1)]
    for _ in range(2):
        await rig.read()
    assert "Short 1 MES 12-25" in "".join(rig.view().banners[-1].lines)
    assert [alert.id for alert in rig.alerts].count("other") == 1


async def its_flat_is_proved(rig: Rig) -> None:
    rig.gateway.open = []
    rig.presenter.on_elsewhere(still_open(rig))
    for _ in range(3):
        await rig.read()
        await asyncio.sleep(1.1)


async def test_its_flat_is_kept_when_the_journal_is_looked_into_once_more(rig: Rig) -> None:
    await its_flat_is_proved(rig)
    title = rig.view().banners[0].title
    assert title.startswith("FLAT")
    [verdict] = {press.outcome.verdict for press in rig.presenter.pressed_elsewhere if press.outcome}
    rig.presenter.on_elsewhere(other(verdict))
    assert rig.view().banners[0].title == title


async def test_opened_again_after_it_was_flat_it_is_loud(rig: Rig) -> None:
    await its_flat_is_proved(rig)
    rig.gateway.open = [position()]
    for _ in range(2):
        await rig.read()
    assert rig.view().banners[0].title.startswith("REOPENED")
    assert len(rig.alerts) == 2


async def test_what_cannot_be_watched_is_told_as_its_process_told_it_beside_what_is_read_now(
    rig: Rig,
) -> None:
    press = other(Verdict.UNKNOWN, began_at=rig.clock.monotonic())
    press.ticket = ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2)
    rig.presenter.on_elsewhere(press)
    [banner] = rig.view().banners
    assert banner.lines[0] == texts.told_by_that_process(NOON)
    assert not any("shows" in line for line in banner.lines)  # what was read before says nothing of it
    await asyncio.sleep(0.1)
    await rig.read()
    [banner] = rig.view().banners
    assert banner.lines[0] == texts.told_by_that_process(NOON)
    assert banner.lines[1].startswith("NinjaTrader shows Short 2 MES 12-25")
    rig.gateway.open = []
    await rig.read()
    assert rig.view().banners[0].lines[1].startswith("NinjaTrader shows nothing open")
    rig.gateway.accounts_listed = []
    for source in (Source.SNAPSHOT, Source.POSITIONS):
        await rig.watch.positions(source)
        await rig.turn()
        assert rig.view().banners[0].lines[1] == texts.SHOWS_NOT_TOLD
    await rig.pass_time(6.0)
    assert not any("shows" in line for line in rig.view().banners[0].lines)
    assert rig.view().banners[0].title.startswith("UNKNOWN")


async def test_acknowledged_it_goes_and_the_journal_knows(rig: Rig) -> None:
    rig.presenter.on_elsewhere(other(Verdict.UNKNOWN))
    rig.presenter.on_acknowledged("other")
    assert rig.view().banners == ()
    assert [entry.kind for entry in rig.journal.entries if entry.press_id == "other"] == [
        EntryKind.ACKNOWLEDGED
    ]


async def test_one_without_an_outcome_is_only_put_away(rig: Rig) -> None:
    rig.presenter.on_elsewhere(other())
    rig.presenter.on_acknowledged("other")
    assert rig.view().banners == ()
    assert rig.journal.entries == []
    rig.presenter.on_elsewhere(other(Verdict.FLAT))
    assert len(rig.view().banners) == 1


async def test_it_locks_nothing_by_itself_and_keeps_nobody_from_closing(rig: Rig) -> None:
    before = rig.view().flatten
    rig.presenter.on_elsewhere(other(Verdict.UNKNOWN, began_at=rig.clock.monotonic()))
    assert rig.view().flatten == before
    assert rig.presenter.may_close()
    assert rig.presenter.book.presses == ()


async def test_the_newest_press_is_on_top_whoever_made_it(rig: Rig) -> None:
    assert rig.view().flatten.gesture is Gesture.CLICK
    rig.presenter.on_flatten(rig.scope())
    await rig.finish()
    now = rig.clock.monotonic()
    rig.presenter.on_elsewhere(other(Verdict.UNKNOWN, "older", began_at=-1.0))
    rig.presenter.on_elsewhere(other(Verdict.UNKNOWN, "newer", began_at=now + 1.0))
    assert [banner.press_id for banner in rig.view().banners] == ["newer", "press-1", "older"]


async def test_a_newer_one_takes_the_place_of_those_that_need_no_eye(rig: Rig) -> None:
    rig.presenter.on_elsewhere(other(Verdict.FLAT, "flat", began_at=1.0))
    rig.presenter.on_elsewhere(other(Verdict.UNKNOWN, "unknown", began_at=2.0))
    rig.presenter.on_elsewhere(other(Verdict.FLAT, "flat again", began_at=3.0))
    assert [banner.press_id for banner in rig.view().banners] == ["flat again", "unknown"]


async def test_a_flood_of_them_does_not_fill_the_window(rig: Rig) -> None:
    for number in range(40):
        rig.presenter.on_elsewhere(other(Verdict.UNKNOWN, f"p{number}", began_at=float(number)))
    assert len(rig.view().banners) == 5
    assert len(rig.presenter.pressed_elsewhere) == 5
