"""How a press button looks."""

from collections.abc import Callable
from enum import Enum, auto
from functools import lru_cache
from math import ceil

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QLinearGradient, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QWidget

from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.ui.fit import FittedText, break_lines, draw, fit
from crosstrade_panel.ui.theme import ButtonColours, Theme, contrast
from crosstrade_panel.ui.view import Look


class Weight(Enum):
    """How much a press button stands out."""

    MAIN = auto()
    """FLATTEN, and nothing else."""
    SECOND = auto()
    """REVERSE."""
    ACTION = auto()
    """What an outcome offers."""


TITLE_SIZES = {
    Weight.MAIN: (28, 24, 20, 17, 15),
    Weight.SECOND: (19, 17, 15, 13),
    Weight.ACTION: (15, 14, 13, 12, 11),
}
_SPACING = {Weight.MAIN: 1.5, Weight.SECOND: 0.8, Weight.ACTION: 0.4}
LINE_SIZES = (12, 11, 10, 9, 8)
SMALL_PRINT = 11
"""Of a banner, in pixels."""
_ANY_HEIGHT = 10_000.0
_HATCH = 8.0
"""From one line of the hatching to the next, in pixels."""


@dataclass(frozen=True, slots=True)
class Painting:
    """Everything that decides the picture. `told` stands out beneath the lines."""

    title: str
    lines: tuple[str, ...]
    look: Look
    is_pressed: bool
    share_held: float
    is_hold: bool
    is_flashing: bool
    weight: Weight
    has_focus: bool
    is_hovered: bool = False
    told: str = ""

    @property
    def all_lines(self) -> tuple[str, ...]:
        """Everything beneath the title."""
        return (*self.lines, self.told) if self.told else self.lines


_READY_COLOURS: dict[Weight, Callable[[Theme], ButtonColours]] = {
    Weight.MAIN: lambda theme: theme.flatten,
    Weight.SECOND: lambda theme: theme.reverse,
    Weight.ACTION: lambda theme: theme.action,
}


def colours_of(painting: Painting, theme: Theme) -> ButtonColours:
    """The colours of a look."""
    match painting.look:
        case Look.READY:
            return _READY_COLOURS[painting.weight](theme)
        case Look.LOOKS_DEAD:
            return theme.dead
        case Look.LOCKED:
            return theme.locked
        case Look.DISABLED:
            return theme.disabled


@lru_cache(maxsize=64)
def _fitted(
    title: str, lines: tuple[str, ...], family: str, width: int, height: int, weight: Weight
) -> tuple[FittedText, FittedText]:
    """Title and lines for a box: the title gives way first, the lines shrink before they are cut."""
    bold = QFont(family)
    bold.setBold(True)
    bold.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, _SPACING[weight])
    plain = QFont(family)
    result: tuple[FittedText, FittedText] | None = None
    for size in TITLE_SIZES[weight]:
        head = fit((title,), bold, (size,), width, height)
        body = fit(lines, plain, LINE_SIZES[:2], width, height - head.height) if lines else _nothing(plain)
        result = head, body
        if len(head.lines) == 1 and not head.is_cut and not body.is_cut:
            return result
    for smallest in (TITLE_SIZES[weight][-2:], TITLE_SIZES[weight][-1:]):
        head = fit((title,), bold, smallest, width, height)
        body = fit(lines, plain, LINE_SIZES, width, height - head.height) if lines else _nothing(plain)
        result = head, body
        if not body.is_cut:
            break
    assert result is not None  # noqa: S101 - the sizes are never empty
    return result


def _nothing(font: QFont) -> FittedText:
    return FittedText((), font, 1.0, is_cut=False)


def text_box(width: int, height: int, weight: Weight) -> QRectF:
    """Where the texts of a button of this size go."""
    rim = 7.0 if weight is Weight.MAIN else 2.0
    return QRectF(0, 0, width, height).adjusted(rim + 6, rim + 3, -rim - 6, -rim - 3)


def fitted_texts(widget: QWidget, painting: Painting) -> tuple[FittedText, FittedText]:
    """Title and lines as they are painted."""
    box = text_box(widget.width(), widget.height(), painting.weight)
    return _fitted(
        painting.title,
        painting.all_lines,
        widget.font().family(),
        int(box.width()),
        int(box.height()),
        painting.weight,
    )


def height_for(title: str, lines: tuple[str, ...], family: str, width: int, weight: Weight) -> int:
    """The height, in pixels, at which all lines are as large as the small print around the button."""
    bold, plain = QFont(family), QFont(family)
    bold.setBold(True)
    bold.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, _SPACING[weight])
    room = text_box(width, 0, weight)
    head = fit((title,), bold, TITLE_SIZES[weight][2:3], room.width(), _ANY_HEIGHT)
    body = fit(lines, plain, (SMALL_PRINT,), room.width(), _ANY_HEIGHT) if lines else _nothing(plain)
    return ceil(head.height + body.height - room.height())


