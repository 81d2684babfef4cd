"""What is on a screen, read from the memory of its X server."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from PySide6.QtGui import QImage

_HEADER = struct.Struct(">25I")  # XWDFileHeader of X11/XWDFile.h
_COLOUR = 12  # bytes of an XWDColor
_BYTES = 4


@dataclass(frozen=True, slots=True)
class Rect:
    """A part of the screen."""

    x: int
    y: int
    width: int
    height: int

    @property
    def centre(self) -> tuple[int, int]:
        return self.x + self.width // 2, self.y + self.height // 2

    def grown(self, by: int) -> "Rect":
        """The same with a margin on all sides."""
        return Rect(self.x - by, self.y - by, self.width + 2 * by, self.height + 2 * by)

    def holds(self, x: int, y: int) -> bool:
        return self.x <= x < self.x + self.width and self.y <= y < self.y + self.height


@dataclass(frozen=True, slots=True)
class Picture:
    """Pixels as X keeps them: four bytes each, blue first."""

    width: int
    height: int
    data: bytes

    @classmethod
    def of_screen(cls, path: Path) -> Self:
        """Read the file that `Xvfb -fbdir` keeps its screen in."""
        raw = path.read_bytes()
        header = _HEADER.unpack_from(raw)
        size, width, height, line, colours = header[0], header[4], header[5], header[12], header[19]
        assert header[11] == 8 * _BYTES, header
        assert line == width * _BYTES, header
        start = size + colours * _COLOUR
        return cls(width, height, raw[start : start + line * height])

    def part(self, rect: Rect) -> bytes:
        """The pixels of a part, as far as it lies on the screen."""
        left, right = max(0, rect.x), min(self.width, rect.x + rect.width)
        rows = range(max(0, rect.y), min(self.height, rect.y + rect.height))
        line = self.width * _BYTES
        return b"".join(self.data[row * line + left * _BYTES : row * line + right * _BYTES] for row in rows)

    def share_of_red(self, rect: Rect) -> float:
        """How much of a part is red, 0 to 1."""
        data = self.part(rect)
        pixels = list(zip(data[0::_BYTES], data[1::_BYTES], data[2::_BYTES], strict=True))
        return sum(red > 120 and red > 2 * green and red > 2 * blue for blue, green, red in pixels) / len(
            pixels
        )

    def save(self, path: Path, rect: Rect | None = None) -> None:
        """As PNG: of the whole screen, or of a part."""
        image = QImage(self.data, self.width, self.height, self.width * _BYTES, QImage.Format.Format_RGB32)
        if rect is not None:
            image = image.copy(rect.x, rect.y, rect.width, rect.height)
        path.parent.mkdir(parents=True, exist_ok=True)
        assert image.save(str(path)), path
