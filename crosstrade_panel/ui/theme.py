"""Colours, palette and stylesheet of the window, dark and light."""

from collections.abc import Iterator
from dataclasses import fields

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QWidget

from crosstrade_panel import icon_files
from crosstrade_panel.domain.snapshot import Mode
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.ui.view import Tone

LEAST_CONTRAST = 4.5
"""WCAG 2.1, 1.4.3 for text of ordinary size."""

SYMBOLS = {Tone.GOOD: "✓", Tone.BAD: "✗", Tone.DOUBT: "!", Tone.BUSY: "…", Tone.NEUTRAL: "○"}
"""What goes with each tone, so that no colour stands alone."""


@dataclass(frozen=True, slots=True)
class ButtonColours:
    """Colours of one press button. `rim` is its frame; `text` lies on face, pressed and progress alike."""

    rim: str
    face: str
    face_low: str
    pressed: str
    progress: str
    edge: str
    text: str


@dataclass(frozen=True, slots=True)
class Theme:
    """Every colour of the window by its use."""

    name: str
    window: str
    surface: str
    raised: str
    line: str
    text: str
    dim: str
    accent: str
    selected: str
    selected_text: str
    live: str
    sim: str
    practice: str
    on_live: str
    on_sim: str
    on_practice: str
    good: str
    bad: str
    doubt: str
    busy: str
    good_surface: str
    bad_surface: str
    doubt_surface: str
    busy_surface: str
    gain: str
    loss: str
    flatten: ButtonColours
    reverse: ButtonColours
    action: ButtonColours
    dead: ButtonColours
    locked: ButtonColours
    disabled: ButtonColours

    def mode_colour(self, mode: Mode) -> str:
        """Frame and badge of a mode."""
        return {Mode.LIVE: self.live, Mode.SIM: self.sim, Mode.PRACTICE: self.practice}[mode]

    def on_mode_colour(self, mode: Mode) -> str:
        """Text on the badge of a mode."""
        return {Mode.LIVE: self.on_live, Mode.SIM: self.on_sim, Mode.PRACTICE: self.on_practice}[mode]

    def tone_colour(self, tone: Tone) -> str:
        """Text and rim of a tone."""
        return {
            Tone.GOOD: self.good,
            Tone.BAD: self.bad,
            Tone.DOUBT: self.doubt,
            Tone.BUSY: self.busy,
            Tone.NEUTRAL: self.text,
        }[tone]

    def profit_colour(self, sign: int) -> str:
        """Text of a profit, a loss, or neither; the sign is also written."""
        return self.gain if sign > 0 else self.loss if sign < 0 else self.text

    def pairs(self) -> Iterator[tuple[str, str, str]]:
        """Every (use, text colour, ground colour) that occurs in the window."""
        for ground in ("window", "surface", "raised"):
            for ink in ("text", "dim"):
                yield f"{ink} on {ground}", getattr(self, ink), getattr(self, ground)
        for ink in ("gain", "loss", "doubt"):
            yield f"{ink} on surface", getattr(self, ink), self.surface
        yield "selected", self.selected_text, self.selected
        yield "link", self.accent, self.window
        for ink in ("good", "bad", "doubt", "busy"):
            yield f"{ink} on window", getattr(self, ink), self.window
            yield f"{ink} on surface", getattr(self, ink), self.surface
            ground = f"{ink}_surface"
            for over in (ink, "text", "dim"):
                yield f"{over} on {ground}", getattr(self, over), getattr(self, ground)
        for mode in Mode:
            yield f"badge {mode.value}", self.on_mode_colour(mode), self.mode_colour(mode)
        for name in ("flatten", "reverse", "action", "dead", "locked", "disabled"):
            colours: ButtonColours = getattr(self, name)
            for ground in ("face", "face_low", "pressed", "progress"):
                yield f"{name} text on {ground}", colours.text, getattr(colours, ground)


