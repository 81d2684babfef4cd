"""Decides what the window shows and what its gestures do. Knows no Qt."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from crosstrade_panel import texts
from crosstrade_panel.domain.cancel import ListedOrders
from crosstrade_panel.domain.names import fold, same_instrument
from crosstrade_panel.domain.outcome import Cause, Reason, Verdict
from crosstrade_panel.domain.scope import (
    EveryAccount,
    OneAccount,
    Scope,
    ScopeError,
    Side,
    account_of,
    overlap,
)
from crosstrade_panel.domain.snapshot import OrdersRead, find_account, in_scope
from crosstrade_panel.domain.ticket import ReverseTicket, read_price, read_quantity
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.trading.cancel import Cancel
from crosstrade_panel.trading.desk import Desk
from crosstrade_panel.trading.flat_proof import FlattenProof
from crosstrade_panel.trading.flatten import Flatten
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.ports import Clock
from crosstrade_panel.trading.press import Lock, Phase, Press, PressBook
from crosstrade_panel.trading.reverse import Held, Reverse, held_position
from crosstrade_panel.trading.reverse_proof import ReverseProof
from crosstrade_panel.ui import describe
from crosstrade_panel.ui.elsewhere_cards import ElsewhereCards
from crosstrade_panel.ui.masks import Masks
from crosstrade_panel.ui.outage import Outage
from crosstrade_panel.ui.view import (
    ActionKind,
    BannerAction,
    Choice,
    FallbackView,
    FlattenView,
    Look,
    PanelView,
    PracticeView,
    PreviewView,
    ReverseView,
    StreamView,
    TicketFields,
    TicketView,
)

_NOTICE_S = 6.0
_MOST_RECENT = 8
_PRESS_FIRST_S = 0.03
"""The button itself has shown the press, and locks itself, before anybody hears of it."""
_READ_FIRST_S = 0.01
_LONGEST_MAKING_S = 0.3
_NEVER = float("-inf")


class Supervisor(Protocol):
    """Owns every task that the presenter starts."""

    def start(self, name: str, work: Coroutine[Any, Any, None], *, at_once: bool = False) -> object:
        """Run it, if need be its first step at once; whatever goes wrong in it is reported, never lost."""


@dataclass(slots=True)
class _Aim:
    """A reverse that is being held: the position on the button, and what the fresh read showed.

    It serves until then (monotonic seconds): neither a hold nor a read may take longer.
    """

    ticket: ReverseTicket
    held: Held
    until: float
    found: Held | Reason | None = None
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class _Notice:
    text: str
    until: float


class Presenter:
    """The state behind the window: committed pickers, ticket, the press being aimed, the presses made.

    `show` paints a view; `alert` is told of every loud outcome once; `account_committed` of every choice of
    an account. Gestures come in as `on_…`; each is compared with what was shown before it counts.
    """

    def __init__(
        self,
        clock: Clock,
        pace: Pace,
        supervisor: Supervisor,
        *,
        new_id: Callable[[], str],
        show: Callable[[PanelView], None],
        alert: Callable[[Press], None],
        reverse_ended: Callable[[], None],
        account_committed: Callable[[str | None], None],
    ) -> None:
        """Begin without a server: NO TOKEN until `connect`."""
        self._clock = clock
        self._pace = pace
        self._supervisor = supervisor
        self._new_id = new_id
        self._show = show
        self._alert = alert
        self._reverse_ended = reverse_ended
        self._account_committed = account_committed
        self._desk: Desk | None = None
        self._book = PressBook(pace)
        self._is_practice = False
        self._account: str | None = None
        self._wanted_account: str | None = None
        self._instrument: str | None = None
        self._side: Side | None = None
        self._recent: list[str] = []
        self._fields = TicketFields()
        self._ticket_for: tuple[str, str] | None = None
        self._aim: _Aim | None = None
        self._reverse_notice: _Notice | None = None
        self._status_notice: _Notice | None = None
        self._alerted: dict[str, Verdict] = {}
        self._doubts: dict[str, Reason] = {}
        self._elsewhere = ElsewhereCards()
        self._outage = Outage()
        self._phone, self._web = "", ""
        self._nicknames: Mapping[str, str] = {}
        self.masks = Masks()
        self.is_masking = False
        self._warned_of: frozenset[str] = frozenset()
        self._shown: PanelView | None = None
        self._pictured = describe.Picture(None, None, (), None)
        self._is_due = False
        self._rows_to_make: Iterator[None] | None = None
        self._making_since = 0.0
        self._orders_changed: dict[str, tuple[str | None, float]] = {}
        self._token_problem: str | None = None
        self._practice: PracticeView | None = None
        self._stream = StreamView()
        self._stream_link = ""

    # --- from the program ---------------------------------------------------------------------------------

    @property
    def book(self) -> PressBook:
        """Every press since start."""
        return self._book

    def ask_for_token(self, problem: str) -> None:
        """There is no way to a server yet: ask, and say why, where there is more to say than "no token"."""
        self._token_problem = problem
        self.refresh()

    @property
    def may_take_token(self) -> bool:
        """Whether a token is asked for: there is none, or it is refused and no press is on its way."""
        if self._desk is None:
            return self._token_problem is not None
        failing = self._desk.watch.failing
        if failing is None or failing.reason.cause is not Cause.TOKEN_REFUSED or self._is_practice:
            return False
        return all(press.outcome is not None for press in self._book.presses)

    def new_book(self) -> PressBook:
        """Begin a book: the exchange in this program knows nothing of presses that touched a real account."""
        self._book = PressBook(self._pace)
        return self._book

    def connect(self, desk: Desk, *, is_practice: bool, last_account: str | None) -> None:
        """There is a server now. The last account is taken up again once the API reports it."""
        self._desk = desk
        self._is_practice = is_practice
        self._token_problem = None
        self._wanted_account = last_account
        desk.watch.listeners.append(self.on_read)
        desk.watch.focus = self._account
        self.refresh()

    def on_read(self) -> None:
        """The watch has read. Looked at in a turn of its own: no mistake in a view may break a press."""
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._take_read)

    def _take_read(self) -> None:
        self._is_due = False
        if self._desk is None:
            return
        watch = self._desk.watch
        if self._wanted_account is not None and watch.accounts:
            known = find_account(watch.accounts, self._wanted_account)
            if known is not None:
                self._account = watch.focus = known.name
            self._wanted_account = None
        open_now = () if watch.latest is None else watch.latest.positions
        for instrument in dict.fromkeys(row.instrument for row in open_now):
            if instrument is not None and instrument not in self._recent:
                self._recent = [instrument, *self._recent][:_MOST_RECENT]
        self.look_again()

    def look_again(self) -> None:
        """Paint what is known by now once its rows are made, in steps; no stream of reads puts that off.

        Ages grow without any read: orders too old to count concern every row.
        """
        now = self._clock.monotonic()
        if self._rows_to_make is None:
            self._making_since = now
        if now > self._making_since + _LONGEST_MAKING_S:
            self._rows_to_make = None
            self.refresh()
            return
        self._rows_to_make = describe.rows_in_steps(self.scope, self._picture(), self._shown_name)
        self._make_rows(self._rows_to_make)

    def _make_rows(self, rows: Iterator[None]) -> None:
        """Of thousands some in each turn of the loop, shown in the last: a press may come between."""
        if rows is not self._rows_to_make:  # there was another read meanwhile
            return
        loop = asyncio.get_running_loop()
        self._rows_to_make = None  # whatever goes wrong with a row: the ages go on growing
        for _ in rows:
            self._rows_to_make = rows
            loop.call_soon(self._make_rows, rows)
            return
        loop.call_soon(self._paint_what_is_made)

    def _paint_what_is_made(self) -> None:
        """Paint now, or in a moment with the rows of a newer read: else all of them were made here."""
        if self._rows_to_make is None and not self._is_due:
            self.refresh()

    def on_press_changed(self, press: Press) -> None:
        """A press has moved on. Looked at in a turn of its own, as a read is.

        On its way it is looked at a little later: the read that proves it leaves before anything is painted.
        """
        wait_s = 0.0 if press.phase is Phase.ENDED else _READ_FIRST_S
        asyncio.get_running_loop().call_later(wait_s, self._take_press, press)

    def _take_press(self, press: Press) -> None:
        self._note_orders_changed(press)
        if press.outcome is not None:
            verdict, before = press.outcome.verdict, self._alerted.get(press.id)
            known = {press.id, *(each.id for each in self.shown_presses)}  # the others change no more
            self._alerted = {key: told for key, told in self._alerted.items() if key in known}
            self._alerted[press.id] = verdict
            # What gets better, and is not good yet, was loud already.
            if verdict.is_loud and (before is None or not before.is_loud or verdict.rank < before.rank):
                self._alert(press)
        self._paint_what_is_made()

    def take_over(self, press: Press) -> None:
        """A press of an earlier run that never got its outcome."""
        self._alerted[press.id] = Verdict.UNKNOWN
        self._book.open(press)
        self.refresh()

    def show_practice(self, practice: PracticeView | None) -> None:
        """What the Practice menu offers; None without the embedded exchange."""
        self._practice = practice
        self.refresh()

    def know_stream(self, stream: StreamView, link: str) -> None:
        """How the stream does; `link` says so in the status line while presses go over it."""
        self._stream, self._stream_link = stream, link

    def know_broker(self, phone: str, web: str) -> None:
        """The broker's desk and web platform, for when nothing else works."""
        self._phone, self._web = phone, web
        self.refresh()

    def know_nicknames(self, nicknames: Mapping[str, str]) -> None:
        """What the trader calls the accounts, by their names."""
        self._nicknames = nicknames
        self.refresh()

    def hold_for(self, wide_s: float, narrow_s: float) -> None:
        """How long buttons are held from now on."""
        self._pace = replace(self._pace, hold_wide_s=wide_s, hold_narrow_s=narrow_s)
        self.refresh()

    def mask_names(self, *, on: bool) -> None:
        """Mask account names wherever they are shown, or not."""
        self.is_masking = on
        self.refresh()

    @property
    def account_choices(self) -> tuple[Choice, ...]:
        """The accounts that the API reported, as they may be shown."""
        choices = describe.account_choices(self._picture().accounts, None, self._nicknames)[1:]
        if not self.is_masking:
            return choices
        self.masks.learn(self._names_to_mask())
        return self.masks.of(choices)

    def refresh(self) -> None:
        """Paint what is known now."""
        self._follow_the_position()
        self._keep_doubts()
        self._look_for_outage()
        if self.is_masking:
            self.masks.learn(self._names_to_mask())
        view = self.view()
        if self.is_masking:
            view = self.masks.view(view, rows_are_masked=True)
        self._shown = view
        self._show(view)

    def _refresh_behind(self) -> None:
        """Paint once the press, which was started before, has had time to leave: painting takes as long."""
        asyncio.get_running_loop().call_later(_PRESS_FIRST_S, self.refresh)

    def may_close(self) -> bool:
        """Whether the window may close: with a press unresolved only when it has said so before."""
        unresolved = frozenset(press.id for press in self._book.presses if press.is_unresolved)
        if unresolved <= self._warned_of:
            return True
        self._warned_of = unresolved
        self.say(texts.unresolved_at_close(len(unresolved)))
        return False

    # --- gestures -----------------------------------------------------------------------------------------

    def on_account(self, account: str | None) -> None:
        """Another account was committed."""
        self._choose_account(account)
        self.refresh()

    def on_instrument(self, instrument: str | None) -> None:
        """Another instrument was committed."""
        self._wanted_account = None
        self._instrument = instrument
        self._fields = TicketFields()
        self.refresh()

    def _choose_account(self, account: str | None) -> None:
        self._wanted_account = None
        self._account = account
        self._fields = TicketFields()
        if self._desk is not None:
            self._desk.watch.focus = account
        self._account_committed(account)

    def on_instrument_typed(self, typed: str) -> None:
        """A name that is no choice: it stands for the open positions that it may mean."""
        found = describe.resolve_alias(typed, self._picture().positions, self._account)
        if len(found) == 1:
            self.on_instrument(found[0])
            return
        self.say(texts.alias_several(typed, found) if found else texts.alias_none(typed))

    def on_side(self, side: Side | None) -> None:
        """Another direction was chosen."""
        self._wanted_account = None
        self._side = side
        self.refresh()

    def on_row(self, key: tuple[str, str]) -> None:
        """A row of the preview was clicked: narrow to it."""
        account, instrument = key
        self._choose_account(account)
        self._instrument = instrument
        self.refresh()

    def on_widen_side(self) -> None:
        """What the side leaves out is to be in scope too."""
        self.on_side(None)

    def on_ticket(self, fields: TicketFields) -> None:
        """The ticket was edited."""
        self._fields = fields
        self.refresh()

    def on_flatten(self, scope: Scope) -> None:
        """The flatten gesture was completed for the scope that the button showed."""
        shown, desk, selected = self._shown, self._desk, self.scope
        now = self._clock.monotonic()
        # Only what decides: what the button says besides would take a tenth of the time to the last byte.
        lock = self._book.flatten_lock(selected, now)
        if desk is None or shown is None or lock.lock is Lock.LOCKED:
            self.refresh()
            return
        gesture = describe.gesture_of(selected, lock)
        if not scope == shown.flatten.scope == selected or gesture is not shown.flatten.gesture:
            self.say(texts.BUTTON_CHANGED)
            return
        self._wanted_account = None
        self._flatten(desk, scope, now)

    def _flatten(self, desk: Desk, scope: Scope, now: float) -> None:
        is_overtaking = self._overtakes_reverse(scope)
        press = Press(self._new_id(), scope, now, self._clock.now())
        self._book.open(press)
        self._fields = TicketFields()
        self._supervisor.start(f"flatten {press.id}", self._run(Flatten(desk)(press)), at_once=True)
        if is_overtaking:  # told behind the sending, which no mistake in a view may break
            self._reverse_ended()
            self._notice_reverse(texts.REVERSE_OVERTAKEN)
        self._refresh_behind()

    def on_banner_action(self, press_id: str, action: BannerAction) -> None:
        """The gesture of the button in a banner was completed; it counts for what that button still says."""
        desk, now = self._desk, self._clock.monotonic()
        press = next((each for each in self._book.presses if each.id == press_id), None)
        current = None if press is None else self._action_of(press, now)
        if desk is None or press is None or current is None or current.means != action.means:
            self.say(texts.BUTTON_CHANGED)
            return
        if current.look in {Look.LOCKED, Look.DISABLED}:
            self.refresh()
        elif action.kind is ActionKind.STOP:
            press.stop.set()
        elif action.kind is ActionKind.FLATTEN and action.scope is not None:
            self._flatten(desk, action.scope, now)
        elif action.kind is ActionKind.CANCEL_ORDERS and press.outcome is not None:
            listed = describe.orders_to_cancel(press.outcome, self._picture(), self._pace.orders_fresh_s)
            if listed is not None:
                self._cancel(desk, listed, now)

    def _cancel(self, desk: Desk, listed: ListedOrders, now: float) -> None:
        press = Press(self._new_id(), listed.scope, now, self._clock.now(), cancel=listed)
        self._book.open(press)
        self._fields = TicketFields()
        self._supervisor.start(f"cancel {press.id}", self._run(Cancel(desk)(press)))
        self._refresh_behind()

    def _action_of(self, press: Press, now: float) -> BannerAction | None:
        """The one button that belongs to a press as it stands."""
        if self._desk is None or press.acknowledged:
            return None
        if press.phase is Phase.REPEATING:
            return None if press.stop.is_set() else describe.stop_action()
        outcome, picture = press.outcome, self._picture()
        if outcome is None:
            return None
        if outcome.verdict in {Verdict.ORDERS_WORKING, Verdict.STILL_WORKING}:
            listed = describe.orders_to_cancel(outcome, picture, self._pace.orders_fresh_s)
            if listed is None:
                return None
            is_locked = self._book.cancel_is_locked(listed, now)
            return describe.cancel_action(listed, self._pace, is_locked=is_locked)
        scope = describe.flatten_again(press, outcome)
        if scope is None:
            return None
        lock = self._book.flatten_lock(scope, now)
        why = self._why_locked(scope)
        view = describe.flatten_button(scope, picture, lock, self._pace, missing=self._missing, why=why)
        return describe.flatten_action(view)

    def on_reverse_started(self, ticket: ReverseTicket) -> None:
        """The reverse button went down: read afresh, while it is being held."""
        shown, desk = self._shown, self._desk
        held = self._held()
        if desk is None or shown is None or ticket != shown.reverse.ticket or not isinstance(held, Held):
            self._drop_aim(None)
            return
        self._reverse_notice = None
        aim = _Aim(ticket, held, self._clock.monotonic() + self._pace.reverse_read_s)
        self._aim = aim
        self._supervisor.start("fresh read", self._look(desk, aim))
        self.refresh()

    def on_reverse_held(self, ticket: ReverseTicket) -> None:
        """The hold is complete and the button still down."""
        aim = self._aim
        if aim is not None and aim.ticket == ticket:
            aim.is_held = True
            self._fire_if_ready(aim)

    def on_reverse_released(self) -> None:
        """Let go, or the hold was broken."""
        aim = self._aim
        if aim is not None:
            self._aim = None
            self._tell_reverse(texts.LET_GO)

    def on_fallback_toggled(self) -> None:
        """What is left by hand is to be shown, or hidden."""
        self._outage.toggle()
        self.refresh()

    def on_acknowledged(self, press_id: str) -> None:
        """The trader has seen an outcome. Sends nothing."""
        press = self._book.acknowledge(press_id) or self._elsewhere.drop(press_id)
        if press is not None and press.outcome is not None and self._desk is not None:
            self._desk.record.acknowledged(press)
        self.refresh()

    def on_elsewhere(self, press: Press) -> None:
        """Another process has pressed, or its press has come further: shown, and loud where it is."""
        is_news = self._elsewhere.take(press)
        if is_news and press.outcome is not None:
            self._alerted[press.id] = press.outcome.verdict
            if press.outcome.verdict.is_loud:
                self._alert(press)
        self.refresh()

    @property
    def pressed_elsewhere(self) -> tuple[Press, ...]:
        """The presses of other processes that are shown."""
        return self._elsewhere.presses

    @property
    def shown_presses(self) -> tuple[Press, ...]:
        """Those made here, then those of other processes."""
        return (*self._book.presses, *self._elsewhere.presses)

    # --- reverse ------------------------------------------------------------------------------------------

    async def _look(self, desk: Desk, aim: _Aim) -> None:
        reading = asyncio.ensure_future(Reverse(desk).look(aim.held.account, aim.held.instrument))
        done, _ = await asyncio.wait({reading}, timeout=self._left_of(aim))
        if done and self._aim is aim:
            aim.found = reading.result()
            self._fire_if_ready(aim)
        if self._aim is aim:
            await asyncio.sleep(self._left_of(aim))
        if self._aim is aim:
            self._drop_aim(texts.REVERSE_READ_SLOW if aim.found is None else texts.REVERSE_HELD_TOO_LONG)
        await reading

    def _left_of(self, aim: _Aim) -> float:
        return max(0.0, aim.until - self._clock.monotonic())

    def _fire_if_ready(self, aim: _Aim) -> None:
        """Fires when the hold and the read are both complete and the read shows what the button shows."""
        desk = self._desk
        if desk is None or aim.found is None:
            return
        if not isinstance(aim.found, Held):
            self._drop_aim(f"{texts.REVERSE_READ_FAILED}: {self._reason(aim.found)}")
            return
        if (aim.found.side, aim.found.quantity) != (aim.held.side, aim.held.quantity):
            self._drop_aim(texts.reverse_changed(_held_words(aim.found)))
            return
        if not aim.is_held:
            self.refresh()
            return
        now = self._clock.monotonic()
        if now > aim.until:
            self._drop_aim(texts.REVERSE_HELD_TOO_LONG)
            return
        if self._book.reverse_is_locked(aim.ticket.account, aim.ticket.instrument, now):
            self._drop_aim(texts.REVERSE_LOCKED)
            return
        self._follow_the_position()
        if self._aim is not aim:
            self.refresh()
            return
        self._aim = None
        ticket = aim.ticket
        scope = OneAccount(ticket.account, ticket.instrument)
        press = Press(self._new_id(), scope, now, self._clock.now(), ticket)
        self._book.open(press)
        self._fields = TicketFields()
        self._supervisor.start(f"reverse {press.id}", self._run(Reverse(desk)(press)))
        self._refresh_behind()
        self._reverse_ended()

    def _follow_the_position(self) -> None:
        """Drop what was meant for another position than the one that REVERSE would leave now.

        A ticket typed for one contract must not be sent for another; an aim at a position that changed says
        so before the button, shown something else, ends its gesture.
        """
        held = self._held()
        if isinstance(held, Held):
            pair = (held.account, held.instrument)
            if pair != self._ticket_for:
                self._ticket_for = pair
                self._fields = TicketFields()
        aim = self._aim
        if aim is not None and held != aim.held:
            self._aim = None
            why = f"{texts.REVERSE_NOT_SENT} — {held}" if isinstance(held, str) else None
            self._notice_reverse(why or texts.reverse_changed(_held_words(held)))
            self._reverse_ended()

    def _overtakes_reverse(self, scope: Scope) -> bool:
        """Whether a reverse is being aimed at a position of that scope; a flatten comes first and ends it."""
        aim = self._aim
        if aim is None or not overlap(scope, OneAccount(aim.ticket.account, aim.ticket.instrument)):
            return False
        self._aim = None
        return True

    def _drop_aim(self, why: str | None) -> None:
        self._aim = None
        self._reverse_ended()
        if why is not None:
            self._tell_reverse(why)

    def _tell_reverse(self, text: str) -> None:
        self._notice_reverse(text)
        self.refresh()

    def _notice_reverse(self, text: str) -> None:
        self._reverse_notice = _Notice(text, self._clock.monotonic() + _NOTICE_S)

    async def _run(self, press: Coroutine[Any, Any, object]) -> None:
        await press

    def say(self, text: str) -> None:
        """Show a sentence for a few seconds."""
        self._status_notice = _Notice(text, self._clock.monotonic() + _NOTICE_S)
        self.refresh()

    # --- the view -----------------------------------------------------------------------------------------

    @property
    def scope(self) -> Scope:
        """What the committed pickers select."""
        if self._account is None:
            return EveryAccount(self._instrument, self._side)
        return OneAccount(self._account, self._instrument, self._side)

    def view(self) -> PanelView:
        """Everything that the window shows now."""
        now = self._clock.monotonic()
        picture, scope, desk = self._picture(), self.scope, self._desk
        presses = self._book.presses
        last = presses[-1] if presses else None
        stacked = [press for press in reversed(presses) if press is last or press.is_unresolved]
        budget = 0.0 if desk is None else desk.watch.budget.level(now)
        flatten = self._flatten_view(now)
        reverse, ticket = self._reverse_view(now)
        needs_token = self.may_take_token
        problem = texts.as_sentence(texts.TOKEN_REFUSED if desk is not None else self._token_problem or "")
        return PanelView(
            mode=describe.mode_of(scope, picture, is_practice=self._is_practice),
            status=describe.status(
                picture,
                now,
                budget=budget,
                notes=self._notes(now),
                missing=self._missing,
                stream_link=self._stream_link,
                is_practice=self._is_practice,
            ),
            accounts=describe.account_choices(picture.accounts, self._account, self._nicknames),
            account=self._account,
            instruments=describe.instrument_choices(
                picture.positions, self._account, self._recent, self._instrument
            ),
            instrument=self._instrument,
            side=self._side,
            preview=self._preview(),
            flatten=flatten,
            reverse=reverse,
            ticket=ticket,
            banners=self._elsewhere.among(
                [
                    (
                        press,
                        describe.banner(
                            press,
                            picture,
                            now,
                            is_practice=self._is_practice,
                            action=self._action_of(press, now),
                            doubt=self._doubts.get(press.id),
                        ),
                    )
                    for press in stacked
                ],
                picture,
                now,
                is_practice=self._is_practice,
            ),
            result=describe.result(last),
            fallback=self._fallback_view(flatten),
            practice=self._practice,
            stream=self._stream,
            needs_token=needs_token,
            token_problem=problem if needs_token else "",
        )

    def _keep_doubts(self) -> None:
        """Why a press has no usable answer, for as long as it is shown: its proof is dropped before.

        An answer that came late ends it.
        """
        for press in self._book.presses:
            if isinstance(press.proof, FlattenProof | ReverseProof):
                doubt = press.proof.case.doubt
                if doubt is not None:
                    self._doubts[press.id] = doubt
                else:
                    self._doubts.pop(press.id, None)
        if self._doubts:
            known = {press.id for press in self._book.presses}
            self._doubts = {key: doubt for key, doubt in self._doubts.items() if key in known}

    def _look_for_outage(self) -> None:
        """A 408 says that NinjaTrader is away, whether a read or a press met it."""
        if self._desk is None:
            return
        watch = self._desk.watch
        failing = watch.failing
        if failing is not None and failing.reason.cause is Cause.NINJATRADER_OFFLINE:
            self._outage.meet(self._clock.monotonic())
        for press in self._book.presses:
            if self._may_be_away(press):
                self._outage.meet(self._clock.monotonic())
        if failing is None and watch.latest is not None:
            self._outage.see_good_read(watch.latest.stamp.sent_at)

    def _may_be_away(self, press: Press) -> bool:
        """Whether a press met a NinjaTrader that is away, and nothing since has ended what it was for."""
        outcome = press.outcome
        doubt = self._doubts.get(press.id) or (None if outcome is None else outcome.reason)
        is_on = outcome is None or outcome.verdict in describe.GOES_ON
        is_met = doubt is not None and doubt.cause is Cause.NINJATRADER_OFFLINE
        return press.is_unresolved and is_on and is_met

    def _fallback_view(self, flatten: FlattenView) -> FallbackView:
        is_urgent = self._outage.is_on or flatten.look is Look.LOOKS_DEAD
        return FallbackView(self._outage.is_open, is_urgent, self._phone, self._web)

    def _names_to_mask(self) -> Iterator[str | None]:
        """Every account name that a view may have in it."""
        picture = self._picture()
        for account in picture.accounts:
            yield account.name
            yield account.display_name
        yield from (row.account for row in picture.positions)
        yield from (order.account for read in picture.orders.values() for order in read.orders)
        yield self._account
        for press in (*self.shown_presses, *self._book.elsewhere):
            yield account_of(press.scope)
            if press.outcome is not None:
                yield from (fate.account for fate in press.outcome.fates)
            yield from (row.account for row in press.closed_positions)

    def _picture(self) -> describe.Picture:
        if self._desk is None:
            return describe.Picture(None, None, (), None)
        watch, orders = self._desk.watch, self._orders_that_count(self._desk.watch.orders_read)
        now_known = describe.Picture(watch.latest, watch.age_s(), watch.accounts, watch.failing, orders)
        self._pictured = now_known.after(self._pictured)
        return self._pictured

    def _orders_that_count(self, read: Mapping[str, OrdersRead]) -> Mapping[str, OrdersRead]:
        """The orders that were read not long ago, and since the last press that may have changed them."""
        oldest = self._clock.monotonic() - self._pace.orders_fresh_s
        self._orders_changed = {
            press_id: (account, at) for press_id, (account, at) in self._orders_changed.items() if at > oldest
        }
        of_account: dict[str, float] = {}
        for account, changed_at in self._orders_changed.values():
            if account is None:
                oldest = max(oldest, changed_at)
            else:
                of_account[account] = max(changed_at, of_account.get(account, oldest))
        return {
            key: each
            for key, each in read.items()
            if each.stamp.sent_at >= max(oldest, of_account.get(key, oldest))
        }

    def _note_orders_changed(self, press: Press) -> None:
        changed_at, account = _changed_orders_at(press), account_of(press.scope)
        if changed_at == _NEVER:
            self._orders_changed.pop(press.id, None)
        else:
            self._orders_changed[press.id] = (None if account is None else fold(account), changed_at)

    def _preview(self) -> PreviewView:
        return describe.preview(self.scope, self._picture(), self._shown_name)

    @property
    def _shown_name(self) -> Callable[[str], str]:
        return self.masks.name if self.is_masking else str

    def _notes(self, now: float) -> tuple[str, ...]:
        notes = []
        if self._status_notice is not None and now < self._status_notice.until:
            notes.append(self._status_notice.text)
        if self._desk is not None and self._desk.record.problem is not None:
            notes.append(texts.journal_off(self._desk.record.problem))
        if self._account is not None and describe.is_gone(self._account, self._picture().accounts):
            notes.append(texts.account_gone(self._account))
        return tuple(notes)

    def _flatten_view(self, now: float) -> FlattenView:
        lock, why = self._book.flatten_lock(self.scope, now), self._why_locked(self.scope)
        return describe.flatten_button(
            self.scope, self._picture(), lock, self._pace, missing=self._missing, why=why
        )

    def _why_locked(self, scope: Scope) -> describe.WhyLocked:
        return describe.why_locked(scope, (*self._book.presses, *self._book.elsewhere), self._doubts)

    @property
    def _missing(self) -> str:
        """What there is instead of a server; empty once there is one."""
        if self._desk is not None:
            return ""
        return texts.NO_TOKEN_YET if self._token_problem is None else texts.NO_TOKEN

    def _held(self) -> Held | str:
        """The one position that REVERSE would leave, or why there is none to leave."""
        if self._desk is None:
            return self._missing
        if self._account is None:
            return texts.REVERSE_NEEDS_ONE
        picture = self._picture()
        read = picture.read
        if read is None or picture.age_s is None or picture.age_s > self._pace.fresh_s:
            return texts.REVERSE_NEEDS_READ
        rows = in_scope(OneAccount(self._account, self._instrument), read.positions)
        names = {row.instrument for row in rows}
        if not rows:
            tells = describe.tells_of(OneAccount(self._account, self._instrument), picture)
            return texts.REVERSE_NEEDS_POSITION if tells else texts.REVERSE_NOT_TOLD
        if len(rows) > 1:
            return texts.reverse_one_of(len(rows))
        instrument = names.pop()
        if instrument is None:
            return texts.REVERSE_NEEDS_READ
        if self._instrument is not None and not same_instrument(self._instrument, instrument):
            return texts.REVERSE_ALIAS
        held = held_position(read, self._account, instrument)
        if isinstance(held, Reason):
            return self._reason(held)
        if self._side is not None and held.side is not self._side:
            return texts.REVERSE_OTHER_SIDE
        return held

    def _reason(self, reason: Reason) -> str:
        return texts.reason_sentence(reason, is_practice=self._is_practice)

    def _reverse_view(self, now: float) -> tuple[ReverseView, TicketView]:
        held = self._held()
        if isinstance(held, str):
            return self._no_reverse(held, now), TicketView(self._fields)
        ticket_view = TicketView(self._fields, open_quantity=str(held.quantity))
        try:
            ticket = _ticket_of(self._fields, held)
        except ScopeError as error:
            return self._no_reverse(str(error), now), replace(ticket_view, problem=str(error))
        if self._book.reverse_is_locked(held.account, held.instrument, now):
            view = self._no_reverse(texts.REVERSE_LOCKED, now)
            return replace(view, look=Look.LOCKED), ticket_view
        lines, notice = [texts.reverse_text(ticket, held.quantity)], ""
        if self._aim is not None and self._aim.found is None:
            lines.append(texts.REVERSE_CHECKING)
        elif notice := self._live_notice(now):
            lines.append(notice)
        spoken = ", ".join([texts.hold_to(texts.REVERSE), ticket.account, *lines])
        hold_s = self._pace.hold_narrow_s
        return ReverseView(
            ticket, texts.REVERSE, tuple(lines), Look.READY, hold_s, spoken, notice
        ), ticket_view

    def _no_reverse(self, why: str, now: float) -> ReverseView:
        notice = self._live_notice(now)
        lines = (why, notice) if notice else (why,)
        spoken = ", ".join([texts.REVERSE, *lines])
        hold_s = self._pace.hold_narrow_s
        return ReverseView(None, texts.REVERSE, lines, Look.DISABLED, hold_s, spoken, notice)

    def _live_notice(self, now: float) -> str:
        notice = self._reverse_notice
        return "" if notice is None or now >= notice.until else notice.text


