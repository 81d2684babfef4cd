"""Bytes and values from outside, made harmless: decoded within bounds, checked, cleaned for the eye."""

import unicodedata
from collections.abc import Generator, Iterator, Mapping
from decimal import (
    Clamped,
    Context,
    Decimal,
    DecimalException,
    Inexact,
    InvalidOperation,
    Overflow,
    Rounded,
    Subnormal,
    Underflow,
)
from functools import lru_cache
from typing import TypeAlias

import msgspec

from crosstrade_panel.domain.names import is_name

Json: TypeAlias = "bool | int | Decimal | str | list[Json] | dict[str, Json] | None"
Object: TypeAlias = Mapping[str, Json]

LONGEST_TEXT = 500
"""Characters of server text that are kept."""

# A name is sent back unaltered, so it cannot be clipped; a longer one is no name.
_LONGEST_NAME = 200
_MOST_NUMERALS = 64
_FARTHEST_EXPONENT = 64
# Tens of thousands of positions.
_MOST_VALUES = 500_000
_PIECE = 65_536
"""Bytes; what is longer is decoded about so many at a time, which takes a millisecond."""
_A_ROW = 50
"""Bytes whose decoding takes as long as what each row takes besides its own."""
_LEVELS = 5
"""An answer, its `data`, a list in that, an account in that, its list."""
_MOST_FIELDS = 100
"""The API's objects have a tenth of them."""
_MOST_DIGITS, _LEAST_USUAL = 15, -1
_LARGEST_NUMBER = 10**_MOST_DIGITS
_UNREADABLE_NUMBER = Decimal("NaN")

_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Nothing to the eye although Unicode calls them letters, marks or symbols.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


class UnreadableError(ValueError):
    """Bytes that are no JSON, or more than we are willing to read."""


# Thousands of numbers in every read, made without a step through Python; one that does not fit raises.
_FITTING = Context(
    prec=_MOST_NUMERALS,
    traps=[Rounded, Inexact, InvalidOperation, Overflow, Underflow, Subnormal, Clamped],
)


def _number(text: str) -> Decimal:
    try:
        return _FITTING.create_decimal(text)
    except DecimalException:  # more digits than anybody has, or an exponent of a million
        return _UNREADABLE_NUMBER


_DECODER: msgspec.json.Decoder[Json] = msgspec.json.Decoder(float_hook=_FITTING.create_decimal)
_TOLERANT: msgspec.json.Decoder[Json] = msgspec.json.Decoder(float_hook=_number)
# What an object or a list holds, each value still as it came.
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ROWS = msgspec.json.Decoder(list[msgspec.Raw])
_ERRORS = (msgspec.MsgspecError, ValueError, RecursionError)


def decode(body: bytes) -> Json:
    """Decode JSON; numbers with a point or an exponent become Decimal, NaN where they are out of all bounds.

    Raises:
        UnreadableError: it is not JSON in UTF-8, nested too deep, or of too many values.
    """
    _require_few_values(body)
    try:
        return _decode(body)
    except _ERRORS as error:
        raise UnreadableError(type(error).__name__) from error


def decode_in_steps(body: bytes) -> Generator[None, None, Json]:
    """`decode`, long lists some rows a step: thousands of rows take most of a frame.

    Where two fields have one name, the first, which nobody reads, may hold a number of thousands of digits.

    Raises:
        UnreadableError: as `decode`.
    """
    if len(body) <= _PIECE:
        return decode(body)
    _require_few_values(body)
    try:
        str(body, "utf-8")  # what is skipped over is not looked at
        value = yield from _decode_in_steps(body, _LEVELS)
    except _ERRORS as error:
        raise UnreadableError(type(error).__name__) from error
    yield
    return value


def _require_few_values(body: bytes) -> None:
    # Counted before decoding: sixteen megabytes of `{},` would become a gigabyte of objects.
    if len(body) > _MOST_VALUES and sum(map(body.count, (b",", b"{", b"["))) > _MOST_VALUES:
        raise UnreadableError("too many values")


