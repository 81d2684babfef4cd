"""Rules broken one at a time: every one of these mutants must make a test fail.

    python -m tests.mutants            all of them
    python -m tests.mutants WORD …     those whose file or rule contains one of the words

Each mutant is applied alone to a copy of the tree, and the tests named with it are run. The end is 0 when all
were killed; 1 when one survived, when its old text is no longer there exactly once, or when the tests fail
without it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_MOST_S = 240.0
_FAILED_TESTS = 1  # pytest's exit code; any other one but 0 is no verdict on a rule
_LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info", "pictures")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One rule broken: in `file` (below the package) `old` becomes `new`; its `tests` must notice."""

    rule: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Its file, from the top."""
        return Path("crosstrade_panel") / self.file

    def applied(self, text: str) -> str | None:
        """The text with the rule broken; None where the old text is not there exactly once."""
        return text.replace(self.old, self.new) if text.count(self.old) == 1 else None


_NAMES = ("tests/domain/test_names.py",)
_SCOPE = ("tests/domain/test_scope.py",)
_TICKET = ("tests/domain/test_ticket.py",)
_LADDER = ("tests/domain/test_outcome.py",)
_FLAT_PROOF = ("tests/trading/test_flat_proof.py",)
_REVERSE_PROOF = ("tests/trading/test_reverse_proof.py",)
_FLATTEN = ("tests/trading/test_flatten.py",)
_REVERSE = ("tests/trading/test_reverse.py",)
_VERIFY = ("tests/trading/test_verify.py", "tests/trading/test_flatten.py")
_BOOK = ("tests/trading/test_press_book.py",)
_WATCH = ("tests/trading/test_watch.py",)
_SENDING = ("tests/trading/test_sending.py",)
_VIGIL = ("tests/trading/test_vigil.py",)
_VIGIL_ELSEWHERE = ("tests/trading/test_vigil_elsewhere.py",)
_VIGIL_REVERSE = ("tests/trading/test_vigil_reverse.py",)
_CANCEL = ("tests/trading/test_cancel.py",)
_LISTED = ("tests/domain/test_cancel.py",)
_BACKGROUND = ("tests/trading/test_background.py",)
_WRITING = ("tests/crosstrade/test_wire_writing.py",)
_READING = ("tests/crosstrade/test_wire_reading.py", "tests/crosstrade/test_rest_endings.py")
_REST = ("tests/crosstrade/test_rest_endings.py", "tests/crosstrade/test_rest_links.py")
_ARGUMENTS = ("tests/cli/test_cli_arguments.py",)
_CLI_FLATTEN = ("tests/cli/test_cli_flatten.py",)
_CLI_REVERSE = ("tests/cli/test_cli_reverse.py",)
_CLI_LOCKS = ("tests/cli/test_cli_locks.py",)
_CLI_STATUS = ("tests/cli/test_cli_status.py",)

MUTANTS = (
    # -- domain ---
    Mutant(
        "characters that nobody sees are blank",
        "domain/names.py",
        "character.isalnum() and character not in _FILLERS",
        "character.isalnum()",
        _NAMES,
    ),
    Mutant(
        "a root may be any of its months",
        "domain/names.py",
        "return a.root == b.root and (a.expiry is None or b.expiry is None)",
        "return False",
        _NAMES,
    ),
    Mutant(
        "a name in an unknown form cannot be shown to be another instrument",
        "domain/names.py",
        "return a.root in b.root or b.root in a.root",
        "return False",
        _NAMES,
    ),
    Mutant(
        "a blank account never becomes every account",
        "domain/scope.py",
        '        require_name("account", self.account)\n        _require_filters',
        "        _require_filters",
        _SCOPE,
    ),
    Mutant(
        "a blank instrument never becomes every instrument",
        "domain/scope.py",
        '        require_name("instrument", instrument)',
        "        pass",
        _SCOPE,
    ),
    Mutant(
        "a row of unknown side is inside",
        "domain/scope.py",
        "return scope.side is not None and side is not None and side is not scope.side",
        "return scope.side is not None and side is not scope.side",
        _SCOPE,
    ),
    Mutant(
        "a scope of every account is not within one of them",
        "domain/scope.py",
        "(inner_account is None or fold(inner_account) != fold(outer_account))",
        "(inner_account is not None and fold(inner_account) != fold(outer_account))",
        _SCOPE,
    ),
    Mutant(
        "leaving long sells",
        "domain/ticket.py",
        "Action.SELL if self.leaving is Side.LONG else Action.BUY",
        "Action.BUY if self.leaving is Side.LONG else Action.SELL",
        _TICKET,
    ),
    Mutant(
        "a price is on the tick",
        "domain/ticket.py",
        "if tick is not None and not _is_on_tick(price, tick):",
        "if False:",
        _TICKET,
    ),
    Mutant(
        "an order of unknown state works",
        "domain/snapshot.py",
        "return self.state is None or self.state.casefold() not in",
        "return self.state is not None and self.state.casefold() not in",
        ("tests/domain/test_snapshot.py",),
    ),
    Mutant(
        "the headline is the worst fate",
        "domain/outcome.py",
        "return min(counting, key=lambda verdict: verdict.rank, default=None)",
        "return max(counting, key=lambda verdict: verdict.rank, default=None)",
        _LADDER,
    ),
    Mutant(
        "unknown is unresolved",
        "domain/outcome.py",
        "        Verdict.REFUSED,\n        Verdict.FLAT,",
        "        Verdict.UNKNOWN,\n        Verdict.REFUSED,\n        Verdict.FLAT,",
        _LADDER,
    ),
    # -- proof ---
    Mutant(
        "good news needs two reads",
        "trading/evidence.py",
        "return self.second is not None",
        "return self.first is not None",
        _FLAT_PROOF,
    ),
    Mutant(
        "the second read is sent a second after the first was answered",
        "trading/evidence.py",
        "if look.stamp.sent_at < first.stamp.answered_at + gap_s:",
        "if look.stamp.sent_at < first.stamp.sent_at:",
        _FLAT_PROOF,
    ),
    Mutant(
        "both endpoints when both answer",
        "trading/evidence.py",
        "if first.source is not look.source or other_failed(look.source):",
        "if True:",
        _FLAT_PROOF,
    ),
    Mutant(
        "only reads sent after the answer count",
        "trading/evidence.py",
        "if read.stamp.sent_at < self.earliest:",
        "if False:",
        _FLAT_PROOF,
    ),
    Mutant(
        "a bad row spoils its account",
        "trading/evidence.py",
        "speaks and self.is_whole and key not in self.spoiled",
        "speaks and self.is_whole",
        _FLAT_PROOF,
    ),
    Mutant(
        "a row without an account spoils all",
        "trading/evidence.py",
        "return self.read.flaws.everything is None and not self.unreadable",
        "return self.read.flaws.everything is None",
        _FLAT_PROOF,
    ),
    Mutant(
        "an account that is not listed cannot be told",
        "trading/evidence.py",
        "        if listed is None:\n            return Verdict.CANNOT_TELL, Reason(Cause.NOT_LISTED)\n",
        "        if listed is None:\n            return None\n",
        _FLAT_PROOF,
    ),
    Mutant(
        "the same time of the server counts once",
        "trading/watch.py",
        "(epoch > earlier[-1] and epoch not in earlier)",
        "epoch >= earlier[-1]",
        _WATCH,
    ),
    Mutant(
        "what is open in a read between two clear ones breaks the proof",
        "trading/flat_proof.py",
        "and (last_blocked is None or look.stamp.sent_at > last_blocked.stamp.sent_at)",
        "",
        _FLAT_PROOF,
    ),
    Mutant(
        "the side never filters proof",
        "trading/flat_proof.py",
        "left_as_asked = account.sides.get(row.pair) is asked.opposite",
        "left_as_asked = True",
        _FLAT_PROOF,
    ),
    Mutant(
        "an account that was connected earlier takes the headline",
        "trading/flat_proof.py",
        "was_there = seen is not None and (seen.ever_connected or seen.ever_held)",
        "was_there = False",
        _FLAT_PROOF,
    ),
    Mutant(
        "a listing that contradicts the positions is no proof",
        "trading/flat_proof.py",
        "if listed is not None and listed.is_flat is False and not last.rows:",
        "if False:",
        _FLAT_PROOF,
    ),
    Mutant(
        "flat needs the orders",
        "trading/flat_proof.py",
        "fate = Fate(account.name, Verdict.FLAT_ORDERS_NOT_CHECKED)",
        "fate = Fate(account.name, Verdict.FLAT)",
        _FLAT_PROOF,
    ),
    Mutant(
        "nothing open needs a fresh read before",
        "trading/flat_proof.py",
        "(account.before is not None and account.key in self.case.fresh)",
        "account.before is not None",
        _FLAT_PROOF,
    ),
    Mutant(
        "overfilled and reopened need a second read that agrees",
        "trading/evidence.py",
        "for look in run[1:] if look.stamp.sent_at >= run[0].stamp.answered_at)",
        "for look in run)",
        _FLAT_PROOF,
    ),
    Mutant(
        "what was closed outside the scope is told",
        "trading/flat_proof.py",
        "if is_more and finding.fate.verdict.rank > Verdict.CLOSED_MORE_THAN_ASKED.rank:",
        "if False:",
        _FLAT_PROOF,
    ),
    Mutant(
        "an unresolved alias is not proved",
        "trading/flat_proof.py",
        "if self._is_unresolved_alias and last.rows:",
        "if False:",
        _FLAT_PROOF,
    ),
    Mutant(
        "after doubt what is not proved is unknown",
        "trading/flat_proof.py",
        "return (verdict, reason) if doubt is None else (Verdict.UNKNOWN, doubt)",
        "return (verdict, reason)",
        _FLAT_PROOF,
    ),
    Mutant(
        "still open is not claimed from an old read",
        "trading/flat_proof.py",
        "if ended_at is not None and newest.stamp.sent_at < ended_at - self.case.recent_s:",
        "if False:",
        _FLAT_PROOF,
    ),
    Mutant(
        "reversed needs the expected size",
        "trading/reverse_proof.py",
        "row.side is ticket.entering and row.quantity == ticket.quantity",
        "row.side is ticket.entering",
        _REVERSE_PROOF,
    ),
    Mutant(
        "a mismatch is claimed at the end only",
        "trading/reverse_proof.py",
        "        if not final:\n            # Two reads",
        "        if False:\n            # Two reads",
        _REVERSE_PROOF,
    ),
    Mutant(
        "after doubt a flat account is no mismatch: the entry may still come",
        "trading/reverse_proof.py",
        "return self.case.doubt.cause if may_enter or not is_gone else None",
        "return None",
        _REVERSE_PROOF,
    ),
    # -- presses ---
    Mutant(
        "a doubtful flatten is never sent again",
        "trading/flatten.py",
        "            except NotSentError as error:\n"
        "                press.may_have_left = False\n"
        "                desk.record",
        "            except (NotSentError, UnknownOutcomeError) as error:\n"
        "                press.may_have_left = False\n"
        "                if isinstance(error, UnknownOutcomeError): continue\n                desk.record",
        _FLATTEN,
    ),
    Mutant(
        "what never left goes on only where another way could do better",
        "trading/flatten.py",
        "                if not error.may_try_elsewhere:\n                    break\n",
        "",
        _SENDING,
    ),
    Mutant(
        "a reverse that may have left is not called not sent",
        "trading/desk.py",
        "        press.may_have_left = True\n",
        "        pass\n",
        _FLATTEN,
    ),
    Mutant(
        "no journal keeps a press for longer than 20 ms",
        "trading/desk.py",
        "timer = loop.call_later(self.pace.journal_wait_s, done.set)",
        "timer = loop.call_later(100 * self.pace.journal_wait_s, done.set)",
        _FLATTEN,
    ),
    Mutant(
        "a refusal is not kept back by reads that are stuck",
        "trading/desk.py",
        "await asyncio.wait({task}, timeout=self.pace.read_least_deadline_s)",
        "await asyncio.wait({task})",
        _FLATTEN,
    ),
    Mutant(
        "only no position with proof is nothing open",
        "trading/flatten.py",
        "if proved.verdict in PROVED:",
        "if proved.verdict not in PROVED:",
        _FLATTEN,
    ),
    Mutant(
        "while a reverse may enter, flat waits",
        "trading/flatten.py",
        'prove_from=float("-inf") if until is None else until,',
        'prove_from=float("-inf"),',
        _FLATTEN,
    ),
    Mutant(
        "a first clean read near the end stretches the window",
        "trading/verify.py",
        "        self._stretched = True\n",
        "        self._stretched = True\n        return False\n",
        _VERIFY,
    ),
    Mutant(
        "the window ends with a look",
        "trading/verify.py",
        "and self._looks[0] <= now",
        "and self._looks[0] < now - 1.0",
        _VERIFY,
    ),
    Mutant(
        "an account that cannot be proved does not keep another from its second endpoint",
        "trading/verify.py",
        "and self._positions_sent_at < second_at <= now:",
        "and second_at <= now:",
        _VERIFY,
    ),
    Mutant(
        "an outcome does not wait for reads that are stuck",
        "trading/verify.py",
        "self._end + pace.stretch_s + pace.read_least_deadline_s",
        "self._end + pace.stretch_s + 10 * pace.read_least_deadline_s",
        _VERIFY,
    ),
    Mutant(
        "verification leaves tokens for presses",
        "trading/verify.py",
        "if due_at <= now and self._budget_wait(now) <= 0:",
        "if due_at <= now:",
        _VERIFY,
    ),
    Mutant(
        "every press locks its scope for half a second",
        "trading/press.py",
        "is_new, is_unresolved = self._is_new(press, now), ",
        "is_new, is_unresolved = False, ",
        _BOOK,
    ),
    Mutant(
        "an unresolved press is followed only by flatten again",
        "trading/press.py",
        "            return Lock.AGAIN\n",
        "            return Lock.FREE\n",
        _BOOK,
    ),
    Mutant(
        "a wider scope is never locked",
        "trading/press.py",
        "            if is_within(scope, press.scope):\n",
        "            if overlap(scope, press.scope):\n",
        _BOOK,
    ),
    Mutant(
        "a reverse is locked for twenty seconds after one of unknown outcome",
        "trading/press.py",
        "(press.is_reverse and self._is_doubtful(press) and now < self._reverse_end(press))",
        "False",
        _BOOK,
    ),
    Mutant(
        "a reverse is never taken from an alias",
        "trading/reverse.py",
        "        return Reason(Cause.ALIAS)\n",
        "        pass\n",
        _REVERSE,
    ),
    # -- after the outcome, cancels, what goes out again ---
    Mutant(
        "a pair is one request only where the list holds every order there",
        "domain/cancel.py",
        "not read.flaws.spoil(read.account) and there <= ids",
        "not read.flaws.spoil(read.account)",
        _LISTED,
    ),
    Mutant(
        "an order of unknown instrument may be meant by a pair",
        "domain/cancel.py",
        "(order.instrument is None or may_be_same_instrument(order.instrument, instrument))",
        "may_be_same_instrument(order.instrument or 'ZZ 01-01', instrument)",
        _LISTED,
    ),
    Mutant(
        "a root never stands for a pair",
        "domain/cancel.py",
        "return not is_alias(instrument) and",
        "return",
        _LISTED,
    ),
    Mutant(
        "no order is listed twice",
        "domain/cancel.py",
        "if len({(fold(order.account), order.order_id) for order in self.orders}) < len(self.orders):",
        "if False:",
        _LISTED,
    ),
    Mutant(
        "a read that does not list the account shows nothing of it",
        "domain/snapshot.py",
        "if read.flaws.spoil(account) or not is_listed:",
        "if read.flaws.spoil(account):",
        _SENDING,
    ),
    Mutant(
        "a flatten answered too many requests goes out five times more at most",
        "trading/flatten.py",
        "_MOST_REPEATS = 5",
        "_MOST_REPEATS = 6",
        _SENDING,
    ),
    Mutant(
        "a pause that does not fit ends refused at once",
        "trading/flatten.py",
        "return pause_s if self._desk.clock.monotonic() + pause_s <= last_at else None",
        "return pause_s",
        _SENDING,
    ),
    Mutant(
        "a 429 without words is never tried again",
        "trading/flatten.py",
        "if reason.cause is not Cause.OVER_BUDGET or not reason.said:",
        "if reason.cause is not Cause.OVER_BUDGET:",
        _SENDING,
    ),
    Mutant(
        "no other refusal is tried again",
        "trading/flatten.py",
        "if reason.cause is not Cause.OVER_BUDGET or not reason.said:",
        "if not reason.said:",
        _SENDING,
    ),
    Mutant(
        "stop ends the repeating",
        "trading/flatten.py",
        "                if await self._is_stopped_within(press, pause_s):\n                    raise\n",
        "                await asyncio.sleep(pause_s)\n",
        _SENDING,
    ),
    Mutant(
        "stop wins in the moment in which the pause ends",
        "trading/flatten.py",
        "return press.stop.is_set()",
        "return stopped.done() and not stopped.cancelled()",
        _SENDING,
    ),
    Mutant(
        "a refusal over budget makes the reads pause",
        "trading/flatten.py",
        "desk.watch.back_off(error.reason)\n",
        "pass\n",
        _SENDING,
    ),
    Mutant(
        "a reverse takes the first way only",
        "trading/reverse.py",
        "way = desk.gateway.ways[0]",
        "way = desk.gateway.ways[-1]",
        _SENDING,
    ),
    Mutant(
        "reads begin a second after silence",
        "trading/desk.py",
        "return loop.call_later(self.pace.silence_s, lambda",
        "return loop.call_later(100 * self.pace.silence_s, lambda",
        _SENDING,
    ),
    Mutant(
        "reads in silence end with the answer",
        "trading/desk.py",
        "while press.phase is Phase.SENDING:",
        "while press.outcome is None:",
        _SENDING,
    ),
    Mutant(
        "several silent ways are read for once",
        "trading/desk.py",
        "if press.is_read_in_silence:  #",
        "if False:  #",
        _SENDING,
    ),
    Mutant(
        "in silence only what can be believed is shown",
        "trading/desk.py",
        "if shown or (shown is not None and tells_of_all(press.scope, read, self.watch.accounts)):",
        "if shown is not None:",
        _SENDING,
    ),
    Mutant(
        "a late answer waits in no read's place",
        "trading/desk.py",
        "self.watch.wait_for(self._take_late(press, late))",
        "self.watch.start(self._take_late(press, late))",
        _SENDING,
    ),
    Mutant(
        "what was acknowledged is final",
        "trading/desk.py",
        "        if not press.acknowledged:\n            self.revise",
        "        if True:\n            self.revise",
        _SENDING,
    ),
    Mutant(
        "only reads after a late answer prove",
        "trading/flat_proof.py",
        "self.evidence.begin_anew(receipt.answered_at)",
        "pass",
        _SENDING,
    ),
    Mutant(
        "a late answer lifts the doubt",
        "trading/flat_proof.py",
        "self._take(replace(self.case, receipt=receipt, doubt=doubt))",
        "self._take(replace(self.case, receipt=receipt))",
        _SENDING,
    ),
    Mutant(
        "reads of before a sleep are forgotten",
        "trading/evidence.py",
        "        self.ended_at = None\n        self.reads.clear()\n",
        "        self.ended_at = None\n",
        _SENDING,
    ),
    Mutant(
        "a sleep takes the age from what was read",
        "trading/watch.py",
        "if self.latest is None or self.latest.stamp.sent_at < self.anew_at:",
        "if self.latest is None:",
        _SENDING,
    ),
    Mutant(
        "nothing open is not known from before a sleep",
        "trading/flatten.py",
        "fresh_from = max(press.began_at - pace.fresh_s, self._desk.watch.anew_at)",
        "fresh_from = press.began_at - pace.fresh_s",
        _SENDING,
    ),
    Mutant(
        "a read sent before the proof was complete shows nothing new",
        "trading/flat_proof.py",
        "if look.is_clean and look.stamp.sent_at > since\n            for rows",
        "if look.is_clean\n            for rows",
        _VIGIL,
    ),
    Mutant(
        "what is not clean never says reopened",
        "trading/flat_proof.py",
        "if look.is_clean and look.stamp.sent_at > since\n            for rows",
        "if look.stamp.sent_at > since\n            for rows",
        _VIGIL,
    ),
    Mutant(
        "only watched pairs are watched",
        "trading/flat_proof.py",
        "return tuple(row for row in look.blocking if self._is_watched(account, row))",
        "return look.blocking",
        _VIGIL,
    ),
    Mutant(
        "reads that disagree say nothing",
        "trading/evidence.py",
        "elif run and claim & common:",
        "elif run:",
        _VIGIL,
    ),
    Mutant(
        "reads that overlap their neighbours do not begin anew",
        "trading/evidence.py",
        "elif run and claim & common:",
        "elif run and claim & common and look.stamp.sent_at >= run[-1].stamp.answered_at:",
        _FLAT_PROOF,
    ),
    Mutant(
        "the second read is sent at once",
        "trading/vigil.py",
        "self._desk.watch.read_at_once()",
        "pass",
        _VIGIL,
    ),
    Mutant(
        "a read that fails asks for no second one",
        "trading/vigil.py",
        " and isinstance(read, PositionsRead) and seen.first.stamp is read.stamp",
        "",
        _VIGIL,
    ),
    Mutant(
        "a read at once is no storm",
        "trading/watch.py",
        "is_due = now >= self._at_once_at + self._pace.second_read_s / 2",
        "is_due = True",
        _VIGIL,
    ),
    Mutant(
        "reopened is loud for a minute only",
        "trading/vigil.py",
        "return seen.first.stamp.answered_at - exposed_at <= self._desk.pace.reopened_loud_s",
        "return True",
        _VIGIL,
    ),
    Mutant(
        "an order from before keeps reopened loud",
        "trading/vigil.py",
        "            kept.exposed_at[key] = now\n",
        "            pass\n",
        _VIGIL,
    ),
    Mutant(
        "an order placed long after the proof is not the press's own",
        "trading/vigil.py",
        "if is_soon or old.verdict is Verdict.FLAT_ORDERS_NOT_CHECKED:",
        "if True:",
        _VIGIL,
    ),
    Mutant(
        "the quiet line is taken back by two reads only",
        "trading/vigil.py",
        "        if found is not None and found.verdict in PROVED:\n            kept.quiet",
        "        if True:\n            kept.quiet",
        _VIGIL,
    ),
    Mutant(
        "reopened is dated by the first sight and keeps its time",
        "trading/vigil.py",
        "if news.verdict is before.verdict or (is_good and was_flat):",
        "if is_good and was_flat:",
        _VIGIL,
    ),
    Mutant(
        "flat with its orders keeps the time of the proof",
        "trading/vigil.py",
        "if news.verdict is before.verdict or (is_good and was_flat):",
        "if news.verdict is before.verdict:",
        _VIGIL,
    ),
    Mutant(
        "an acknowledged press is final",
        "trading/vigil.py",
        "if outcome is None or press.acknowledged or outcome.verdict in _FINAL:",
        "if outcome is None or outcome.verdict in _FINAL:",
        _VIGIL,
    ),
    Mutant(
        "a flat press that is old and not the newest is watched no more",
        "trading/vigil.py",
        "return self._desk.clock.monotonic() - max(known_at) <= self._desk.pace.reopened_loud_s",
        "return True",
        _VIGIL,
    ),
    Mutant(
        "forgotten reads make nothing worse",
        "trading/vigil.py",
        "        if found is None or found.verdict not in {*_TOLD_AS_FLAT, Verdict.ORDERS_WORKING}:\n"
        "            return old\n",
        "        if found is None:\n            return old\n"
        "        if found.verdict not in {*_TOLD_AS_FLAT, Verdict.ORDERS_WORKING}:\n"
        "            return found\n",
        _VIGIL,
    ),
    Mutant(
        "old reads are forgotten",
        "trading/evidence.py",
        "del self.reads[:-_KEPT_READS]",
        "pass",
        _VIGIL,
    ),
    Mutant(
        "every account counts, also one that the outcome had not named",
        "trading/vigil.py",
        "(*before.fates, *_joining(proof, before, judgement.fates))",
        "(before.fates or _joining(proof, before, judgement.fates))",
        _VIGIL,
    ),
    Mutant(
        "the journal has a read only where it shows something else",
        "trading/vigil.py",
        "if kept.shown is None or not same_rows(kept.shown, rows):",
        "if True:",
        _VIGIL,
    ),
    Mutant(
        "one mistake does not end the following",
        "trading/vigil.py",
        "            except Exception:  # noqa",
        "            except ZeroDivisionError:  # noqa",
        _VIGIL,
    ),
    Mutant(
        "the other side after flat is no overfill",
        "trading/vigil.py",
        "if found.verdict is Verdict.OVERFILLED and old.verdict is not Verdict.REOPENED:",
        "if found.verdict is Verdict.OVERFILLED:",
        _VIGIL,
    ),
    Mutant(
        "an entry is gone by two reads only",
        "trading/vigil.py",
        "if is_worse and not proof.is_mismatch_beyond_doubt(fate.still_open):",
        "if False:",
        _VIGIL_REVERSE,
    ),
    Mutant(
        "an entry counts for twenty seconds only",
        "trading/vigil.py",
        "is_over = now > sent_at + self._desk.pace.reverse_lock_s",
        "is_over = False",
        _VIGIL_REVERSE,
    ),
    Mutant(
        "nothing is cancelled while a position is open in the pair",
        "trading/cancel.py",
        "            return Cause.NOT_AS_READ\n",
        "            pass\n",
        _CANCEL,
    ),
    Mutant(
        "nothing is cancelled while no position was ever read",
        "trading/cancel.py",
        "            return Cause.NOT_READ\n",
        "            return None\n",
        _CANCEL,
    ),
    Mutant(
        "nothing is cancelled where no read tells of the account",
        "trading/cancel.py",
        "return None if is_told else Cause.NOT_READ",
        "return None",
        _CANCEL,
    ),
    Mutant(
        "what is open in an account that connected since takes the headline",
        "trading/vigil.py",
        "new = final[key]",
        "pass",
        ("tests/trading/test_vigil_news.py",),
    ),
    Mutant(
        "rows of an account that is away do not make it told",
        "trading/vigil.py",
        "return is_listed and read.stamp.sent_at >= proof.evidence.there_from(old.account)",
        "return True",
        ("tests/trading/test_vigil_news.py",),
    ),
    Mutant(
        "after a refusal nothing open is said only where a read tells",
        "trading/desk.py",
        "read.flaws.everything is None if rows else tells_of_all(press.scope, read, self.watch.accounts)",
        "read.flaws.everything is None",
        _FLATTEN,
    ),
    Mutant(
        "the limit of somebody behind the server sends nothing again",
        "crosstrade/wire.py",
        'if _RATE_LIMIT.match(untrusted.text(fields.get("error")) or ""):',
        "if _RATE_LIMIT.search(said):",
        ("tests/crosstrade/test_stream_wire.py",),
    ),
    Mutant(
        "what goes out again locks from its newest attempt",
        "trading/press.py",
        "(press.sent_at, press.attempted_at, press.began_at)",
        "(press.sent_at, press.began_at)",
        ("tests/trading/test_press_book.py",),
    ),
    Mutant(
        "orders read long ago do not stand for a pair",
        "trading/cancel.py",
        "if read.stamp.sent_at >= fresh_from}",
        "if True}",
        _CANCEL,
    ),
    Mutant(
        "a request that never left does not speak for the others",
        "trading/cancel.py",
        "raise asyncio.CancelledError from None",
        "raise",
        _CANCEL,
    ),
    Mutant(
        "a mistake in one request waits for the others",
        "trading/cancel.py",
        "await asyncio.gather(*sending, return_exceptions=True)",
        "await asyncio.gather(*sending)",
        _CANCEL,
    ),
    Mutant(
        "four requests at once",
        "trading/cancel.py",
        "_AT_ONCE = 4",
        "_AT_ONCE = 400",
        _CANCEL,
    ),
    Mutant(
        "cancelled needs a second read a second later",
        "trading/cancel_proof.py",
        "from_s = run[0].stamp.answered_at + self.case.gap_s",
        "from_s = run[0].stamp.sent_at",
        _CANCEL,
    ),
    Mutant(
        "cancelled needs the account listed and connected",
        "trading/cancel_proof.py",
        "if second is not None and self.evidence.absence(account) is None:",
        "if second is not None:",
        _CANCEL,
    ),
    Mutant(
        "a filled order is never called cancelled",
        "trading/cancel_proof.py",
        "if fold(account) in self._filled:",
        "if False:",
        _CANCEL,
    ),
    Mutant(
        "a fill is remembered when its read is forgotten",
        "trading/cancel_proof.py",
        "if self._shows_a_fill(account, reads):\n                self._filled.add(fold(account))",
        "self._filled = {fold(account)} if self._shows_a_fill(account, reads) else set()",
        _CANCEL,
    ),
    Mutant(
        "still working needs two reads",
        "trading/cancel_proof.py",
        "if any(ids & self._ids_working(account, read) for read in reads[-2:-1]):",
        "if working:",
        _CANCEL,
    ),
    Mutant(
        "an order found ended has no doubtful state any more",
        "trading/cancel.py",
        "desk.watch.ended_orders.add(request.order_id)",
        "pass",
        _CANCEL,
    ),
    Mutant(
        "a cancel taken over is told by orders and never as flat",
        "trading/vigil.py",
        "        if press.cancel is not None:\n            in_doubt",
        "        if False:\n            in_doubt",
        _CANCEL,
    ),
    Mutant(
        "a cancel is locked while its orders are being cancelled",
        "trading/press.py",
        "(press.outcome is None or self._is_new(press, now))\n            and any(",
        "False and any(",
        _BOOK,
    ),
    Mutant(
        "one read of three is of orders",
        "trading/watch.py",
        "_TURNS = (Source.SNAPSHOT, Source.POSITIONS, Source.ORDERS)",
        "_TURNS = (Source.SNAPSHOT, Source.POSITIONS)",
        _BACKGROUND,
    ),
    Mutant(
        "hidden reads no orders",
        "trading/watch.py",
        "account = None if self.is_hidden else self._account_to_ask()",
        "account = self._account_to_ask()",
        _BACKGROUND,
    ),
    Mutant(
        "accounts that are not connected are not asked",
        "trading/watch.py",
        "asking = (account for account in self.accounts if account.connected is not False)",
        "asking = iter(self.accounts)",
        _BACKGROUND,
    ),
    Mutant(
        "accounts with positions come first",
        "trading/watch.py",
        "(_HOLDING if key in holding else 0.0)",
        "0.0",
        _BACKGROUND,
    ),
    Mutant(
        "where the snapshot is refused the accounts are listed in its stead",
        "trading/watch.py",
        "if source is Source.SNAPSHOT and self._lists_next:",
        "if False:",
        _WATCH,
    ),
    # -- another process's press, after its outcome ---
    Mutant(
        "another process's press is gone on with",
        "trading/vigil.py",
        "watched += [press for press in others if self._is_followed(press)]",
        "pass",
        _VIGIL_ELSEWHERE,
    ),
    Mutant(
        "no read takes back that more was closed than asked",
        "trading/vigil.py",
        "if is_more or not is_whole or",
        "if not is_whole or",
        _VIGIL_ELSEWHERE,
    ),
    Mutant(
        "what was open before another process's press is remembered",
        "trading/vigil.py",
        "before = self._before.get(press.id, {})",
        "before = {}",
        _VIGIL_ELSEWHERE,
    ),
    Mutant(
        "the proof of another process's press starts again after sleep",
        "trading/vigil.py",
        "press.proof.evidence.begin_anew(self._desk.watch.anew_at)",
        "pass",
        _VIGIL_ELSEWHERE,
    ),
    # -- the client ---
    Mutant(
        "a flatten names its account",
        "crosstrade/wire.py",
        "    if account is not None:\n        body[",
        "    if account is None:\n        body[",
        _WRITING,
    ),
    Mutant(
        "a flatten names its side",
        "crosstrade/wire.py",
        '        body["marketPosition"] = scope.side.value',
        "        pass",
        _WRITING,
    ),
    Mutant(
        "the account is percent-encoded in the path of a reverse",
        "crosstrade/wire.py",
        "{quote(ticket.account, safe='')}/positions",
        "{quote(ticket.account)}/positions",
        _WRITING,
    ),
    Mutant(
        "a price is a plain number",
        "crosstrade/wire.py",
        'msgspec.Raw(format(price, "f").encode())',
        "msgspec.Raw(str(price).encode())",
        _WRITING,
    ),
    Mutant(
        "a wrong count spoils a read",
        "crosstrade/wire.py",
        'if "count" in fields and untrusted.whole(fields["count"]) != len(rows):',
        "if False:",
        _READING,
    ),
    Mutant(
        "a read that says failure shows nothing",
        "crosstrade/wire.py",
        "    if _says_failure(fields):\n        raise ReadFailedError",
        "    if False:\n        raise ReadFailedError",
        _READING,
    ),
    Mutant(
        "a failure with order ids is half done, not refused",
        "crosstrade/wire.py",
        "if _reports_work(fields) or _says_success(fields):",
        "if False:",
        _READING,
    ),
    Mutant(
        "a 408 may have acted",
        "crosstrade/wire.py",
        "_UNKNOWN_CAUSES = frozenset({Cause.NINJATRADER_OFFLINE, ",
        "_UNKNOWN_CAUSES = frozenset({",
        _READING,
    ),
    Mutant(
        "the built body is compared with the shown scope",
        "crosstrade/rest.py",
        "        if not is_the_same:\n",
        "        if False:\n",
        _REST,
    ),
    Mutant(
        "what may have left is unknown, never not sent",
        "crosstrade/rest.py",
        "            if not progress.may_have_left:\n",
        "            if True:\n",
        _REST,
    ),
    Mutant(
        "a reply has a largest size",
        "crosstrade/link.py",
        "if len(body) > cap_bytes:",
        "if False:",
        _REST,
    ),
    # -- the command line ---
    Mutant(
        "options count only in full",
        "cli_arguments.py",
        "description=about, allow_abbrev=False",
        "description=about",
        _ARGUMENTS,
    ),
    Mutant(
        "a reverse refuses a side that the read does not show",
        "cli_press.py",
        "if held.side is not wanted.leaving:",
        "if False:",
        _CLI_REVERSE,
    ),
    Mutant(
        "an unreadable journal refuses a reverse",
        "cli_press.py",
        "        if records is None:\n",
        "        if False:\n",
        _CLI_LOCKS,
    ),
    Mutant(
        "a press of another process locks",
        "cli_press.py",
        "            if is_locked(alone):\n",
        "            if False:\n",
        _CLI_LOCKS,
    ),
    Mutant(
        "status fails where no clean read was had",
        "cli_status.py",
        "return FAILED_READ if found.read_s is None else 0",
        "return 0",
        _CLI_STATUS,
    ),
)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one mutant, or of the tests without any."""

    name: str
    verdict: str
    is_good: bool


