"""Hostile replies for the fuzz of the wire: valid ones changed in structure, in bytes, and plain noise.

An object is kept as a list of pairs, so that a key can come twice; a number may be any text.
"""

import json
import random
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(slots=True)
class Pairs:
    """An object of JSON, its keys in order and perhaps more than once."""

    items: list[tuple[str, "Node"]]


@dataclass(slots=True)
class Literal:
    """What stands in the JSON as it is."""

    text: str


Node: TypeAlias = "Pairs | list[Node] | Literal | str | int | float | bool | None"

_ROW: dict[str, Any] = {
    "type": "NinjaTrader.Cbi.Position", "account": "Sim101", "instrument": "ES 12-25",
    "instrumentType": "Future", "marketPosition": "Short", "quantity": 2, "averagePrice": 5780.125,
    "marketPrice": 5774.0, "unrealizedProfitLoss": 612.5,
}  # fmt: skip
_LONG = {**_ROW, "account": "APEX 1/2#3!", "instrument": "MNQ 03-26", "marketPosition": "Long", "quantity": 1}
_FLAT = {**_ROW, "account": "Live7", "marketPosition": "Flat", "quantity": 0}
_ORDER: dict[str, Any] = {
    "account": "Sim101", "orderId": "adb3868865de4b59b0e147b8300e4a29", "instrument": "ES 12-25",
    "orderType": "StopMarket", "orderState": "Working", "action": "Buy", "quantity": 2, "filled": 0,
    "limitPrice": 0, "stopPrice": 5790.25, "ocoId": "oco-1",
}  # fmt: skip
_ACCOUNT: dict[str, Any] = {
    "name": "Sim101", "displayName": "Practice", "provider": "Simulator", "status": "Enabled",
    "connectionStatus": "Connected", "isAccountFlat": False,
    "item": {"cashValue": 50_000.0, "netLiquidation": 50_612.5},
}  # fmt: skip
_LIVE = {**_ACCOUNT, "name": "APEX 1/2#3!", "provider": "Rithmic", "isAccountFlat": True}
_SNAPSHOT = {
    "type": "snapshot", "timestamp": "2026-11-20T14:31:07.412Z", "epoch": 1_795_185_067_412,
    "accounts": [{"account": _ACCOUNT, "positions": [_ROW]}, {"account": _LIVE, "positions": []}],
}  # fmt: skip
_IDS = ["adb3868865de4b59b0e147b8300e4a29", "2141df9fc0254ba9b34c8a5e38722249"]

VALID: list[Any] = [
    {"positions": [_ROW, _LONG, _FLAT], "count": 3, "success": True},
    {"positions": [_ROW], "success": True, "epoch": 1_795_185_067_412},
    {"positions": [], "count": 0, "success": True},
    {"data": {"positions": [_ROW], "count": 1}, "success": True},
    _SNAPSHOT,
    {"success": True, "data": _SNAPSHOT},
    {**_SNAPSHOT, "accounts": [{"account": "Sim101", "positions": [{**_ROW, "account": None}]}]},
    {"accounts": [_ACCOUNT, _LIVE], "success": True},
    {"data": [_ACCOUNT, "Live7"], "success": True, "count": 2},
    [_ACCOUNT, {"account": _LIVE}, "Live7"],
    {"orders": [_ORDER, {**_ORDER, "orderId": "b", "orderState": "Filled"}], "success": True},
    [_ORDER],
    {"orders": [], "success": True},
    {"orderIds": _IDS, "closedPositions": [_ROW], "success": True},
    {"data": {"orderIds": _IDS, "closedPositions": [_ROW, _LONG]}, "success": True},
    {"orderIds": [], "closedPositions": [], "success": True, "warning": "Nothing was open"},
    {"orderId": "cb1fc8d4e1a84d29ae38fea964aaac8c", "success": True},
    {"success": False, "error": "Half of it", "orderIds": _IDS},
    {"success": False, "error": "No position found for instrument 'ES 12-25'", "detail": "x"},
    {"error": "Invalid request"},
    {"error": "Rate limit exceeded", "retryAfter": 0.35},
    {"error": "Not found", "did_you_mean": "/v1/api/positions/flatten"},
    {"account": "Sim101", "instrument": "ES 12-25", "marketPosition": "short"},
    {"account": "APEX 1/2#3!"},
    {"instrument": "ES 12-25"},
    {},
    {"id": "7", "data": {"success": True, "orderIds": _IDS, "closedPositions": [_ROW]}},
    {"id": "8", "data": {"positions": [_ROW], "count": 1, "success": True}},
    {"id": "9", "error": "Rate limit exceeded"},
    {"type": "pnlUpdate", "epoch": 1_795_185_067_412, "accounts": [{"account": "Sim101", "pnl": 1.5}]},
    {"type": "pong"},
    {"id": "10", "data": {"success": False, "error": "Request timed out"}},
    {"action": "rpc", "id": "11", "api": "Flatten", "args": {"account": "Sim101", "marketPosition": "long"}},
    {"action": "rpc", "id": "12", "api": "FlattenEverything", "args": {}},
]

