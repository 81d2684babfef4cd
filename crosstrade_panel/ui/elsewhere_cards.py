"""Banners of what other processes pressed: what their journal rows tell, and the reads since. Knows no Qt."""

from dataclasses import replace

from crosstrade_panel import texts
from crosstrade_panel.domain.outcome import Verdict
from crosstrade_panel.trading.press import Press
from crosstrade_panel.ui import describe
from crosstrade_panel.ui.view import BannerView, Tone

_KEPT = 5


class ElsewhereCards:
    """Presses that were pointed at, until the trader has seen them, or a newer one comes.

    They are no presses of this panel: nothing is sent for them, and their banners have no button that acts.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._presses: dict[str, Press] = {}

    @property
    def presses(self) -> tuple[Press, ...]:
        """Those that are shown."""
        return tuple(self._presses.values())

    def take(self, press: Press) -> bool:
        """Show a press, or what has become of it; whether its outcome is news."""
        known = self._presses.pop(press.id, None)
        if known is not None and _verdict(known) is not None and _verdict(known) is _verdict(press):
            press = known  # with what was read since, and with an outcome that came of it here
        for each in [each for each in self._presses.values() if not each.is_unresolved]:
            del self._presses[each.id]
        self._presses[press.id] = press
        for press_id in list(self._presses)[:-_KEPT]:
            del self._presses[press_id]
        before = None if known is None else _verdict(known)
        return press.outcome is not None and press.outcome.verdict is not before

    def drop(self, press_id: str) -> Press | None:
        """The trader has seen it."""
        return self._presses.pop(press_id, None)

    def among(
        self,
        own: list[tuple[Press, BannerView]],
        picture: describe.Picture,
        now: float,
        *,
        is_practice: bool,
    ) -> tuple[BannerView, ...]:
        """These banners and those of the panel's own presses, the newest first."""
        found = [(press, _banner(press, picture, now, is_practice=is_practice)) for press in self.presses]
        found = sorted([*own, *found], key=lambda each: -each[0].began_at) if found else own
        return tuple(view for _, view in found)


def _verdict(press: Press) -> Verdict | None:
    return None if press.outcome is None else press.outcome.verdict


def _banner(press: Press, picture: describe.Picture, now: float, *, is_practice: bool) -> BannerView:
    if press.outcome is None:
        title = texts.sending_title(press.scope, press.ticket)
        view = BannerView(press.id, Tone.BUSY, title, (texts.NO_OUTCOME_YET,), may_acknowledge=True)
    else:
        view = describe.banner(press, picture, now, is_practice=is_practice)
        if press.is_unresolved and press.shows is None:
            # Nothing that was read since has changed it: it stands as it was told.
            told = texts.told_by_that_process(press.outcome.at)
            shown = describe.shown_since(press, picture, is_practice=is_practice)
            view = replace(view, lines=(told, *shown, *view.lines))
    return replace(view, title=texts.elsewhere_title(view.title), may_acknowledge=True)
