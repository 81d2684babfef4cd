"""Draws the program's icon in every size from its one SVG source (needs the program's environment).

Use: python packaging/icons.py     after a change of resources/icons/crosstrade-panel.svg

The sizes are checked in, so that neither an installer nor a menu entry has to draw; a test holds them against
the source.
"""

import struct
import sys
from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

ICONS = Path(__file__).resolve().parent.parent / "resources" / "icons"
SOURCE = ICONS / "crosstrade-panel.svg"
ICO = ICONS / "crosstrade-panel.ico"
PNG_SIZES = (16, 24, 32, 48, 64, 128, 256)
ICO_SIZES = (16, 20, 24, 32, 40, 48, 64, 256)  # Windows at 100, 125, 150, 200 %, and its largest view

_PNG_FROM = 256  # the size that every reader of ICO takes as PNG; smaller ones some take as a bitmap only


def png_path(size: int) -> Path:
    """Where the icon of one size lies."""
    return ICONS / f"crosstrade-panel-{size}.png"


def draw(size: int, source: Path = SOURCE) -> QImage:
    """The icon, so many pixels wide and high."""
    image = QImage(size, size, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(0)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(str(source)).render(painter)
    painter.end()
    return image.convertToFormat(QImage.Format.Format_ARGB32)


def png(image: QImage) -> bytes:
    """As a PNG file."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload] # the stub asks for bytes, the library for text
    return bytes(data.data())


def ico(images: Iterable[QImage]) -> bytes:
    """As one ICO file: a directory, then each image as a bitmap with a mask, the largest as PNG."""
    images = list(images)
    directory, bodies = struct.pack("<3H", 0, 1, len(images)), b""
    begin = len(directory) + 16 * len(images)
    for image in images:
        size = image.width()
        body = png(image) if size >= _PNG_FROM else _bitmap(image)
        # 256 is written as 0: a byte holds no more.
        directory += struct.pack(
            "<4B2H2I", size % 256, size % 256, 0, 0, 1, 32, len(body), begin + len(bodies)
        )
        bodies += body
    return directory + bodies


def _bitmap(image: QImage) -> bytes:
    """A Windows bitmap from the bottom up; its stated height counts the mask that follows."""
    size = image.width()
    header = struct.pack("<I2i2H6I", 40, size, 2 * size, 1, 32, 0, 0, 0, 0, 0, 0)
    pixels, mask = b"", b""
    width = (size + 31) // 32 * 4
    for y in reversed(range(size)):
        row = [image.pixel(x, y) for x in range(size)]
        pixels += struct.pack(f"<{size}I", *row)
        bits = sum(1 << (8 * width - 1 - x) for x, pixel in enumerate(row) if pixel >> 24 == 0)
        mask += bits.to_bytes(width, "big")
    return header + pixels + mask


def main() -> int:
    for size in PNG_SIZES:
        png_path(size).write_bytes(png(draw(size)))
    ICO.write_bytes(ico(draw(size) for size in ICO_SIZES))
    return 0


if __name__ == "__main__":
    sys.exit(main())