def _changed_orders_at(press: Press) -> float:
    """Until when a press changed orders (monotonic seconds); a reverse's own fills till its proof.

    One that was not answered may have changed them from when it began.
    """
    outcome = press.outcome
    if outcome is not None and outcome.verdict in {Verdict.NOT_SENT, Verdict.REFUSED}:
        return _NEVER
    if outcome is not None and outcome.verdict is Verdict.REVERSED and outcome.timings.proved_s is not None:
        return press.began_at + outcome.timings.proved_s
    return press.began_at if press.answered_at is None else press.answered_at


def _held_words(held: Held | str) -> str:
    if isinstance(held, str):
        return held
    return f"{texts.side_word(held.side)} {held.quantity} {held.instrument}"


def _ticket_of(fields: TicketFields, held: Held) -> ReverseTicket:
    """The ticket as typed, for the position that is held.

    Raises:
        ScopeError: something typed cannot be meant.
    """
    kind = fields.order_type
    return ReverseTicket(
        account=held.account,
        instrument=held.instrument,
        leaving=held.side,
        quantity=read_quantity(fields.quantity) if fields.quantity.strip() else held.quantity,
        order_type=kind,
        time_in_force=fields.time_in_force,
        limit_price=read_price(fields.limit_price)
        if kind.needs_limit_price and fields.limit_price.strip()
        else None,
        stop_price=read_price(fields.stop_price)
        if kind.needs_stop_price and fields.stop_price.strip()
        else None,
        oco_id=fields.oco_id.strip() or None,
        strategy=fields.strategy.strip() or None,
    )
