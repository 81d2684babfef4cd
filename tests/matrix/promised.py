"""What product.md promises for each cell, written down by hand from its sections 2 and 3.

`first`: the outcomes that the press may end with. `last`: those that it may have when nothing more can
change; where that is not said, the outcome stays. `acts`: how many of its requests change something.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.matrix.cell import Action, Cell, Over

_SPELL_S = 20.0
_HOLE_S = 18.0


@dataclass(frozen=True, slots=True)
class Promise:
    """How a cell ends. `lives_s`: how long after the press something may still change; true seconds."""

    first: frozenset[str]
    last: frozenset[str]
    acts: int = 1
    lives_s: float = 0.0


def _to(first: str, last: str = "", *, acts: int = 1, lives_s: float = 0.0) -> Promise:
    """Words between blanks are alternatives."""
    return Promise(frozenset(first.split()), frozenset((last or first).split()), acts, lives_s)


@dataclass(frozen=True, slots=True)
class _Drill:
    """The promises of a drill: by action, and by action and way where the way makes a difference."""

    narrow: Promise
    wide: Promise
    reverse: Promise
    cancel: Promise
    stream: "Mapping[Action, Promise]" = field(default_factory=dict)

    def of(self, action: Action, over: Over) -> Promise:
        if over == "stream" and action in self.stream:
            return self.stream[action]
        return {"narrow": self.narrow, "wide": self.wide, "reverse": self.reverse, "cancel": self.cancel}[
            action
        ]


_FLAT, _REVERSED, _CANCELLED = _to("flat"), _to("reversed"), _to("cancelled")
_OPEN = _to("still_open", acts=0)
_IN_DOUBT = _to("unknown", acts=0)
_REFUSED = _to("refused", acts=0)
_NOT_SENT = _to("not_sent", acts=0)
_NOT_PROVED = _to("not_proved")

# It acts and is answered, or it acts and the reads show what the answer would have said.
_DONE = _Drill(_FLAT, _FLAT, _REVERSED, _CANCELLED)
# No usable answer and nothing done: the reads show it. A reverse that may still enter is not told as settled.
_UNDONE = _Drill(_OPEN, _OPEN, _IN_DOUBT, _to("still_working", acts=0))
_NO = _Drill(_REFUSED, _REFUSED, _REFUSED, _REFUSED)
# A flatten answered by the API's own 429 goes out again; nothing else ever does.
_AGAIN = _Drill(_FLAT, _FLAT, _REFUSED, _REFUSED)
# The same over the stream, where nothing that could be read came back. A cancel always goes over REST.
_LOST_ON_STREAM: "Mapping[Action, Promise]" = {"narrow": _OPEN, "wide": _OPEN, "reverse": _IN_DOUBT}
_NO_BUT_LOST_ON_STREAM = _Drill(_REFUSED, _REFUSED, _REFUSED, _REFUSED, _LOST_ON_STREAM)


def _closing(narrow: Promise, wide: Promise, reverse: Promise) -> _Drill:
    """A drill that a cancel does not bring about, or does not notice."""
    return _Drill(narrow, wide, reverse, _CANCELLED)


def _for_a_while(first: str, late_reverse: str = "reversed") -> _Drill:
    """So for twenty seconds; then everything fills and can be read."""
    late = _to(first, "flat", lives_s=_SPELL_S)
    return _closing(late, late, _to(first, late_reverse, lives_s=_SPELL_S))


_HOLE = _Drill(
    _to("still_open", acts=0, lives_s=_HOLE_S),
    _to("still_open", acts=0, lives_s=_HOLE_S),
    _to("unknown", acts=0, lives_s=_HOLE_S),
    _to("still_working", acts=0, lives_s=_HOLE_S),
)

_DRILLS: dict[str, _Drill] = {
    # ---- the answer
    "late-answer": _DONE,
    "answer-lost": _DONE,
    "timeout-408": _UNDONE,
    "timeout-408-acted": _DONE,
    "limit-header": _AGAIN,
    "limit-body": _AGAIN,
    "limit-bare": _AGAIN,
    "limit-html": _NO_BUT_LOST_ON_STREAM,
    "error-500": _UNDONE,
    "error-500-acted": _DONE,
    "error-502": _UNDONE,
    "error-502-acted": _DONE,
    "error-503": _UNDONE,
    "error-503-acted": _DONE,
    "error-504": _UNDONE,
    "error-504-acted": _DONE,
    "redirect": _NO_BUT_LOST_ON_STREAM,
    "html": _DONE,
    "empty": _DONE,
    "malformed": _DONE,
    "truncated": _DONE,
    "deep": _DONE,
    "huge": _DONE,
    "gzip-bomb": _DONE,
    "endless-headers": _DONE,
    "endless-body": _DONE,
    "invalid-utf8": _DONE,
    "success-false": _NO,
    "success-false-acted": _DONE,
    "no-fields": _DONE,
    "warning": _DONE,
    "reverse-answer-lost": _DONE,
    # ---- the connection
    "link-closed-idle": _DONE,
    "link-dropped-before": _UNDONE,
    "link-dropped-during": _UNDONE,
    "link-dropped-after": _DONE,
    "black-hole-out": _HOLE,
    "black-hole-back": _DONE,
    # ---- the market
    # The read before the press showed it, so something was open before; there is nothing to reverse.
    "nothing-open": _closing(_to("flat", acts=0), _to("flat", acts=0), _REFUSED),
    "surviving-order": _closing(_to("orders_working"), _to("orders_working"), _REVERSED),
    # The entry of the reverse comes on top of what the forgotten order opened.
    "refill": _closing(
        _to("orders_working reopened", "reopened", lives_s=4.0),
        _to("orders_working reopened", "reopened", lives_s=4.0),
        _to("reverse_mismatch"),
    ),
    "overfill": _closing(_to("overfilled"), _to("overfilled"), _to("reverse_mismatch")),
    # A flatten of everything leaves nothing that it was not asked for.
    "closed-outside": _closing(_to("closed_more_than_asked"), _FLAT, _REVERSED),
    "slow-fills-5": _closing(_FLAT, _FLAT, _REVERSED),
    "slow-fills-9": _closing(_FLAT, _FLAT, _REVERSED),
    # Another side and size than asked for when the window ends; that is not watched on.
    "slow-fills-30": _closing(
        _to("still_open", "flat", lives_s=30.0),
        _to("still_open", "flat", lives_s=30.0),
        _to("reverse_mismatch", lives_s=35.0),
    ),
    "reverse-wait-over": _closing(_FLAT, _FLAT, _REVERSED),
    "entry-rejected": _closing(_FLAT, _FLAT, _to("reverse_mismatch")),
    "different-fates": _closing(_FLAT, _to("still_open"), _REVERSED),
    "cancel-ignored": _Drill(_FLAT, _FLAT, _REVERSED, _to("still_working", acts=0)),
    # Its order ended by itself, a moment before.
    "cancel-too-late": _Drill(_FLAT, _FLAT, _REVERSED, _to("cancelled", acts=0)),
    "cancel-refused": _Drill(_FLAT, _FLAT, _REVERSED, _REFUSED),
    # ---- the reads
    # Which of the two pictures a read shows is chance. Where the old side is shown twice in a row just before
    # the entry fills, a reverse is told as a mismatch, which is not watched on after twenty seconds.
    "flicker": _for_a_while("still_open not_proved", "reversed reverse_mismatch"),
    "list-missing": _closing(_NOT_PROVED, _NOT_PROVED, _NOT_PROVED),
    "row-left-out": _for_a_while("still_open not_proved", "reversed reverse_mismatch"),
    # A wrong count spoils it for all; what cannot be read afresh cannot be reversed.
    "list-truncated": _closing(_NOT_PROVED, _NOT_PROVED, _NOT_SENT),
    "bad-row": _closing(_NOT_PROVED, _NOT_PROVED, _NOT_PROVED),
    "repeated-epoch": _closing(_FLAT, _FLAT, _REVERSED),
    "lagging-reads": _DONE,
    "other-case": _DONE,
    # ---- the account
    "account-disconnected": _for_a_while("cannot_tell"),
    "account-vanished": _for_a_while("cannot_tell"),
    # Away for twenty seconds, and it did nothing: once it is back, what is open is told.
    "add-on-offline": _closing(
        _to("cannot_tell", "still_open", acts=0, lives_s=_SPELL_S),
        _to("cannot_tell", "still_open", acts=0, lives_s=_SPELL_S),
        _to("unknown", acts=0, lives_s=_SPELL_S),
    ),
    "alias-at-roll": _DONE,
    "token-revoked": _NO,
    "token-revoked-after": _Drill(_NOT_PROVED, _NOT_PROVED, _NOT_PROVED, _NOT_PROVED),
    # ---- the stream
    "stream-taken": _DONE,
    "stream-taken-at-press": _DONE,
    "stream-taken-later": _DONE,
    "stream-closed-1008": _Drill(_FLAT, _FLAT, _REVERSED, _CANCELLED, _LOST_ON_STREAM),
}


def promised(cell: Cell) -> Promise:
    """What the product promises for a cell."""
    return _DRILLS[cell.drill].of(cell.action, cell.over)
