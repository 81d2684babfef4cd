"""Texts that act where they are shown: markup, control and bidirectional characters, formulas, length."""

import unicodedata
from typing import Any

MARKUP = "<b>Sim</b><img src=http://127.0.0.1:9/x>&amp;&Go"
"""Visible all of it, so it may be a name: shown as it is, to the character."""

ACTING = (
    "\x1b[31mred\x1b]0;title\x07\x9b2J",  # escapes of a terminal
    "\u202etxet\u202c \u2066left\u2069",  # bidirectional
    "two\r\nlines\u2028three\u2029four\x0bfive\x0csix\x85",
    "a\x00b\x08\x7f",
    "zero\u200bwidth\ufeff\u3164\u00ad",
    "\U000e0041tag\ue000private",
    "=HYPERLINK(1)",
    MARKUP,
)
ALL = " ".join(ACTING)
LONG = "x" * 1_000_000
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def acts(text: str, allowed: str = "") -> list[str]:
    """The characters of a text that a screen or a terminal would obey; `allowed` are the program's own."""
    return [each for each in text if unicodedata.category(each) in _INVISIBLE and each not in allowed]


def row(**changes: Any) -> dict[str, Any]:
    """A row of a position."""
    plain = {
        "type": "Position", "account": "Sim101", "instrument": "MES 12-25", "instrumentType": "Future",
        "marketPosition": "Short", "quantity": 2, "averagePrice": 1, "marketPrice": 1,
        "unrealizedProfitLoss": 1,
    }  # fmt: skip
    return {**plain, **changes}