_KEYS = sorted(
    {*_ROW, *_ORDER, *_ACCOUNT, "success", "error", "detail", "warning", "data", "positions", "accounts",
     "orders", "count", "epoch", "timestamp", "orderIds", "orderId", "closedPositions", "retryAfter",
     "did_you_mean", "id", "type", "account"}
)  # fmt: skip
_TRICKS = (
    "\u202e", "\u2066", "\u200b", "\ufeff", "\x00", "\x1b[31m", "\r\n", "\u2028", "\u3164", "\u0301",
    "\U000e0041", "\U0001f4a9", "\ufb02", "\u017f", "İ", "<b>", "=1+1", "\x7f", "\x9b", "\ud800", "%", "{}",
)  # fmt: skip
_WORDS = (
    "", " ", "Flat", "flat", "FLAT", "\ufb02at", "Fl\u200bat", "Long", "long", "Short", "\u017fhort", "Both",
    "true", "false", "null", "0", "2", "Sim101", "SIM101", " sim101 ", "Sim\u200b101", "Connected",
    "Disconnected",
    "Simulator", "\u017fimulator", "Simu\u200blator", "Filled", "Fil\u200bled", "\ufb01lled", "Cancelled",
    "Unknown",
    "Rate limit exceeded", "already terminal", "no position", "ES", "ES1!", "ESZ5", "2026-11-20T14:31:07Z",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "20261120", "2026-W47-5", "-1", "0.5", "1e9",
    "∞", "\u0663",
)  # fmt: skip
_NUMBERS = (
    "0", "-0", "0.0", "-0.0", "0e5", "0e-99999", "1", "2", "2.0", "2e0", "20e-1", "-1", "-2", "0.5",
    "1e-400", "1e400", "1e15", "999999999999999", "1e9999999999999999999999", "1e999999999999999999",
    "9" * 80, "1" + "0" * 400, "0." + "0" * 80 + "1", "9223372036854775807", "9223372036854775808",
    "18446744073709551616", "-9223372036854775809", "1E+2", "3.00",
)  # fmt: skip


def build(value: Any) -> Node:
    """A plain value as a tree that can be mutated."""
    match value:
        case dict():
            return Pairs([(key, build(each)) for key, each in value.items()])
        case list():
            return [build(each) for each in value]
        case _:
            return value  # type: ignore[no-any-return]


def write(node: Node) -> str:
    """The JSON of a tree. Lone surrogates stay escaped, other text is at times escaped and at times not."""
    match node:
        case Pairs(items=items):
            return "{" + ",".join(f"{json.dumps(key)}:{write(each)}" for key, each in items) + "}"
        case list():
            return "[" + ",".join(map(write, node)) + "]"
        case Literal(text=text):
            return text
        case str():
            return json.dumps(node, ensure_ascii=len(node) % 2 == 0 or not _is_sound(node))
        case _:
            return json.dumps(node)


