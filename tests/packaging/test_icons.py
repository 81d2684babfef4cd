"""The icon's checked-in sizes are its source, drawn; read back by Qt's own readers."""

from pathlib import Path

import icons
import pytest
from PySide6.QtGui import QImage, QImageReader

_TOLERANCE = 3  # of 255, in each channel: another Qt may round otherwise at an edge


def channels(image: QImage) -> bytes:
    """Premultiplied, so that the colour of what nobody sees does not count."""
    converted = image.convertToFormat(QImage.Format.Format_RGBA8888_Premultiplied)
    return bytes(converted.constBits())  # a view, which does not keep its image alive


def is_alike(one: QImage, other: QImage) -> bool:
    return one.size() == other.size() and all(
        abs(mine - theirs) <= _TOLERANCE for mine, theirs in zip(channels(one), channels(other), strict=True)
    )


@pytest.mark.parametrize("size", icons.PNG_SIZES)
def test_each_png_is_the_source_drawn_in_its_size(size: int) -> None:
    assert is_alike(QImage(str(icons.png_path(size))), icons.draw(size))


@pytest.mark.parametrize("is_new", [False, True])
def test_the_ico_holds_the_source_in_every_size(tmp_path: Path, is_new: bool) -> None:
    """The checked-in one, and one that is written now."""
    file = tmp_path / "new.ico" if is_new else icons.ICO
    if is_new:
        file.write_bytes(icons.ico(icons.draw(size) for size in icons.ICO_SIZES))
    reader = QImageReader(str(file))
    found = []
    while True:
        image = reader.read()
        assert not image.isNull(), reader.errorString()
        assert is_alike(image, icons.draw(image.width()))
        found.append(image.width())
        if not reader.jumpToNextImage():
            break
    assert tuple(found) == icons.ICO_SIZES


def test_another_drawing_is_noticed(tmp_path: Path) -> None:
    """The line two units, which is half a pixel, lower."""
    text = icons.SOURCE.read_text("utf-8")
    changed = tmp_path / "changed.svg"
    changed.write_text(text.replace("M10 44 22 14 34 44H54", "M10 46 22 14 34 46H54"), "utf-8")
    assert changed.read_text("utf-8") != text
    assert not is_alike(icons.draw(16, changed), icons.draw(16))


def test_it_stands_out_on_a_dark_and_on_a_light_ground_and_its_line_on_itself() -> None:
    """At 16 pixels, where it is pinned: 3:1, as asked of signs that must be told apart."""
    from crosstrade_panel.ui.theme import contrast

    image = icons.draw(16)
    ground, line = image.pixelColor(12, 4).name(), image.pixelColor(11, 11).name()
    assert line == "#ffffff"
    assert contrast(ground, line) >= 3
    for desktop in ("#ffffff", "#202020"):
        assert contrast(ground, desktop) >= 3
