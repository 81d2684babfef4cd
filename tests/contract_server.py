"""A second CrossTrade server for tests, on the standard library alone; also run by hand.

It was written from the API contract and shares no code with the program, so that a misreading in the one
is not repeated in the other: ``python tests/contract_server.py --port 0 --behave flatten=drop-after-acting``.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

if not __package__:  # run by hand: only this folder is on the path
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.contract import effects
from tests.contract.api import Answer, Api, kind_of
from tests.contract.behaviours import (
    Act,
    ActThenLate,
    BadChunk,
    BadGzip,
    Behaviour,
    Call,
    DeepJson,
    Drip,
    DropAfterReading,
    DropBeforeReading,
    DropDuringReply,
    Effect,
    Empty,
    Garbage,
    GzipBomb,
    Hang,
    Honest,
    Html,
    HugeBody,
    HugeHeaders,
    InvalidUtf8,
    Late,
    MalformedJson,
    Redirect,
    Reply,
    ResetIdle,
    add_on_away,
    half_done,
    over_budget,
    refused,
    reply_json,
)
from tests.contract.certificates import CertificateAuthority
from tests.contract.ports import (
    BadPort,
    expired_server,
    handshake_closing_port,
    handshake_garbage_port,
    handshake_hanging_port,
    plain_http_port,
    refusing_port,
    unanswered_port,
    untrusted_server,
    wrong_host_server,
)
from tests.contract.server import ContractServer, Match, Rule
from tests.contract.state import Account, Book, Order, Position, State, default_state

__all__ = [
    "Account",
    "Act",
    "ActThenLate",
    "Answer",
    "Api",
    "BadChunk",
    "BadGzip",
    "BadPort",
    "Behaviour",
    "Book",
    "Call",
    "CertificateAuthority",
    "ContractServer",
    "DeepJson",
    "Drip",
    "DropAfterReading",
    "DropBeforeReading",
    "DropDuringReply",
    "Effect",
    "Empty",
    "Garbage",
    "GzipBomb",
    "Hang",
    "Honest",
    "Html",
    "HugeBody",
    "HugeHeaders",
    "InvalidUtf8",
    "Late",
    "MalformedJson",
    "Match",
    "Order",
    "Position",
    "Redirect",
    "Reply",
    "ResetIdle",
    "Rule",
    "State",
    "add_on_away",
    "default_state",
    "effects",
    "expired_server",
    "half_done",
    "handshake_closing_port",
    "handshake_garbage_port",
    "handshake_hanging_port",
    "kind_of",
    "over_budget",
    "plain_http_port",
    "refused",
    "refusing_port",
    "reply_json",
    "unanswered_port",
    "untrusted_server",
    "wrong_host_server",
]

NAMED: dict[str, Callable[[], Behaviour]] = {
    "honest": Honest,
    "drop-before-reading": DropBeforeReading,
    "drop-after-reading": lambda: DropAfterReading(act=False),
    "drop-after-acting": DropAfterReading,
    "reset-after-reading": lambda: DropAfterReading(act=False, reset=True),
    "reset-after-acting": lambda: DropAfterReading(reset=True),
    "cut-reply": DropDuringReply,
    "cut-headers": lambda: DropDuringReply(in_head=True),
    "garbage": Garbage,
    "bad-chunk": BadChunk,
    "bad-gzip": BadGzip,
    "gzip-bomb": GzipBomb,
    "hang": lambda: Hang(act=False),
    "hang-after-acting": Hang,
    "drip": Drip,
    "drip-headers": lambda: Drip(in_headers=True),
    "huge-body": HugeBody,
    "huge-headers": HugeHeaders,
    "html": Html,
    "html-403": lambda: Html(403, act=False),
    "empty": Empty,
    "invalid-utf8": InvalidUtf8,
    "malformed-json": MalformedJson,
    "deep-json": DeepJson,
    "redirect": Redirect,
    "refused": refused,
    "success-false": lambda: reply_json(200, {"success": False, "error": "No"}),
    "half-done": half_done,
    "says-nothing": lambda: reply_json(200, {"hello": "there"}, act=True),
    "add-on-away": add_on_away,
    "over-budget": lambda: over_budget(0.35),
    "late": lambda: ActThenLate(3.0),
    "act-late": lambda: Late(3.0),
    "accept-only": lambda: Honest(effects.nothing),
    "overfill": lambda: Honest(effects.overfill),
    "close-everything": lambda: Honest(effects.close_everything),
    "keep-orders": lambda: Honest(effects.keep_orders),
}


def behaviour_named(name: str) -> Behaviour:
    """Return the behaviour of that name; a number is a refusal with that status.

    Raises:
        argparse.ArgumentTypeError: there is none.
    """
    if name.isdigit():
        return refused(f"status {name}", int(name))
    try:
        return NAMED[name]()
    except KeyError:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(NAMED)}, nor a status") from None


def _rule(argument: str) -> tuple[Match, Behaviour]:
    kind, _, name = argument.partition("=")
    match kind:
        case (
            "flatten"
            | "reverse"
            | "cancel"
            | "cancel_all"
            | "positions"
            | "snapshot"
            | "accounts"
            | "orders"
            | "any"
            | "read"
            | "press"
        ):
            return kind, behaviour_named(name)
        case _:
            raise argparse.ArgumentTypeError(f"{kind!r} names no request")


def main(arguments: Sequence[str] | None = None, until: threading.Event | None = None) -> int:
    """Serve the default state until Ctrl-C (or ``until``), saying what arrives."""
    parser = argparse.ArgumentParser(description="A CrossTrade server for trying out a client by hand.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", help="default: a fresh one, printed")
    parser.add_argument(
        "--tls", action="store_true", help="HTTPS with a throw-away authority, whose file is printed"
    )
    parser.add_argument("--settle", type=float, default=0.0, metavar="SECONDS", help="until a change shows")
    parser.add_argument(
        "--lag", type=float, default=0.0, metavar="SECONDS", help="how old the shown pictures are"
    )
    parser.add_argument(
        "--behave",
        type=_rule,
        action="append",
        default=[],
        metavar="REQUEST=BEHAVIOUR",
        help=f"such as flatten=drop-after-acting; behaviours: {', '.join(NAMED)}, or a status",
    )
    chosen = parser.parse_args(arguments)
    stop = until or threading.Event()
    with ContractServer(
        token=chosen.token, port=chosen.port, tls=chosen.tls, settle_s=chosen.settle, lag_s=chosen.lag
    ) as server:
        for match, behaviour in chosen.behave:
            server.rule(match, behaviour)
        _say(f"base URL  {server.base_url}")
        _say(f"token     {server.token}")
        if chosen.tls:
            _say(f"trust     {server.ca_file}")
        with contextlib.suppress(KeyboardInterrupt):
            shown: set[int] = set()
            while not stop.wait(0.1):
                for call in server.log:
                    if call.complete and call.number not in shown:
                        shown.add(call.number)
                        _say(f"{call.method} {call.target} {call.body.decode('utf-8', 'replace')}")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
