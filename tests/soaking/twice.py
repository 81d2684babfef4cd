"""Whether anything was sent twice: the journal's attempts against what reached the exchange."""

import json
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

Key = tuple[str, str | None, str | None, str | None]
"""Kind, account, instrument or order id, side; names folded."""
_SLACK_S = 0.05
"""The journal dates an intent when its row is made, which may be some milliseconds after the press began."""


@dataclass(slots=True)
class Attempt:
    """One request handed to the link, by the journal. Times are the system's monotonic seconds."""

    press: str
    key: Key
    at: float
    ended_at: float | None = None
    result: str = ""
    cause: str = ""
    arrivals: list["Arrival"] = field(default_factory=list)


@dataclass(slots=True)
class Arrival:
    """One press as the exchange met it."""

    key: Key
    at: float
    acted: bool = False


def attempts_in(journal: Path) -> list[Attempt]:
    """Every attempt, oldest first, with what became of it."""
    with closing(sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True)) as base:
        presses = base.execute("SELECT press_id, system_s - after_s, facts FROM presses").fetchall()
        steps = base.execute(
            "SELECT press_id, kind, after_s, facts FROM steps"
            " WHERE kind IN ('attempt', 'answer') ORDER BY seq"
        ).fetchall()
    began = {press: at for press, at, _ in presses}
    intents = {press: json.loads(facts) for press, _, facts in presses}
    found: list[Attempt] = []
    waiting: dict[tuple[object, ...], list[Attempt]] = defaultdict(list)
    for press, kind, after_s, told in steps:
        facts = json.loads(told)
        request = (press, facts.get("account"), facts.get("instrument"), facts.get("order_id"))
        if kind == "attempt":
            attempt = Attempt(press, _meant(intents[press], facts), began[press] + after_s)
            found.append(attempt)
            waiting[request].append(attempt)
        else:
            # A late answer comes to an attempt that was answered "unknown" already.
            open_ones = [each for each in waiting[request] if each.ended_at is None]
            for each in open_ones[:1]:
                each.ended_at, each.result = began[press] + after_s, facts["result"]
                each.cause = facts.get("cause") or ""
    return sorted(found, key=lambda each: each.at)


def arrivals_in(record: Path) -> list[Arrival]:
    """Every press that reached the exchange, oldest first."""
    found: dict[tuple[int, int], Arrival] = {}
    for line in record.read_text().splitlines():
        facts = json.loads(line)
        if "kind" in facts:
            found[facts["run"], facts["number"]] = Arrival(_asked(facts), facts["at"])
        elif "acted" in facts:
            found[facts["run"], facts["acted"]].acted = True
    return sorted(found.values(), key=lambda each: each.at)


def sent_twice(attempts: list[Attempt], arrivals: list[Arrival]) -> list[str]:
    """What went out once more than it may have; empty, as it should be.

    Every arrival is given to the attempt during which it came, or else to an older one of unknown outcome
    (what a silent link delivers late). One that "provably never left" must have no arrival at all.
    """
    complaints: list[str] = []
    by_key: dict[Key, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        by_key[attempt.key].append(attempt)
    for arrival in arrivals:
        known = by_key[arrival.key]
        begun = [each for each in known if each.at <= arrival.at + _SLACK_S and not each.arrivals]
        during = [each for each in begun if _covers(each, arrival)]
        during.sort(key=lambda each: (each.at > arrival.at, -each.at))  # the slack only where nothing fits
        delayed = [each for each in begun if each.result in {"", "unknown", "doubtful"}]
        owner = next(iter([*during, *delayed]), None)
        if owner is None:
            complaints.append(f"at {arrival.at:.3f} {arrival.key} arrived without an attempt of its own")
            continue
        owner.arrivals.append(arrival)
        if owner.result == "not_sent":
            complaints.append(f"press {owner.press} was told as not sent, and arrived")
    complaints += _repeated(attempts)
    acted = Counter(
        (attempt.press, attempt.key) for attempt in attempts for each in attempt.arrivals if each.acted
    )
    complaints += [f"press {press} acted {count} times" for (press, _), count in acted.items() if count > 1]
    return complaints


def _repeated(attempts: list[Attempt]) -> list[str]:
    """Attempts of one press behind another that may have acted: only a flatten that did not may go again."""
    before: dict[tuple[str, Key], Attempt] = {}
    complaints = []
    for attempt in attempts:
        earlier = before.get((attempt.press, attempt.key))
        if earlier is not None:
            never_left = earlier.result == "not_sent"
            turned_away = earlier.result == "refused" and earlier.cause == "over_budget"
            if attempt.key[0] != "flatten" or not (never_left or turned_away):
                complaints.append(f"press {attempt.press} was sent again after {earlier.result or 'nothing'}")
        before[attempt.press, attempt.key] = attempt
    return complaints


def _covers(attempt: Attempt, arrival: Arrival) -> bool:
    return attempt.ended_at is None or arrival.at <= attempt.ended_at + _SLACK_S


def _fold(name: str | None) -> str | None:
    return None if name is None else name.casefold()


def _meant(intent: dict[str, str | None], request: dict[str, str | None]) -> Key:
    match intent["action"]:
        case "flatten":
            return ("flatten", _fold(intent["account"]), _fold(intent["instrument"]), intent["side"])
        case "reverse":
            return ("reverse", _fold(intent["account"]), _fold(intent["instrument"]), None)
        case _:
            which = request["instrument"] or request["order_id"]
            return ("cancel", _fold(request["account"]), _fold(which), None)


def _asked(facts: dict[str, str]) -> Key:
    body = json.loads(facts["body"])
    if facts["method"] == "WS":
        body = body["args"]
        account = body.get("account")
    else:
        parts = facts["path"].split("/")
        account = unquote(parts[4]) if parts[3] == "accounts" else body.get("account")
    if facts["kind"] == "flatten":
        return ("flatten", _fold(account), _fold(body.get("instrument")), body.get("marketPosition"))
    if facts["kind"] == "reverse":
        return ("reverse", _fold(account), _fold(body["instrument"]), None)
    parts = facts["path"].split("/")
    which = unquote(parts[6]) if parts[-2] != "orders" else body["instrument"]
    return ("cancel", _fold(account), _fold(which), None)
