"""The contact sheets: every picture is on one, at its full size."""

from pathlib import Path

from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication

from tests.ui import contact_sheet


def picture(path: Path, colour: str) -> Path:
    image = QImage(40, 60, QImage.Format.Format_RGB32)
    image.fill(QColor(colour))
    assert image.save(str(path))
    return path


def test_every_picture_lies_on_its_sheet_at_its_full_size(qapp: QApplication, tmp_path: Path) -> None:
    colours = [f"#{number:02x}5599" for number in range(contact_sheet.COLUMNS + 2)]
    pictures = [
        picture(tmp_path / f"state{number}-dark-320.png", colour) for number, colour in enumerate(colours)
    ]
    sheet = contact_sheet.lay_out(pictures, 100, QColor("black"))
    found = [sheet.pixelColor(x, y).name() for y in range(sheet.height()) for x in range(sheet.width())]
    assert [found.count(colour) for colour in colours] == [40 * 60] * len(colours)


def test_the_command_takes_the_pictures_at_the_scale_and_makes_a_sheet_for_each_theme(
    qapp: QApplication, tmp_path: Path
) -> None:
    sheets = contact_sheet.make(tmp_path, (150,), "needs_token")
    assert [path.name for path in sheets] == ["sheet-150-dark-1.png", "sheet-150-light-1.png"]
    one = QImage(str(tmp_path / "150" / "needs_token-dark-320.png"))
    assert one.width() == contact_sheet.WIDTH * 3 // 2