def paint_button(widget: QWidget, painting: Painting, theme: Theme) -> None:
    """Paint the whole button."""
    colours = colours_of(painting, theme)
    painter = QPainter(widget)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    outer = QRectF(widget.rect()).adjusted(1, 1, -1, -1)
    rim = 6.0 if painting.weight is Weight.MAIN else 1.5
    inner = outer.adjusted(rim, rim, -rim, -rim)
    radius = 9.0 if painting.weight is Weight.MAIN else 7.0
    _fill(painter, outer, radius, QBrush(QColor(colours.rim)))
    shape = QPainterPath()
    shape.addRoundedRect(inner, radius - 3, radius - 3)
    painter.save()
    painter.setClipPath(shape)
    _paint_face(painter, inner, painting, colours)
    painter.restore()
    if painting.weight is Weight.MAIN:
        painter.setPen(QPen(QColor(colours.pressed), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(inner.adjusted(0.5, 0.5, -0.5, -0.5), radius - 3, radius - 3)
    if painting.is_hovered and not painting.is_pressed and painting.look in {Look.READY, Look.LOOKS_DEAD}:
        # Within the face: neither the colours that say what it is change, nor the contrast of the words.
        edge = QColor(colours.edge)
        edge.setAlpha(150)
        painter.setPen(QPen(edge, 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(inner.adjusted(2, 2, -2, -2), radius - 4, radius - 4)
    _paint_texts(painter, widget, painting, colours)
    if painting.has_focus:
        _paint_focus(painter, outer, radius, ring_colour(painting, theme))
    painter.end()


@lru_cache(maxsize=64)
def _clearest(ground: str, *inks: str) -> str:
    return max(inks, key=lambda ink: contrast(ink, ground))


def ring_colour(painting: Painting, theme: Theme) -> str:
    """The colour of the focus ring: the one that stands out from what it lies on, in every look."""
    colours = colours_of(painting, theme)
    ground = colours.rim if painting.weight is Weight.MAIN else colours.face
    return _clearest(ground, theme.window, theme.text)


def _fill(painter: QPainter, area: QRectF, radius: float, brush: QBrush) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(brush)
    painter.drawRoundedRect(area, radius, radius)


def _paint_face(painter: QPainter, inner: QRectF, painting: Painting, colours: ButtonColours) -> None:
    if painting.is_pressed:
        painter.fillRect(inner, QColor(colours.pressed if not painting.is_hold else colours.face_low))
    else:
        shade = QLinearGradient(inner.topLeft(), inner.bottomLeft())
        shade.setColorAt(0, QColor(colours.face))
        shade.setColorAt(1, QColor(colours.face_low))
        painter.fillRect(inner, shade)
    if painting.look is Look.LOOKS_DEAD:
        _hatch(painter, inner, colours.pressed)
    if painting.share_held > 0:
        done = QRectF(inner.left(), inner.top(), inner.width() * painting.share_held, inner.height())
        painter.fillRect(done, QColor(colours.progress))
        painter.setPen(QPen(QColor(colours.edge), 2))
        painter.drawLine(done.topRight() + QPointF(-1, 0), done.bottomRight() + QPointF(-1, 0))
    elif painting.is_hold and painting.look in {Look.READY, Look.LOOKS_DEAD}:
        # A line along the foot: this one is held, not clicked.
        foot = QRectF(inner.left(), inner.bottom() - 3, inner.width(), 3)
        painter.fillRect(foot, QColor(colours.progress))
    if painting.is_pressed:
        painter.setPen(QPen(QColor(0, 0, 0, 110), 4))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(inner)


def _hatch(painter: QPainter, inner: QRectF, colour: str) -> None:
    """Lines that are darker than the face, so that the text on it only gains contrast.

    Qt's own pattern counts in pixels of the screen: at 200 % it is half as coarse, and hardly seen.
    """
    painter.setPen(QPen(QColor(colour), 1.2))
    height = inner.height()
    for step in range(ceil((inner.width() + height) / _HATCH)):
        left = inner.left() + step * _HATCH
        painter.drawLine(QPointF(left, inner.top()), QPointF(left - height, inner.bottom()))


def _paint_texts(painter: QPainter, widget: QWidget, painting: Painting, colours: ButtonColours) -> None:
    box = text_box(widget.width(), widget.height(), painting.weight)
    head, body = fitted_texts(widget, painting)
    top = box.top() + (box.height() - head.height - body.height) / 2
    if painting.is_pressed:
        top += 1
    painter.setPen(QColor(colours.text))
    draw(painter, head, top, box.left(), box.width(), centred=True)
    top += head.height
    draw(painter, body, top, box.left(), box.width(), centred=True)
    # A swallowed gesture, or one that sent nothing: what says so stands out, nothing moves.
    rows = len(body.lines) if painting.is_flashing else _rows_told(painting, body, int(box.width()))
    if rows:
        height = rows * body.line_height
        chip = QRectF(box.left() - 3, top + body.height - height, box.width() + 6, height)
        painter.save()
        painter.setClipRect(chip)
        _fill(painter, chip, 4, QBrush(QColor(colours.text)))
        painter.setPen(QColor(colours.face_low))
        draw(painter, body, top, box.left(), box.width(), centred=True)
        painter.restore()


def _rows_told(painting: Painting, body: FittedText, width: int) -> int:
    """How many of the painted lines, the last ones, are what is told."""
    return len(break_lines(painting.told, body.font, width)) if painting.told and not body.is_cut else 0


def _paint_focus(painter: QPainter, outer: QRectF, radius: float, colour: str) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    ring = outer.adjusted(2, 2, -2, -2)
    painter.setPen(QPen(QColor(colour), 2, Qt.PenStyle.DashLine))
    painter.drawRoundedRect(ring, radius - 1, radius - 1)