DARK = Theme(
    name="dark",
    window="#15171c",
    surface="#1b1f26",
    raised="#252a33",
    line="#3d4553",
    text="#eef1f6",
    dim="#a6aebb",
    accent="#7db0ff",
    selected="#3a4a70",
    selected_text="#ffffff",
    live="#d6342c",
    sim="#3b82e6",
    practice="#a06cf0",
    on_live="#ffffff",
    on_sim="#071426",
    on_practice="#140726",
    good="#63d68a",
    bad="#ff8f87",
    doubt="#f5c451",
    busy="#8fbcff",
    good_surface="#12301f",
    bad_surface="#3a1717",
    doubt_surface="#332810",
    busy_surface="#172740",
    gain="#57d688",
    loss="#ff8f87",
    flatten=ButtonColours(
        rim="#f6c62f",
        face="#d42f27",
        face_low="#b81c16",
        pressed="#8f120e",
        progress="#7a0e0b",
        edge="#ffffff",
        text="#ffffff",
    ),
    reverse=ButtonColours(
        rim="#4a7bd0",
        face="#2c4478",
        face_low="#243a68",
        pressed="#182848",
        progress="#16386f",
        edge="#9cc3ff",
        text="#ffffff",
    ),
    action=ButtonColours(
        rim="#ffffff",
        face="#e4e8ef",
        face_low="#d5dbe5",
        pressed="#bcc5d3",
        progress="#9fadc3",
        edge="#15171c",
        text="#15171c",
    ),
    dead=ButtonColours(
        rim="#8b9099",
        face="#4c5058",
        face_low="#42464d",
        pressed="#2f3237",
        progress="#2a2c31",
        edge="#ffffff",
        text="#ffffff",
    ),
    locked=ButtonColours(
        rim="#6d6240",
        face="#3a3033",
        face_low="#322a2d",
        pressed="#2a2427",
        progress="#2a2427",
        edge="#d0c9b4",
        text="#ece6e0",
    ),
    disabled=ButtonColours(
        rim="#3d4553",
        face="#20242c",
        face_low="#1d2128",
        pressed="#1d2128",
        progress="#1d2128",
        edge="#a6aebb",
        text="#aab2bf",
    ),
)

LIGHT = Theme(
    name="light",
    window="#f3f4f7",
    surface="#ffffff",
    raised="#e6e9ef",
    line="#aab2c0",
    text="#15181e",
    dim="#4d5563",
    accent="#0b57d0",
    selected="#cfe0ff",
    selected_text="#0d1b33",
    live="#c4231c",
    sim="#1d63c9",
    practice="#7138c8",
    on_live="#ffffff",
    on_sim="#ffffff",
    on_practice="#ffffff",
    good="#12682f",
    bad="#a81a13",
    doubt="#6f4e00",
    busy="#164fa8",
    good_surface="#e2f5e8",
    bad_surface="#fde8e6",
    doubt_surface="#fdf3d6",
    busy_surface="#e4eefc",
    gain="#12682f",
    loss="#a81a13",
    flatten=ButtonColours(
        rim="#f6c62f",
        face="#d42f27",
        face_low="#b81c16",
        pressed="#8f120e",
        progress="#7a0e0b",
        edge="#ffffff",
        text="#ffffff",
    ),
    reverse=ButtonColours(
        rim="#2d5fb4",
        face="#3767bd",
        face_low="#2d59a8",
        pressed="#1b3d78",
        progress="#1c3f7c",
        edge="#ffffff",
        text="#ffffff",
    ),
    action=ButtonColours(
        rim="#15181e",
        face="#3a424f",
        face_low="#303743",
        pressed="#1d222a",
        progress="#5a6679",
        edge="#ffffff",
        text="#ffffff",
    ),
    dead=ButtonColours(
        rim="#63676f",
        face="#5c6068",
        face_low="#52565d",
        pressed="#3a3d43",
        progress="#33363b",
        edge="#ffffff",
        text="#ffffff",
    ),
    locked=ButtonColours(
        rim="#a8976a",
        face="#e5dcd3",
        face_low="#ddd3c9",
        pressed="#d5cabf",
        progress="#d5cabf",
        edge="#4b3b2e",
        text="#3f3029",
    ),
    disabled=ButtonColours(
        rim="#aab2c0",
        face="#e6e9ef",
        face_low="#dfe3ea",
        pressed="#dfe3ea",
        progress="#dfe3ea",
        edge="#4d5563",
        text="#4b5361",
    ),
)

