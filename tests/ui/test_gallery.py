"""Every state has a name in the gallery, is looked at, and says in words what its colour says."""

from PySide6.QtWidgets import QLabel

from crosstrade_panel import texts
from crosstrade_panel.domain.outcome import Verdict
from crosstrade_panel.domain.snapshot import Mode
from crosstrade_panel.trading.press import Phase
from crosstrade_panel.ui import theme
from crosstrade_panel.ui.view import ActionKind, Gesture, Look, Tone
from tests.ui import gallery, gallery_outcomes, gallery_pages
from tests.ui.conftest import Desk

STATES = gallery.states_by_name()
BANNERS = [banner for view in STATES.values() for banner in view.banners]


def test_every_outcome_has_a_state_in_the_programs_own_words() -> None:
    found = {press.outcome.verdict for _, press, _ in gallery_outcomes.outcomes() if press.outcome}
    assert found == set(Verdict)
    titles = [banner.title for banner in BANNERS]
    for verdict in Verdict:
        assert any(title.startswith(texts.verdict_word(verdict)) for title in titles), verdict


def test_every_look_tone_badge_and_offer_has_a_state() -> None:
    assert {view.flatten.look for view in STATES.values()} == set(Look)
    assert {view.flatten.gesture for view in STATES.values()} == set(Gesture)
    assert {view.mode for view in STATES.values()} == set(Mode)
    assert {banner.tone for banner in BANNERS} == set(Tone)
    assert {banner.action.kind for banner in BANNERS if banner.action is not None} == set(ActionKind)
    assert len(Phase) == 5, "another phase of a press wants a state of its own"


def test_every_scene_begins_in_a_state_that_there_is() -> None:
    assert {scene.state for scene in gallery_pages.SCENES.values()} <= set(STATES)
    names = [*STATES, *gallery.PAGES, *gallery_pages.SCENES]
    assert len(names) == len(set(names))


def test_colour_is_never_alone(desk: Desk) -> None:
    assert len(set(theme.SYMBOLS.values())) == len(Tone)
    for view in STATES.values():
        desk.window.show_panel(view)
        for banner in view.banners:
            shown = [each.text() for each in desk.window.findChildren(QLabel, "bannerTitle")]
            assert f"{theme.SYMBOLS[banner.tone]} {banner.title}" in shown
        link = desk.window.findChild(QLabel, "linkStatus")
        assert link is not None
        assert link.text().startswith(theme.SYMBOLS[view.status.tone])
        badge = desk.window.findChild(QLabel, "modeBadge")
        assert badge is not None
        assert badge.text() == view.mode.value
        for row in view.preview.rows:
            assert {1: row.profit[0] == "+", -1: row.profit[0] == "−"}.get(row.profit_sign, True)
