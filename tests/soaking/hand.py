"""The hand that works the window, through its own gestures, and what it does to the exchange meanwhile."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from itertools import chain, cycle
from random import Random

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from crosstrade_panel.app import Program
from crosstrade_panel.domain.scope import Side
from crosstrade_panel.simulator.drills import DRILLS
from crosstrade_panel.trading.press import Press
from crosstrade_panel.ui.action_button import AcknowledgeButton
from crosstrade_panel.ui.banner import BannerCard
from crosstrade_panel.ui.press_button import PressButton
from crosstrade_panel.ui.view import Gesture, Look
from tests.soaking.exchange import ACCOUNTS, INSTRUMENTS, ExchangeProcess

_LEFT = Qt.MouseButton.LeftButton
_FIRST_RESTART_S = 100.0
_STANDS_STILL_S = 2.0
_LIES_STILL_S = 0.32
_PATIENCE_S = 4.0
_LARGE = ("huge", "gzip-bomb", "endless-body", "endless-headers", "deep")


class Hand:
    """Presses, acknowledges, breaks things, and puts them right again, until it is cancelled.

    `done` counts what it did, `outcomes` what the presses were told to be when they were acknowledged.
    """

    def __init__(self, program: Program, exchange: ExchangeProcess, random: Random) -> None:
        self._program = program
        self._window = program._window
        self._presenter = program._presenter
        self._exchange = exchange
        self._random = random
        self.done: Counter[str] = Counter()
        self.drills: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self._told: set[str] = set()
        self._restart_at = time.monotonic() + _FIRST_RESTART_S
        names = list(DRILLS)
        random.shuffle(names)
        # First what takes the most memory for a moment: how far that lifts the process shows no trend.
        self._next_drill = chain(_LARGE * 2, cycle(names))

    async def run(self) -> None:
        """One round after the other."""
        while True:
            self._open_positions()
            await self._trouble()
            is_drill = self._random.random() < 0.6
            if is_drill:
                drill = next(self._next_drill)
                self.drills[drill] += 1
                self._exchange.tell(drill=drill)
            self._choose()
            await asyncio.sleep(0.3)
            for _ in range(self._random.choice((1, 1, 2, 3))):
                await self._press_something()
                if self._random.random() < 0.3:
                    self._exchange.tell(cut=self._random.choice(("all", "some", "idle")))
                    self.done["links cut"] += 1
            await self._until(self._is_told, _PATIENCE_S)
            await self._act_on_a_banner()
            if is_drill:
                self._exchange.tell(drill=None)
            await self._until(self._is_told, _PATIENCE_S)
            await self._acknowledge_all()

    # -- the exchange

    def _open_positions(self) -> None:
        found = [
            (
                self._random.choice(ACCOUNTS),
                self._random.choice(INSTRUMENTS),
                self._random.choice((-2, -1, 1, 3)),
                self._random.random() < 0.5,
            )
            for _ in range(self._random.randrange(1, 5))
        ]
        self._exchange.tell(open=found)

    async def _trouble(self) -> None:
        now = time.monotonic()
        chance = self._random.random()
        if now >= self._restart_at:
            self._restart_at = now + self._random.uniform(90.0, 180.0)
            self.done["exchange killed"] += 1
            self._exchange.kill()
            await asyncio.sleep(self._random.choice((0.0, 1.5)))
            self._exchange.start()
            await self._until(lambda: self._exchange.is_ready, 20.0)
        elif chance < 0.03:
            self.done["exchange stood still"] += 1
            self._exchange.stand_still()
            if self._random.random() < 0.5:
                await self._press_something()
            await asyncio.sleep(_STANDS_STILL_S)
            self._exchange.go_on()
        elif chance < 0.10:
            self.done["stream switched"] += 1
            self._window.stream_toggled.emit(self._random.random() < 0.6)
        elif chance < 0.13:
            self.done["stream closed"] += 1
            self._exchange.tell(close_stream=self._random.choice((1001, 1008, 4000)))
            await asyncio.sleep(0.1)
            self._window.stream_reconnect_requested.emit()
        elif chance < 0.15:
            self.done["woken"] += 1
            desk = self._presenter._desk
            assert desk is not None
            self._program._wake_up(desk)
        elif chance < 0.17:
            self.done["theme changed"] += 1
            self._window.theme_chosen.emit(self._random.choice(("light", "dark", "system")))
        elif chance < 0.18:
            self._exchange.tell(reset=True)

    # -- the window

    def _button(self, name: str) -> PressButton:
        button = self._window.findChild(PressButton, name)
        assert isinstance(button, PressButton)
        return button

    def _choose(self) -> None:
        """Whatever is open, or everything; as from the lists of the pickers."""
        desk = self._presenter._desk
        assert desk is not None
        latest = desk.watch.latest
        rows = [] if latest is None else [(row.account, row.instrument) for row in latest.positions]
        account: str | None
        instrument: str | None
        match self._random.randrange(6):
            case 0:
                account, instrument = None, None
            case 1:
                account, instrument = self._random.choice(ACCOUNTS), None
            case _ if rows:
                account, instrument = self._random.choice(rows)
            case _:
                account, instrument = self._random.choice(ACCOUNTS), self._random.choice(INSTRUMENTS)
        self._window.account_chosen.emit(account)
        self._window.instrument_chosen.emit(instrument)
        self._window.side_chosen.emit(self._random.choice((None,) * 6 + (Side.LONG, Side.SHORT)))

    async def _press_something(self) -> None:
        reverse = self._button("reverseButton")
        wants_reverse = self._random.random() < 0.6
        button = reverse if wants_reverse and reverse.look is Look.READY else self._button("flattenButton")
        await self._press(button, "REVERSE" if button is reverse else "FLATTEN")

    async def _press(self, button: PressButton, name: str) -> None:
        """The gesture that the button asks for; what is locked swallows it, as it should."""
        is_hold = button.face.gesture is Gesture.HOLD or button.objectName() == "reverseButton"
        known = self._newest()
        QTest.mousePress(button, _LEFT)
        try:
            if is_hold:
                await self._until(lambda: self._newest() is not known, 1.5)
            else:
                await asyncio.sleep(0.02)
        finally:
            if isValid(button):  # its card may have gone
                QTest.mouseRelease(button, _LEFT)
        await asyncio.sleep(0)
        if self._newest() is known:
            self.done[f"{name} in vain"] += 1
            return
        self.done["presses"] += 1
        self.done[f"{name} by {'hold' if is_hold else 'click'}"] += 1

    def _newest(self) -> Press | None:
        presses = self._presenter.book.presses
        return presses[-1] if presses else None

    def _is_told(self) -> bool:
        return all(press.outcome is not None for press in self._presenter.book.presses)

    async def _act_on_a_banner(self) -> None:
        for card in self._cards():
            button = card.action_button
            if button.isHidden() or button.look not in {Look.READY, Look.LOOKS_DEAD}:
                continue
            await asyncio.sleep(_LIES_STILL_S)
            action = card.view.action
            if action is not None and isValid(button) and button.isVisibleTo(self._window):
                await self._press(button, action.kind.value)
            return

    async def _acknowledge_all(self) -> None:
        """By the buttons, as they come to lie still: each one that goes moves the others."""
        for _ in range(12):
            self._note_outcomes()
            found = [
                button
                for card in self._cards()
                if card.view.may_acknowledge
                for button in card.findChildren(AcknowledgeButton)
            ]
            if not found:
                return
            await asyncio.sleep(_LIES_STILL_S)
            for button in found:
                if isValid(button):  # the one before took its card along
                    QTest.mouseClick(button, _LEFT)
                    self.done["acknowledgements"] += 1

    def _note_outcomes(self) -> None:
        told = {press.id: press.outcome for press in self._presenter.book.presses if press.outcome}
        self.outcomes.update(each.verdict.value for key, each in told.items() if key not in self._told)
        self._told = set(told)

    def _cards(self) -> list[BannerCard]:
        return [card for card in self._window.findChildren(BannerCard) if card.isVisibleTo(self._window)]

    def let_go(self) -> None:
        """Whatever is held, outside of it."""
        buttons: list[QWidget] = [*self._window.findChildren(PressButton)]
        for button in buttons:
            QTest.mouseRelease(button, _LEFT, pos=QPoint(-50, -50))

    @staticmethod
    async def _until(condition: Callable[[], bool], patience_s: float) -> None:
        """Looked at every few milliseconds, because Qt's widgets tell nobody; going on without it is fine."""
        end = time.monotonic() + patience_s
        while not condition() and time.monotonic() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
