"""Names of accounts and instruments: when one is blank, and when two are the same."""

import re
import unicodedata
from functools import lru_cache

from crosstrade_panel.domain.value import dataclass

# Letters to Unicode, nothing to the eye: Hangul fillers, Egyptian blanks. No other filler is a letter.
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\U00013441\U00013442")
# No letters, but nothing to the eye either, and in none of the categories below: joiner, variation selectors,
# vowels that are not drawn, the braille blank.
_UNSEEN = (
    _FILLERS
    | frozenset(map(chr, (0x034F, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x2800, 0x16FE4)))
    | frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)

_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

_MONTH_CODES = "FGHJKMNQUVXZ"
_EXACT = re.compile(r"([A-Z0-9]{1,6}) +(\d{1,2})-(\d{2})")
_CODED = re.compile(rf"([A-Z0-9]{{1,4}}?)([{_MONTH_CODES}])(\d{{2}})")
_CODED_IN_DECADE = re.compile(rf"([A-Z0-9]{{1,4}}?)[{_MONTH_CODES}]\d")
_CONTINUOUS = re.compile(r"([A-Z0-9]{1,6})\d!")
_ROOT = re.compile(r"[A-Z0-9]+")
_NOT_SHOWN_IN_A_ROOT = re.compile(r"[\W_]+")


def is_blank(text: object) -> bool:
    """Whether a name says nothing a person could see: no letter or digit, or not text at all.

    Zero-width and filler characters are nothing, whatever `str.strip` and `str.isalpha` say of them.
    """
    if not isinstance(text, str):
        return True
    return not any(character.isalnum() and character not in _FILLERS for character in text)


def is_name(text: object) -> bool:
    """Whether this can stand for an account or an instrument: visible, and every character of it printable.

    A name with an invisible character in it would look like another one on the button.
    """
    if is_blank(text):
        return False
    return all(
        unicodedata.category(character) not in _INVISIBLE_CATEGORIES and character not in _UNSEEN
        for character in str(text)
    )


@lru_cache(maxsize=4096)
def fold(name: str) -> str:
    """The form in which two account names are compared; the API compares them without regard to case.

    Spaces count as one, and none at the ends: two names that look the same are never proof of two accounts.
    """
    return " ".join(unicodedata.normalize("NFKC", name).split()).casefold()


@dataclass(frozen=True, slots=True)
class Contract:
    """What an instrument name stands for, as far as the name alone says.

    `expiry` is (year within the century, month); None when the name moves at a roll (`ES`, `ES1!`) or has no
    expiry that we can read. `is_known_form` is False where the root is a guess.
    """

    root: str
    expiry: tuple[int, int] | None
    is_known_form: bool = True


@lru_cache(maxsize=4096)
def read_contract(name: str) -> Contract:
    """Read one of the four forms the API accepts: `ES 09-26`, `ES`, `ES1!`, `ESH26`."""
    text = " ".join(name.upper().split())
    if match := _EXACT.fullmatch(text):
        root, month, year = match.groups()
        if 1 <= int(month) <= len(_MONTH_CODES):
            return Contract(root, (int(year), int(month)))
    if match := _CODED.fullmatch(text):
        root, code, year = match.groups()
        return Contract(root, (int(year), _MONTH_CODES.index(code) + 1))
    # `ESH6` names its month but not its decade: it may be any contract of the root.
    if match := _CONTINUOUS.fullmatch(text) or _CODED_IN_DECADE.fullmatch(text):
        return Contract(match.group(1), None)
    if _ROOT.fullmatch(text):
        return Contract(text, None)
    return Contract(_NOT_SHOWN_IN_A_ROOT.sub("", text), None, is_known_form=False)


def same_instrument(one: str, other: str) -> bool:
    """Whether two names certainly mean the same instrument."""
    if one.casefold() == other.casefold():
        return True
    a, b = read_contract(one), read_contract(other)
    return a.expiry is not None and a == b


def may_be_same_instrument(one: str, other: str) -> bool:
    """Whether two names cannot be shown to mean different instruments.

    A root (`ES`) may be any of its months; two months that both can be read are different when they differ. A
    name in a form that we cannot read (`/ESZ5`) may be whatever root it contains.
    """
    if same_instrument(one, other):
        return True
    a, b = read_contract(one), read_contract(other)
    if not (a.is_known_form and b.is_known_form):
        return a.root in b.root or b.root in a.root
    return a.root == b.root and (a.expiry is None or b.expiry is None)


def is_alias(name: str) -> bool:
    """Whether the name may move to another contract at a roll (`ES`, `ES1!`), or has no month we can read."""
    return read_contract(name).expiry is None