def _copy(to: Path) -> None:
    for name in ("crosstrade_panel", "tests", "packaging", "resources"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, to / name, ignore=_LEFT_OUT)
    for name in ("pyproject.toml", "README.md", "requirements.lock"):
        if (ROOT / name).is_file():
            shutil.copy2(ROOT / name, to / name)


def _run_tests(tree: Path, tests: Iterable[str]) -> int | None:
    """The exit code of pytest in that tree; None when it did not come to an end."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, timeout=_MOST_S, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    return done.returncode


def try_mutant(mutant: Mutant) -> Result:
    """Break one rule in a copy of the tree, and see whether its tests notice."""
    name = f"{mutant.file}: {mutant.rule}"
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = Path(folder)
        _copy(tree)
        text = mutant.applied((tree / mutant.path).read_text(encoding="utf-8"))
        if text is None:
            return Result(name, "OLD TEXT NOT THERE ONCE", is_good=False)
        (tree / mutant.path).write_text(text, encoding="utf-8")
        match _run_tests(tree, mutant.tests):
            case None:
                return Result(name, "killed (hung)", is_good=True)
            case 0:
                return Result(name, "SURVIVED", is_good=False)
            case code if code == _FAILED_TESTS:
                return Result(name, "killed", is_good=True)
            case code:
                return Result(name, f"NO VERDICT (pytest ended {code})", is_good=False)


def try_without(tests: tuple[str, ...]) -> Result:
    """The same tests on the code as it is: they must pass, else a kill means nothing."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        _copy(Path(folder))
        code = _run_tests(Path(folder), tests)
    return Result(
        f"unbroken: {' '.join(tests)}", "passes" if code == 0 else f"FAILS ({code})", is_good=code == 0
    )


def main(words: Sequence[str] = ()) -> int:
    """Try all mutants, or those that contain one of the words; print a table."""
    chosen = [
        each for each in MUTANTS if not words or any(word in f"{each.file} {each.rule}" for word in words)
    ]
    suites = list(dict.fromkeys(each.tests for each in chosen))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = [*pool.map(try_without, suites), *pool.map(try_mutant, chosen)]
    for result in results:
        print(f"{result.verdict:<24} {result.name}", flush=True)
    bad = [result for result in results if not result.is_good]
    print(f"{len(chosen)} mutants, {len(bad)} problems")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