def _is_sound(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


class Mutator:
    """Makes one input from one seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def make(self) -> bytes:
        """Two thirds are valid replies changed in their structure, the rest bytes changed, or noise."""
        dice = self._random.random()
        if dice < 0.00005:
            return b'{"positions":[' + b"{}," * 300_000 + b"{}]}"
        if dice < 0.66:
            return self._structural().encode("utf-8", "surrogatepass")
        if dice < 0.92:
            return self._bytewise(self._structural().encode("utf-8", "surrogatepass"))
        return self._noise()

    def _structural(self) -> str:
        chance = self._random
        root = build(chance.choice(VALID))
        for _ in range(chance.choice((0, 1, 1, 1, 2, 2, 3, 5))):
            root = self._mutate(root)
        return write(root)

    # -- structure ---

    def _mutate(self, root: Node) -> Node:
        """Change one place; going down as far as chance wants."""
        chance = self._random
        node = root
        path: list[tuple[Pairs | list[Node], int]] = []
        while chance.random() < 0.72:
            match node:
                case Pairs(items=items) if items:
                    index = chance.randrange(len(items))
                    path.append((node, index))
                    node = items[index][1]
                case list() if node:
                    index = chance.randrange(len(node))
                    path.append((node, index))
                    node = node[index]
                case _:
                    break
        changed = self._change(node)
        if not path:
            return changed
        parent, index = path[-1]
        if isinstance(parent, Pairs):
            parent.items[index] = (parent.items[index][0], changed)
        else:
            parent[index] = changed
        return root

    def _change(self, node: Node) -> Node:
        chance = self._random
        dice = chance.random()
        if dice < 0.12:
            return self._wrapped(node)
        if dice < 0.2:
            return build(chance.choice(VALID))
        match node:
            case Pairs():
                return self._changed_object(node)
            case list():
                return self._changed_list(node)
            case str() if dice < 0.6:
                return self._spoilt(node)
            case _:
                return self._scalar()

    def _wrapped(self, node: Node) -> Node:
        match self._random.randrange(6):
            case 0:
                return Pairs([("data", node)])
            case 1:
                return Pairs([("data", node), ("success", True)])
            case 2:
                return Pairs([("data", Pairs([("data", node)])), ("success", True)])
            case 3:
                return [node]
            case 4:
                return Pairs([("account", node), ("positions", [])])
            case _:
                for _ in range(self._random.choice((5, 50, 600, 3000))):
                    node = [node]
                return Literal(_deep(node))

    def _changed_object(self, node: Pairs) -> Node:
        chance, items = self._random, node.items
        index = chance.randrange(len(items)) if items else -1
        match chance.randrange(9):
            case 0 if items:  # dropped
                del items[index]
            case 1 if items:  # doubled, with another value
                items.insert(chance.randrange(len(items) + 1), (items[index][0], self._scalar()))
            case 2 if items:  # renamed
                items[index] = (self._renamed(items[index][0]), items[index][1])
            case 3:  # one more, of those that mean something
                items.insert(0, (chance.choice(_KEYS), self._value()))
            case 4:
                chance.shuffle(items)
            case 5 if items:  # moved under `data`
                items.append(("data", Pairs([items.pop(index)])))
            case 6:
                items.append(("data", build(chance.choice(VALID))))
            case 7:
                answers: tuple[Node, ...] = (False, "false", 0, 1, "", None, True, [], "true")
                said = chance.choice(answers)
                items.append((chance.choice(("success", "error")), said))
            case _:
                if items:
                    items[index] = (items[index][0], self._value())
        return node

    def _changed_list(self, node: list[Node]) -> Node:
        chance = self._random
        match chance.randrange(7):
            case 0:
                return []
            case 1 if node:
                del node[chance.randrange(len(node))]
            case 2 if node:
                node.append(node[chance.randrange(len(node))])
            case 3:
                chance.shuffle(node)
            case 4:
                node.insert(chance.randrange(len(node) + 1), self._value())
            case 5 if node:
                return Pairs([("0", node[0])])
            case _:
                return self._scalar()
        return node

    def _value(self) -> Node:
        return build(self._random.choice(VALID)) if self._random.random() < 0.3 else self._scalar()

    def _scalar(self) -> Node:
        chance = self._random
        match chance.randrange(8):
            case 0:
                return None
            case 1:
                return chance.random() < 0.5
            case 2 | 3:
                return Literal(chance.choice(_NUMBERS))
            case 4:
                empties: list[Node] = [[], Pairs([]), [[]], [None], Pairs([("", None)])]
                return chance.choice(empties)
            case 5:
                return self._spoilt(chance.choice(_WORDS))
            case _:
                return chance.choice(_WORDS)

    def _spoilt(self, text: str) -> str:
        chance = self._random
        match chance.randrange(6):
            case 0:
                return chance.choice(_WORDS)
            case 1:
                return text * chance.choice((0, 2, 40))
            case 2 if chance.random() < 0.02:
                return (text or "x") * 20_000
            case 3:
                return text.swapcase()
            case _:
                place = chance.randrange(len(text) + 1)
                return text[:place] + chance.choice(_TRICKS) + text[place:]

    def _renamed(self, key: str) -> str:
        chance = self._random
        changed = (
            key.lower(), key.upper(), f"{key} ", f"\u200b{key}", key[:-1], key + "s", chance.choice(_KEYS),
            "", "\x00",
        )  # fmt: skip
        return chance.choice(changed)

    # -- bytes ---

    def _bytewise(self, body: bytes) -> bytes:
        chance, data = self._random, bytearray(body)
        for _ in range(chance.choice((1, 1, 2, 4, 16))):
            place = chance.randrange(len(data) + 1)
            match chance.randrange(7):
                case 0 if data:
                    data[min(place, len(data) - 1)] ^= 1 << chance.randrange(8)
                case 1:
                    data[place:place] = chance.choice(
                        (b'"', b",", b"{", b"}", b"[", b"]", b":", b"\\", b"\x00", b"\xff")
                    )
                case 2:
                    del data[place : place + chance.choice((1, 1, 3, 20))]
                case 3:
                    del data[place:]
                case 4:
                    data[place:place] = data[max(0, place - 30) : place]
                case 5:
                    data[place:place] = write(self._scalar()).encode("utf-8", "surrogatepass")
                case _:
                    data[place : place + 1] = bytes([chance.randrange(256)])
        return bytes(data)

    def _noise(self) -> bytes:
        chance = self._random
        match chance.randrange(4):
            case 0:
                return chance.randbytes(chance.randrange(200))
            case 1:
                tokens = (
                    '"',
                    "{",
                    "}",
                    "[",
                    "]",
                    ",",
                    ":",
                    "1",
                    "-",
                    "true",
                    "null",
                    '"a"',
                    '"positions"',
                    "\\u",
                    " ",
                )
                return "".join(chance.choices(tokens, k=chance.randrange(60))).encode()
            case 2:
                return b"<html>" + chance.randbytes(20) + b"</html>"
            case _:
                return write(self._scalar()).encode("utf-8", "surrogatepass")


def _deep(node: Node) -> str:
    """The JSON of something nested deeper than Python recurses."""
    depth = 0
    while isinstance(node, list) and len(node) == 1:
        node, depth = node[0], depth + 1
    return "[" * depth + write(node) + "]" * depth
