"""Contact sheets of every state at 100, 150 and 200 %: `python -m tests.ui.contact_sheet FOLDER`.

FOLDER gets a folder of pictures for each scale, and beside these the sheets: `sheet-150-dark-1.png` and on.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QFont, QGuiApplication, QImage, QPainter

ROOT = Path(__file__).resolve().parents[2]
SCALES = (100, 150, 200)
THEMES = ("dark", "light")
WIDTH = 320
"""Pixels of the window: the narrowest that everything must fit into."""
COLUMNS = 8
ROWS = 3
_GAP = 16
_CAPTION = 22
_PAPER = {"dark": QColor("#3a3f46"), "light": QColor("#c8ccd2")}


def take(folder: Path, scale: int, themes: Sequence[str], only: str) -> None:
    """Paint the pictures of one scale; a process of its own, as Qt takes a scale once."""
    command = [sys.executable, "-m", "tests.ui.gallery", str(folder), "--widths", str(WIDTH)]
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": "offscreen",
        "QT_SCALE_FACTOR": str(scale / 100),
        "QT_SCALE_FACTOR_ROUNDING_POLICY": "PassThrough",
    }
    command += ["--themes", *themes, "--only", only]
    done = subprocess.run(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True, check=False)
    # The screen that is none says this of every window; all else is news.
    said = [line for line in done.stderr.splitlines() if not line.startswith("This plugin does not support")]
    sys.stderr.write("".join(f"{line}\n" for line in said))
    done.check_returncode()


def lay_out(pictures: Sequence[Path], scale: int, paper: QColor) -> QImage:
    """One sheet: the pictures in rows, each beneath its name."""
    images = [QImage(str(path)) for path in pictures]
    for image in images:
        image.setDevicePixelRatio(1)  # as many pixels as it has
    share = scale / 100
    gap, caption = round(_GAP * share), round(_CAPTION * share)
    wide = max(image.width() for image in images) + gap
    rows = [images[start : start + COLUMNS] for start in range(0, len(images), COLUMNS)]
    heights = [max(image.height() for image in row) + caption + gap for row in rows]
    sheet = QImage(min(COLUMNS, len(images)) * wide + gap, sum(heights) + gap, QImage.Format.Format_RGB32)
    sheet.fill(paper)
    painter = QPainter(sheet)
    font = QFont()
    font.setPixelSize(round(12 * share))
    painter.setFont(font)
    painter.setPen(QColor("black") if paper.lightness() > 128 else QColor("white"))
    for number, (path, image) in enumerate(zip(pictures, images, strict=True)):
        row, column = divmod(number, COLUMNS)
        left, top = gap + column * wide, gap + sum(heights[:row])
        name = path.stem.rpartition("-")[0].rpartition("-")[0]
        painter.drawText(QRect(left, top, wide - gap, caption), Qt.AlignmentFlag.AlignVCenter, name)
        painter.drawImage(left, top + caption, image)
    painter.end()
    return sheet


def make(folder: Path, scales: Sequence[int] = SCALES, only: str = "") -> list[Path]:
    """Take the pictures, and lay them out; the sheets."""
    sheets: list[Path] = []
    with ThreadPoolExecutor(len(scales)) as pool:
        list(pool.map(lambda scale: take(folder / str(scale), scale, THEMES, only), scales))
    for scale in scales:
        taken = folder / str(scale)
        for theme in THEMES:
            # In the order in which they were taken, which is that of the gallery.
            pictures = sorted(taken.glob(f"*-{theme}-{WIDTH}.png"), key=lambda path: path.stat().st_mtime_ns)
            pictures = [path for path in pictures if only in path.name]
            for start in range(0, len(pictures), COLUMNS * ROWS):
                path = folder / f"sheet-{scale}-{theme}-{start // (COLUMNS * ROWS) + 1}.png"
                sheet = lay_out(pictures[start : start + COLUMNS * ROWS], scale, _PAPER[theme])
                if not sheet.save(str(path)):
                    raise OSError(f"{path} could not be written")
                sheets.append(path)
    return sheets


def main() -> int:
    """As the command line asks."""
    parser = argparse.ArgumentParser(description="Lay every state of the window out on contact sheets.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="states whose name contains this")
    parser.add_argument("--scales", type=int, nargs="+", default=SCALES, help="in per cent")
    given = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QGuiApplication([])  # for its fonts
    for path in make(given.folder, given.scales, given.only):
        print(path)
    del app
    return 0


if __name__ == "__main__":
    sys.exit(main())