def _decode(text: bytes | msgspec.Raw) -> Json:
    try:
        return _DECODER.decode(text)
    except DecimalException:
        return _TOLERANT.decode(text)


def _decode_in_steps(text: bytes | msgspec.Raw, levels: int) -> Generator[None, None, Json]:
    if len(text) <= _PIECE or not levels:
        return _decode(text)
    first = bytes(memoryview(text)[:1])
    if first == b"{" and len(values := _FIELDS.decode(text)) <= _MOST_FIELDS:
        fields: dict[str, Json] = {}
        for key, value in values.items():
            fields[key] = yield from _decode_in_steps(value, levels - 1)
        return fields
    if first == b"[":
        rows: list[Json] = []
        for piece in _pieces(_ROWS.decode(text)):
            yield
            if len(piece) == 1:
                rows.append((yield from _decode_in_steps(piece[0], levels - 1)))
            else:
                rows.extend(map(_decode, piece))
        return rows
    return _decode(text)


def _pieces(rows: list[msgspec.Raw]) -> Iterator[list[msgspec.Raw]]:
    """Rows of `_PIECE` bytes together, or one that is longer by itself."""
    start = size = 0
    for number, row in enumerate(rows):
        weight = len(row) + _A_ROW
        if size + weight > _PIECE and number > start:
            yield rows[start:number]
            start, size = number, 0
        size += weight
    yield rows[start:]


def clean_text(text: str) -> str:
    """Server text made inert: one line, no control, bidirectional or zero-width character, 500 at most."""
    # Clipped first as well: a megabyte is not worth looking at.
    kept = (
        " " if character in "\t\n\r" else character
        for character in text[: 4 * LONGEST_TEXT]
        if character in "\t\n\r"
        or (unicodedata.category(character) not in _INVISIBLE_CATEGORIES and character not in _INVISIBLE)
    )
    return " ".join("".join(kept).split())[:LONGEST_TEXT]


@lru_cache(maxsize=4096)
def _checked_name(text: str) -> str | None:
    return text if is_name(text) else None


def name(value: Json) -> str | None:
    """A name that can be shown and sent back unaltered; None for anything else."""
    return _checked_name(value) if isinstance(value, str) and len(value) <= _LONGEST_NAME else None


# The type of a row is the same word in thousands of them.
_cleaned_again = lru_cache(maxsize=1024)(clean_text)


def text(value: Json) -> str | None:
    """Text for the eye, cleaned; None for anything else."""
    if not isinstance(value, str):
        return None
    return _cleaned_again(value) if len(value) <= LONGEST_TEXT else clean_text(value)


def word(value: Json) -> str | None:
    """Text that something is concluded from, as it came; None where cleaning or folding would change it.

    `Simu\u200blator` is not Simulator, nor is `\ufb01lled` Filled, however alike they look when cleaned.
    """
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or value.casefold() != value.lower():
        return None
    return value if _cleaned_again(value) == value else None


def decimal(value: Json) -> Decimal | None:
    """A number of believable size; None for anything else."""
    if isinstance(value, Decimal):
        number = value
    elif isinstance(value, int) and not isinstance(value, bool):
        number = Decimal(value)
    else:
        return None
    # Nearly every one: from a tenth to below the largest, with as few digits as a text of 64 can have.
    if number.is_finite() and _LEAST_USUAL <= number.adjusted() < _MOST_DIGITS:
        return number
    # 1e-999999 is a small number and a megabyte of zeros once somebody writes it out. Looked at first: with
    # an exponent beyond decimal's context even abs() raises.
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > _FARTHEST_EXPONENT:  # no int: not finite
        return None
    return number if abs(number) < _LARGEST_NUMBER else None


def whole(value: Json) -> int | None:
    """A whole number from 0; None for anything else. `3.0` is 3: a server may hold it as a float."""
    if type(value) is int:
        return value if 0 <= value < _LARGEST_NUMBER else None
    number = decimal(value)
    if number is None or number < 0 or number != number.to_integral_value():
        return None
    return int(number)
