"""Plain text that wraps anywhere, and shrinks before it is cut."""

import re
from collections.abc import Sequence
from functools import lru_cache
from html import escape

from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPaintEvent, QTextLayout, QTextOption
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from crosstrade_panel.domain.value import dataclass


@dataclass(frozen=True, slots=True)
class FittedText:
    """Lines broken to a width. `is_cut`: even the smallest size did not hold them all."""

    lines: tuple[str, ...]
    font: QFont
    line_height: float
    is_cut: bool

    @property
    def height(self) -> float:
        """Height of all lines, in pixels."""
        return self.line_height * len(self.lines)


def sized(font: QFont, pixels: int) -> QFont:
    """The same font at another size in pixels."""
    made = QFont(font)
    made.setPixelSize(pixels)
    return made


_BOUND = re.compile(
    r" (?=[·›])|(?<=\d) (?=(?:ms|s|min|of \d+)\b)|(?<=[A-Z0-9]) (?=\d\d-\d\d\b)|(?<=Long|hort) (?=\d)"
    r"|(?<=Buy|ell|BUY|ELL) (?=\d)|(?<=\d) (?=[A-Z0-9]{1,4} \d\d-\d\d\b)"
    r"|(?<=\bread) (?=\d)|(?<=\d s|min) (?=ago\b)|(?<=\bAll) (?=accounts\b)"
)
"""Spaces that no line ends at: before a sign that divides, between a number and its unit, within a contract's
name, within `Short 2 MES 12-25`, `Sell 2 MES 12-25`, `read 0.4 s ago` and `All accounts`. One character each:
the places in the text stay what they are."""
_HYPHEN = re.compile(r"(?<=[a-z])-(?=[a-z])")
"""Within a word, as in `right-click`."""


@lru_cache(maxsize=1024)
def break_lines(text: str, font: QFont, width: float) -> tuple[str, ...]:
    """Break one paragraph at words, and inside a word that is too long by itself.

    Remembered: layouts ask for the same lines many times before they paint them, at 0.1 ms each.
    """
    # Unicode allows a break between a minus sign and its currency sign; a digit in its place forbids it.
    bound = _HYPHEN.sub("\u2011", _BOUND.sub("\u00a0", text.replace("−", "0")))
    layout = QTextLayout(bound, font)
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    layout.setTextOption(option)
    layout.beginLayout()
    found = []
    while (line := layout.createLine()).isValid():
        line.setLineWidth(max(width, 1.0))
        found.append(text[line.textStart() : line.textStart() + line.textLength()].rstrip())
    layout.endLayout()
    return tuple(found) or ("",)


def fit(texts: Sequence[str], font: QFont, sizes: Sequence[int], width: float, height: float) -> FittedText:
    """Break paragraphs at the largest of `sizes` (pixels, falling) that fits the box."""
    lines: list[str] = []
    used = font
    step = 1.0
    for pixels in sizes:
        used = sized(font, pixels)
        step = QFontMetricsF(used).height()
        lines = [line for text in texts for line in break_lines(text, used, width)]
        if step * len(lines) <= height + 0.5:
            return FittedText(tuple(lines), used, step, is_cut=False)
    room = max(1, int(height // step))
    rest = " ".join(lines[room - 1 :])
    kept = [*lines[: room - 1], QFontMetricsF(used).elidedText(rest, Qt.TextElideMode.ElideRight, width)]
    return FittedText(tuple(kept), used, step, is_cut=True)


def draw(
    painter: QPainter, text: FittedText, top: float, left: float, width: float, *, centred: bool
) -> None:
    """Paint fitted lines downward from `top`."""
    painter.setFont(text.font)
    metrics = QFontMetricsF(text.font)
    for number, line in enumerate(text.lines):
        shift = (width - metrics.horizontalAdvance(line)) / 2 if centred else 0.0
        painter.drawText(
            QPointF(left + max(shift, 0.0), top + number * text.line_height + metrics.ascent()), line
        )


def plain_tip(text: str) -> str:
    """A tooltip that shows just these characters: Qt takes what looks like markup for it."""
    return f"<span>{escape(text)}</span>" if "<" in text or "&" in text else text


class WrapLabel(QLabel):
    """A plain-text label that breaks anywhere rather than be wider than its place."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setText(text)

    def _paragraphs(self) -> list[str]:
        return self.text().split("\n") if self.text() else []

    def _broken(self, width: int) -> FittedText:
        lines = [line for text in self._paragraphs() for line in break_lines(text, self.font(), width)]
        return FittedText(tuple(lines), self.font(), QFontMetricsF(self.font()).height(), is_cut=False)

    def heightForWidth(self, width: int) -> int:
        return int(self._broken(width).height + 0.999)

    def sizeHint(self) -> QSize:
        return QSize(40, self.heightForWidth(max(self.width(), 40)))

    def minimumSizeHint(self) -> QSize:
        # One line: how many it really needs at its width is for heightForWidth to say.
        return QSize(40, int(QFontMetricsF(self.font()).height() + 0.999))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        draw(painter, self._broken(self.width()), 0, 0, self.width(), centred=False)
        painter.end()


class FitLabel(QLabel):
    """A plain-text label in a box of constant height: wraps, then shrinks; its tooltip has what is cut."""

    def __init__(self, height: int, sizes: Sequence[int], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self._sizes = tuple(sizes)
        self._fitted: tuple[tuple[str, int, int, str], FittedText] | None = None
        self._centred = False
        self.setFixedHeight(height)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def set_width(self, width: int) -> None:
        """Keep to this width, in pixels."""
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFixedWidth(width)

    @property
    def wished_width(self) -> int:
        """The width of its words on one line, at their largest, in pixels."""
        if not self.text():
            return 0
        return int(QFontMetricsF(sized(self.font(), self._sizes[0])).horizontalAdvance(self.text()) + 2)

    def set_centred(self) -> None:
        """Centre the lines."""
        self._centred = True

    def fitted(self) -> FittedText:
        """The lines as they are painted just now."""
        room = self.contentsRect()
        key = (self.text(), room.width(), room.height(), self.font().family())
        if self._fitted is None or self._fitted[0] != key:
            made = fit(self.text().split("\n"), self.font(), self._sizes, room.width(), room.height())
            self._fitted = (key, made)
        return self._fitted[1]

    def minimumSizeHint(self) -> QSize:
        return QSize(20, self.height())

    def sizeHint(self) -> QSize:
        return QSize(max(60, self.minimumWidth()), self.height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        self.paint_text(painter)
        painter.end()

    def paint_text(self, painter: QPainter) -> None:
        """Paint the lines with the painter's pen."""
        text, room = self.fitted(), self.contentsRect()
        top = room.top() + (room.height() - text.height) / 2
        draw(painter, text, top, room.left(), room.width(), centred=self._centred)