CHOICES = ("system", "dark", "light")


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`, 0 to 1 (WCAG 2.1)."""

    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.1)."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def resolve(choice: str) -> Theme:
    """The theme for "dark", "light" or "system"; where the system does not say, dark."""
    if choice == "light":
        return LIGHT
    if choice == "dark":
        return DARK
    return LIGHT if QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Light else DARK


icon_path = icon_files.icon_path


def palette(theme: Theme) -> QPalette:
    """Qt's palette in the theme's colours."""
    made = QPalette()
    role = QPalette.ColorRole
    for which, colour in (
        (role.Window, theme.window),
        (role.WindowText, theme.text),
        (role.Base, theme.surface),
        (role.AlternateBase, theme.raised),
        (role.Text, theme.text),
        (role.PlaceholderText, theme.dim),
        (role.Button, theme.raised),
        (role.ButtonText, theme.text),
        (role.BrightText, theme.text),
        (role.ToolTipBase, theme.raised),
        (role.ToolTipText, theme.text),
        (role.Highlight, theme.selected),
        (role.HighlightedText, theme.selected_text),
        (role.Link, theme.accent),
        (role.Accent, theme.accent),
    ):
        made.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, which, QColor(theme.dim))
    return made


def mark(widget: QWidget, **properties: object) -> None:
    """Set what the style sheet looks at; its style, which takes long, is made anew only if needed."""
    if all(widget.property(name) == value for name, value in properties.items()):
        return
    for name, value in properties.items():
        widget.setProperty(name, value)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def stylesheet(theme: Theme) -> str:
    """The window's stylesheet; press buttons and fitted labels paint themselves."""
    colours = {each.name: getattr(theme, each.name) for each in fields(theme)}
    chevron = icon_path(f"chevron-{theme.name}.svg").as_posix()
    check = icon_path(f"check-{theme.name}.svg").as_posix()
    return _SHEET.format(**colours, chevron=chevron, check=check)


_SHEET = """
QWidget {{ color: {text}; font-size: 12px; }}
QLabel {{ background: transparent; }}
QLabel[dim="true"] {{ color: {dim}; font-size: 11px; }}
QFrame#linkPill {{ background: {raised}; border-radius: 10px; }}
QLineEdit, QComboBox {{
    background: {raised}; border: 1px solid {line}; border-radius: 5px; padding: 3px 6px;
    selection-background-color: {selected}; selection-color: {selected_text};
}}
QLineEdit {{ placeholder-text-color: {dim}; }}
QLineEdit:focus, QComboBox:focus {{ border: 2px solid {accent}; padding: 2px 5px; }}
QComboBox QLineEdit, QComboBox QLineEdit:focus {{ border: none; padding: 0; background: transparent; }}
QComboBox[greyed="true"] {{ color: {dim}; font-style: italic; }}
QComboBox::drop-down {{ width: 18px; border: none; }}
QComboBox::down-arrow {{ image: url("{chevron}"); width: 9px; height: 9px; }}
QAbstractItemView {{
    background: {surface}; border: 1px solid {line}; border-radius: 5px; gridline-color: {line};
    selection-background-color: {selected}; selection-color: {selected_text}; outline: none;
}}
QTableView {{ font-size: 11px; }}
QTableView:focus {{ border: 2px solid {accent}; }}
QTableView::item {{ padding: 0; border: none; }}
QHeaderView {{ background: {raised}; border: none; border-radius: 0; }}
QComboBox QAbstractItemView::item, QListView#pickerFilter::item {{ min-height: 24px; padding: 0 4px; }}
QHeaderView::section {{
    background: {raised}; color: {dim}; border: none; border-bottom: 1px solid {line};
    padding: 1px 3px; font-size: 11px;
}}
QTableView QTableCornerButton::section {{ background: {raised}; border: none; }}
QPushButton, QToolButton {{
    background: {raised}; border: 1px solid {line}; border-radius: 5px; padding: 4px 8px;
}}
QPushButton:hover, QToolButton:hover, QLineEdit:hover, QComboBox:hover {{ border-color: {dim}; }}
QPushButton:pressed, QToolButton:pressed {{ background: {selected}; color: {selected_text}; }}
QPushButton:focus, QToolButton:focus {{ border: 2px solid {accent}; padding: 3px 7px; }}
QPushButton:checked {{ background: {selected}; color: {selected_text}; font-weight: bold; }}
QPushButton[segment] {{ border-radius: 0; padding: 4px 2px; }}
QPushButton[segment="sideAny"] {{ border-top-left-radius: 6px; border-bottom-left-radius: 6px;
    border-right-width: 0; }}
QPushButton[segment="sideShort"] {{ border-top-right-radius: 6px; border-bottom-right-radius: 6px;
    border-left-width: 0; }}
QPushButton[segment]:checked {{ border: 2px solid {accent}; }}
QPushButton[segment]:focus {{ border: 2px dashed {accent}; }}
QPushButton[segment]:checked:focus {{ border: 2px dashed {text}; }}
QPushButton[quiet="true"], QToolButton[quiet="true"] {{
    background: transparent; border: 1px solid transparent; border-radius: 5px; padding: 2px; color: {dim};
    text-align: left; font-size: 11px;
}}
QPushButton[quiet="true"] {{ min-height: 18px; }}
QPushButton[quiet="true"]:checked {{ background: transparent; color: {text}; font-weight: normal; }}
QPushButton[quiet="true"]:hover, QToolButton[quiet="true"]:hover {{ color: {text}; }}
QPushButton[quiet="true"]:focus, QToolButton[quiet="true"]:focus {{ border: 1px solid {accent}; }}
QToolButton[quiet="true"]:checked {{ color: {text}; background: {raised}; border: 1px solid {line}; }}
QToolButton[quiet="true"]:checked:focus {{ border: 1px solid {accent}; }}
QPushButton[urgent="true"] {{ color: {doubt}; font-weight: bold; }}
QCheckBox {{ spacing: 6px; padding: 2px; border: 1px solid transparent; min-height: 20px; }}
QCheckBox:focus {{ border: 1px solid {accent}; border-radius: 4px; }}
QCheckBox::indicator {{ width: 13px; height: 13px; border: 1px solid {dim}; border-radius: 3px;
    background: {raised}; }}
QCheckBox::indicator:checked {{ background: {accent}; border-color: {accent}; image: url("{check}"); }}
QPushButton:disabled {{ color: {dim}; background: transparent; }}
QPushButton#leavesButton {{
    background: {doubt_surface}; color: {doubt}; border: 1px solid {doubt}; padding: 1px 4px; font-size: 11px;
}}
QPushButton#leavesButton:focus {{ border: 2px solid {accent}; padding: 0 3px; }}
QPushButton[link="true"] {{
    background: transparent; color: {accent}; border: 1px solid transparent; padding: 1px 3px;
    font-size: 11px; text-decoration: underline; text-align: left; min-height: 20px;
}}
QPushButton[link="true"]:hover {{ color: {text}; }}
QPushButton[link="true"]:focus {{ border: 1px solid {accent}; padding: 1px 3px; }}
QTabWidget::pane {{ border: none; border-top: 1px solid {line}; }}
QTabBar {{ background: transparent; }}
QTabBar::tab {{ background: transparent; color: {dim}; padding: 5px 10px; border: none;
    border-bottom: 2px solid transparent; }}
QTabBar::tab:hover {{ color: {text}; }}
QTabBar::tab:selected {{ color: {text}; border-bottom: 2px solid {accent}; }}
QTabBar::tab:focus {{ border: 1px solid {accent}; border-bottom: 2px solid {accent}; }}
QScrollArea, QScrollArea > QWidget > QWidget#lowerPart {{ background: transparent; border: none; }}
QScrollBar:vertical {{ background: transparent; width: 8px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 8px; margin: 0; }}
QScrollBar::handle {{ background: {line}; border-radius: 4px; min-height: 18px; min-width: 18px; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QFrame[banner="true"] {{ border-radius: 6px; border: 1px solid {line}; background: {surface}; }}
QFrame[banner="true"][tone="good"] {{ background: {good_surface}; border-color: {good}; }}
QFrame[banner="true"][tone="bad"] {{ background: {bad_surface}; border-color: {bad}; }}
QFrame[banner="true"][tone="doubt"] {{ background: {doubt_surface}; border-color: {doubt}; }}
QFrame[banner="true"][tone="busy"] {{ background: {busy_surface}; border-color: {busy}; }}
QFrame[banner="true"][tone="good"] QLabel#bannerTitle {{ color: {good}; }}
QFrame[banner="true"][tone="bad"] QLabel#bannerTitle {{ color: {bad}; }}
QFrame[banner="true"][tone="doubt"] QLabel#bannerTitle {{ color: {doubt}; }}
QFrame[banner="true"][tone="busy"] QLabel#bannerTitle {{ color: {busy}; }}
QLabel[tone="good"] {{ color: {good}; }}
QLabel[tone="bad"] {{ color: {bad}; }}
QLabel[tone="doubt"] {{ color: {doubt}; }}
QLabel[tone="busy"] {{ color: {busy}; }}
QFrame#firstRunCard, QFrame#ticketForm, QFrame#fallbackCard {{
    background: {surface}; border: 1px solid {line}; border-radius: 6px;
}}
QMenu {{ background: {raised}; border: 1px solid {line}; }}
QMenu::item {{ padding: 5px 18px 5px 22px; }}
QMenu::indicator {{ width: 13px; height: 13px; margin-left: 6px; border-radius: 3px; }}
QMenu::indicator:checked {{ background: {accent}; image: url("{check}"); }}
QMenu::separator {{ height: 1px; background: {line}; margin: 3px 6px; }}
QMenu::item:selected {{ background: {selected}; color: {selected_text}; }}
QToolTip {{ background: {raised}; color: {text}; border: 1px solid {line}; }}
"""
