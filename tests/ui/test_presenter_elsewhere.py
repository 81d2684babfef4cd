"""Another process's press in the window: told, never acted on."""

from datetime import UTC, datetime

import pytest

from crosstrade_panel import texts
from crosstrade_panel.domain.outcome import Outcome, Verdict
from crosstrade_panel.domain.scope import OneAccount
from crosstrade_panel.trading.ports import EntryKind
from crosstrade_panel.trading.press import Press
from crosstrade_panel.ui.view import Gesture, Tone
from tests.ui.rig import Rig

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SCOPE = OneAccount("Sim101", "MES 12-25")


def other(verdict: Verdict | None = None, press_id: str = "other", began_at: float = 0.0) -> Press:
    outcome = None if verdict is None else Outcome(verdict, NOON, scope=SCOPE)
    return Press(press_id, SCOPE, began_at, NOON, may_have_left=True, outcome=outcome)


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
