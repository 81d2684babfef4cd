"""The window: paints views, hands out gestures, decides nothing."""

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QColor,
    QGuiApplication,
    QIcon,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSpacerItem,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from crosstrade_panel.domain.scope import OneAccount
from crosstrade_panel.domain.snapshot import Mode
from crosstrade_panel.ui import captions, theme
from crosstrade_panel.ui.banner import BannerArea
from crosstrade_panel.ui.button_paint import Weight
from crosstrade_panel.ui.chords import Chords
from crosstrade_panel.ui.fallback_card import FallbackCard
from crosstrade_panel.ui.first_run import FirstRunCard
from crosstrade_panel.ui.fit import FitLabel, WrapLabel, plain_tip
from crosstrade_panel.ui.panel_menu import PanelMenu
from crosstrade_panel.ui.pickers import Picker, SidePicker
from crosstrade_panel.ui.press_button import Environment, Face, PressButton
from crosstrade_panel.ui.preview_table import PreviewTable
from crosstrade_panel.ui.status_notes import CaptionRow, DrillChip, StatusNotes, StatusRow
from crosstrade_panel.ui.tables import (
    HEADER_HEIGHT,
    ROW_HEIGHT,
    ClosedTable,
    ReportTable,
    closed_lines,
    order_id_lines,
)
from crosstrade_panel.ui.ticket_form import TicketForm
from crosstrade_panel.ui.view import (
    FallbackView,
    FlattenView,
    Gesture,
    Look,
    PanelView,
    PracticeView,
    PreviewView,
    ResultView,
    ReverseView,
    StreamView,
)

if TYPE_CHECKING:
    from crosstrade_panel.ui.journal_panel import JournalPanel
    from crosstrade_panel.ui.settings_form import SettingsForm

FRAME = 3
FLATTEN_HEIGHT = 116
REVERSE_HEIGHT = 74
APART = 14
"""Between FLATTEN and REVERSE; the specification asks for 12 at least."""
PREVIEW_ROWS = 6
_MANY_ROWS = 200
FALLBACK_HEAD = 72
"""Title and way through NinjaTrader, of the card of what is left by hand."""
_JOURNAL, _SETTINGS = 1, 2
"""Places of their tabs."""
BAR = 8
"""Width of a scroll bar, as in the stylesheet."""


def flatten_face(view: FlattenView) -> Face:
    """FLATTEN's view as a face; what it hands out is the scope."""
    return Face(view.scope, view.title, view.lines, view.look, view.gesture, view.hold_s, view.spoken)


def reverse_face(view: ReverseView) -> Face:
    """REVERSE's view as a face; what it hands out is the ticket. Without one it cannot be pressed."""
    look = Look.DISABLED if view.ticket is None else view.look
    return Face(view.ticket, view.title, view.lines, look, Gesture.HOLD, view.hold_s, view.spoken)


class ResultTabs(QTabWidget):
    """Pages that are as high as the one in sight needs; Qt asks all of them, and takes the longest."""

    def heightForWidth(self, width: int) -> int:
        if self.count() == 0:
            return -1
        page = self.currentWidget()
        needed = page.heightForWidth(width) if page.hasHeightForWidth() else page.minimumSizeHint().height()
        return needed + self.tabBar().sizeHint().height() + 2


class MainWindow(QWidget):
    """What the trader sees. Decides nothing.

    REVERSE: `reverse_started` at press-down, `reverse_held` when its hold is complete, `reverse_released`
    exactly once after each start: let go, left, cancelled, locked, shown another ticket, or told
    `reverse_done()`. Until then it is shown held and full. It may be sent only between `reverse_held` and
    `reverse_released`.

    Signals:
        flatten_requested: the gesture for the shown scope was completed; that scope.
        reverse_started: REVERSE was pressed down; the ticket it shows.
        reverse_held: the hold is complete and the button still down; the ticket.
        reverse_released: REVERSE is no longer held.
        gesture_swallowed: a gesture met a lock, or a button that does nothing; the button's object name.
        account_chosen: a listed account, or None for all.
        instrument_chosen: a listed instrument, or None for all.
        instrument_typed: Enter on an instrument's text that is not listed (an alias, perhaps).
        side_chosen: a Side, or None for any.
        row_chosen: (account, instrument) of a position or an order clicked.
        widen_side_requested: the offer under the positions was taken.
        ticket_edited: TicketFields after an edit.
        acknowledged: the press id of a banner.
        banner_action_requested: the gesture for a banner's action was completed: the press id, and the
            BannerAction that was shown when it began.
        drill_chosen: the name of a practice drill, or None for no drill.
        practice_reset_requested: the practice exchange shall begin anew.
        stream_toggled: whether presses shall go over the stream.
        stream_reconnect_requested: the stream shall be taken back from the tool that took it over.
        token_entered: a token as typed.
        practice_requested: the practice exchange was chosen on the first-run card.
        fallback_toggled: what is left by hand is to be shown, or hidden.
        broker_edited: the name of a setting of the broker's, and the text as typed.
        web_requested: the broker's web platform, whose address was shown.
        hot_key_refused: the key of the whole desktop came while FLATTEN asks to be held.
        neighbour_requested: the window shall stand beside NinjaTrader's.
        settings_looked_at: their page came into sight.
        journal_made, settings_made: a page that was not there yet; itself.
        pin_toggled: whether the window shall stay on top; it does so already.
        theme_chosen: "system", "dark" or "light"; it looks so already.
        close_requested: the trader wants to leave; the window stays until everything is shut down.
    """

    flatten_requested = Signal(object)
    reverse_started = Signal(object)
    reverse_held = Signal(object)
    reverse_released = Signal()
    gesture_swallowed = Signal(str)
    account_chosen = Signal(object)
    instrument_chosen = Signal(object)
    instrument_typed = Signal(str)
    side_chosen = Signal(object)
    row_chosen = Signal(object)
    widen_side_requested = Signal()
    ticket_edited = Signal(object)
    acknowledged = Signal(str)
    banner_action_requested = Signal(str, object)
    drill_chosen = Signal(object)
    practice_reset_requested = Signal()
    stream_toggled = Signal(bool)
    stream_reconnect_requested = Signal()
    token_entered = Signal(str)
    practice_requested = Signal()
    fallback_toggled = Signal()
    broker_edited = Signal(str, str)
    web_requested = Signal(str)
    hot_key_refused = Signal()
    neighbour_requested = Signal()
    settings_looked_at = Signal()
    journal_made = Signal(object)
    settings_made = Signal(object)
    pin_toggled = Signal(bool)
    theme_chosen = Signal(str)
    close_requested = Signal()

    def __init__(self, environment: Environment | None = None, theme_choice: str = "system") -> None:
        super().__init__()
        self._environment = environment or Environment()
        self._view: PanelView | None = None
        self._rows_coming: PreviewView | None = None
        self._mode: Mode | None = None
        self._theme_choice = theme_choice
        self._theme = theme.resolve(theme_choice)
        self._about: QDialog | None = None
        self._is_fallback_asked_for = False
        self.setObjectName("mainWindow")
        self.setWindowTitle(captions.WINDOW)
        self.setWindowIcon(QIcon(str(theme.icon_path("crosstrade-panel.svg"))))
        self.setWindowFlag(Qt.WindowType.WindowStaysOnTopHint, True)
        # Before there is anything in it: to style what is there already takes longer.
        self.setStyleSheet(theme.stylesheet(self._theme))
        self._make_parts()
        self._chords = Chords(
            {
                Qt.Key.Key_F: lambda: self._flatten,
                Qt.Key.Key_R: lambda: self._reverse,
                Qt.Key.Key_B: self._banners.focused_action,
            },
            self._environment.clock,
        )
        self._menu = PanelMenu(self)
        self._lay_out()
        self._connect()
        self._order_tabs()
        for child in self.findChildren(QWidget):
            child.installEventFilter(self)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._on_system_scheme)
        self.apply_theme(theme_choice)
        self.setMinimumWidth(300)
        self.resize(333, 756)

    # Parts

    def _make_parts(self) -> None:
        self._link = FitLabel(StatusRow.HEIGHT, (11, 10, 9, 8))
        self._link.setObjectName("linkStatus")
        self._budget = FitLabel(StatusRow.HEIGHT, (10, 9, 8))
        self._budget.setObjectName("budgetStatus")
        self._budget.setProperty("dim", True)
        self._badge = QLabel()
        self._badge.setObjectName("modeBadge")
        self._badge.setTextFormat(Qt.TextFormat.PlainText)
        self._badge.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._badge.setFixedHeight(StatusRow.HEIGHT)
        self._pin = self._tool("pinButton", captions.PIN)
        self._pin.setCheckable(True)
        self._pin.setChecked(True)
        self._menu_button = self._tool("menuButton", captions.MENU)
        self._account = Picker()
        self._account.setObjectName("accountPicker")
        self._account.name(captions.ACCOUNT)
        self._instrument = Picker()
        self._instrument.setObjectName("instrumentPicker")
        self._instrument.name(captions.INSTRUMENT)
        self._drill = DrillChip()
        self._side = SidePicker()
        self._side.setObjectName("directionPicker")
        self._side.setAccessibleName(captions.DIRECTION)
        self._make_preview()
        self._make_buttons()
        self._make_lower()

    def _make_preview(self) -> None:
        self._summary = FitLabel(26, (11, 10, 9, 8))
        self._summary.setObjectName("scopeSummary")
        self._summary.setProperty("dim", True)
        self._preview = PreviewTable(self._environment.pace.row_moved_s, self._environment.clock)
        self._preview.setObjectName("scopePreview")
        self._preview.setAccessibleName(captions.IN_SCOPE)
        self._leaves = QPushButton()
        self._leaves.setObjectName("leavesButton")
        self._leaves_text = FitLabel(26, (11, 10, 9, 8), self._leaves)
        self._leaves_text.setProperty("tone", "doubt")
        self._leaves_text.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._leaves.setAccessibleName(captions.ANY_SIDE)
        self._leaves.setFixedHeight(30)
        self._leaves.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        inside = QVBoxLayout(self._leaves)
        inside.setContentsMargins(6, 2, 6, 2)
        inside.addWidget(self._leaves_text)
        self._leaves.hide()

    def _make_buttons(self) -> None:
        unknown = Face(
            None, "FLATTEN", (), Look.DISABLED, Gesture.HOLD, self._environment.pace.hold_wide_s, ""
        )
        self._flatten = PressButton(unknown, FLATTEN_HEIGHT, self._environment)
        self._flatten.setObjectName("flattenButton")
        self._flatten.setToolTip(captions.FLATTEN_CHORD)
        unknown = Face(
            None, "REVERSE", (), Look.DISABLED, Gesture.HOLD, self._environment.pace.hold_narrow_s, ""
        )
        self._reverse = PressButton(
            unknown, REVERSE_HEIGHT, self._environment, weight=Weight.SECOND, keeps_held=True
        )
        self._reverse.setObjectName("reverseButton")
        self._reverse.setToolTip(captions.REVERSE_CHORD)

    def _make_lower(self) -> None:
        self._ticket = TicketForm()
        self._ticket.setObjectName("reverseTicket")
        self._ticket.setAccessibleName(captions.TICKET)
        self._notes = StatusNotes()
        self._shown_notes: tuple[tuple[str, ...], StreamView] | None = None
        self._banners = BannerArea(self._environment)
        self._banners.setObjectName("outcomeBanner")
        self._banners.setAccessibleName(captions.OUTCOMES)
        self._fallback = FallbackCard()
        self._by_hand = QPushButton(captions.BY_HAND)
        self._by_hand.setObjectName("byHandButton")
        self._by_hand.setAccessibleName(f"{captions.BY_HAND}: {captions.BY_HAND_TIP}")
        self._by_hand.setToolTip(captions.BY_HAND_TIP)
        self._by_hand.setProperty("quiet", True)
        self._by_hand.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._by_hand.setFixedWidth(68)  # as wide when it is urgent: the caption beside it stays
        self._ticket.add_beside(self._by_hand)
        self._first_run = FirstRunCard()
        self._first_run.hide()
        self._caption = WrapLabel()
        self._caption.setObjectName("resultCaption")
        self._caption.setProperty("dim", True)
        self._caption.hide()
        self._order_ids = ReportTable((captions.ORDER_IDS_HEADING,), (60,))
        self._order_ids.setObjectName("orderIds")
        self._order_ids.setAccessibleName(captions.ORDER_IDS_HEADING)
        self._closed = ClosedTable()
        self._closed.setObjectName("closedPositions")
        self._closed.setAccessibleName(captions.CLOSED_POSITIONS)
        self._copy_ids = QPushButton(captions.COPY_IDS)
        self._copy_ids.setObjectName("copyIdsButton")
        self._copy_ids.setProperty("link", True)
        self._copy_ids.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._copy_ids.clicked.connect(self._order_ids.copy_all)
        self._copy_ids.hide()
        # Half of all there is: made when it is looked at, or once there is time.
        self._journal: JournalPanel | None = None
        self._settings: SettingsForm | None = None
        self._tabs = ResultTabs()
        self._tabs.setObjectName("resultTabs")
        # Its bar is a stop of its own; as a second one it would keep the Tab key in a circle at the end.
        self._tabs.setFocusProxy(None)  # type: ignore[arg-type]  # the stubs know no null pointer
        self._tabs.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._tabs.tabBar().setObjectName("resultTabBar")
        self._tabs.tabBar().setAccessibleName(
            f"{captions.LAST_RESULT}, {captions.JOURNAL}, {captions.SETTINGS}"
        )
        self._tabs.addTab(self._make_result_page(), captions.LAST_RESULT)
        self._tabs.addTab(QWidget(), captions.JOURNAL)
        self._tabs.addTab(QWidget(), captions.SETTINGS)
        self._tabs.currentChanged.connect(self._on_tab)
        self._on_tab(0)
        self._tabs.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)

    def _make_result_page(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 5, 0, 0)
        column.setSpacing(4)
        self._no_result = WrapLabel(captions.NO_RESULT)
        self._no_result.setObjectName("noResult")
        self._no_result.setProperty("dim", True)
        column.addWidget(self._no_result)
        column.addWidget(self._caption)
        self._order_ids.fit_height(1, 6)
        self._closed.fit_height(1, 8)
        column.addWidget(self._order_ids)
        column.addWidget(self._copy_ids)
        column.addWidget(self._closed)
        self._total = QLabel()
        self._total.setObjectName("closedTotal")
        self._total.setTextFormat(Qt.TextFormat.PlainText)
        self._total.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._total.setContentsMargins(0, 0, 4, 0)
        column.addWidget(self._total)
        column.addStretch(1)
        return page

    def _tool(self, name: str, caption: str) -> QToolButton:
        tool = QToolButton()
        tool.setObjectName(name)
        tool.setAccessibleName(caption)
        tool.setToolTip(caption)
        tool.setProperty("quiet", True)
        tool.setFixedSize(StatusRow.HEIGHT, StatusRow.HEIGHT)
        tool.setIconSize(QSize(15, 15))
        tool.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        return tool

    # Layout

    def _lay_out(self) -> None:
        whole = QVBoxLayout(self)
        whole.setContentsMargins(FRAME + 8, FRAME + 6, FRAME, FRAME + 6)
        whole.setSpacing(0)
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, BAR, 0)
        column.setSpacing(0)
        self._status_row = StatusRow(self._link, self._budget, (self._badge, self._pin, self._menu_button))
        column.addWidget(self._status_row)
        column.addSpacing(4)
        column.addLayout(self._picker_row())
        column.addSpacing(6)
        column.addWidget(self._side)
        column.addSpacing(3)
        column.addWidget(self._summary)
        column.addSpacing(2)
        column.addWidget(self._preview_place())
        column.addSpacing(6)
        column.addWidget(self._flatten)
        column.addSpacing(APART)
        column.addWidget(self._reverse)
        whole.addLayout(column)
        whole.addSpacing(4)
        whole.addWidget(self._lower_part(), 1)

    def _picker_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        for caption, picker in ((captions.ACCOUNT, self._account), (captions.INSTRUMENT, self._instrument)):
            label = QLabel(caption)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setProperty("dim", True)
            label.setBuddy(picker)
            part = QVBoxLayout()
            part.setSpacing(1)
            if picker is self._instrument:
                self._captions = CaptionRow(label, self._drill)
                part.addWidget(self._captions)
            else:
                label.setFixedHeight(15)
                part.addWidget(label)
            part.addWidget(picker)
            row.addLayout(part, 1)
        return row

    def _preview_place(self) -> QWidget:
        # The offer to widen takes its room from the table: nothing above FLATTEN ever changes height.
        place = QWidget()
        place.setFixedHeight(HEADER_HEIGHT + PREVIEW_ROWS * ROW_HEIGHT + 4)
        column = QVBoxLayout(place)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(self._preview, 1)
        column.addWidget(self._leaves)
        return place

    def _lower_part(self) -> QScrollArea:
        inside = QWidget()
        inside.setObjectName("lowerPart")
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, BAR, 0)
        column.setSpacing(5)
        # The card of what is left by hand beneath the outcomes: their buttons lie still when it opens.
        for widget in (self._ticket, self._notes, self._banners, self._fallback, self._first_run):
            column.addWidget(widget)
        column.addWidget(self._tabs, 1)
        # Takes what is left where the tabs are hidden, and nothing beside their stretch.
        column.addItem(QSpacerItem(0, 0, QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Expanding))
        area = QScrollArea()
        area.setObjectName("lowerArea")
        area.setWidget(inside)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setMinimumHeight(40)
        self._lower = area
        area.verticalScrollBar().valueChanged.connect(self._banners.note_move)
        # The bar lies in the margin: nothing gets narrower when it comes.
        area.verticalScrollBar().rangeChanged.connect(
            lambda _least, most: column.setContentsMargins(0, 0, 0 if most > 0 else BAR, 0)
        )
        return area

    def _order_tabs(self) -> None:
        """The focus goes from top to bottom, then to pin and menu."""
        parts: tuple[QWidget, ...] = (
            self._account,
            self._instrument,
            *self._side.findChildren(QPushButton),
            self._preview,
            self._leaves,
            self._flatten,
            self._reverse,
            *self._ticket.inputs(),
            self._by_hand,
            *self._notes.inputs(),
            *self._banners.inputs(),
            *self._fallback.inputs(),
            *self._first_run.inputs(),
            self._tabs.tabBar(),
            self._order_ids,
            self._copy_ids,
            self._closed,
            *(self._journal.inputs() if self._journal is not None else ()),
            *(self._settings.inputs() if self._settings is not None else ()),
            self._pin,
            self._menu_button,
        )
        for before, after in pairwise(parts):
            self.setTabOrder(before, after)

    def _connect(self) -> None:
        self._flatten.gesture_completed.connect(self.flatten_requested)
        self._flatten.gesture_swallowed.connect(self.gesture_swallowed)
        self._reverse.gesture_began.connect(self.reverse_started)
        self._reverse.gesture_completed.connect(self.reverse_held)
        self._reverse.gesture_ended.connect(self.reverse_released)
        self._reverse.gesture_swallowed.connect(self.gesture_swallowed)
        self._account.value_chosen.connect(self.account_chosen)
        self._instrument.value_chosen.connect(self.instrument_chosen)
        self._instrument.text_entered.connect(self.instrument_typed)
        self._side.side_chosen.connect(self.side_chosen)
        self._preview.row_chosen.connect(self.row_chosen)
        self._leaves.clicked.connect(self._on_leaves)
        self._ticket.ticket_edited.connect(self.ticket_edited)
        self._banners.acknowledged.connect(self.acknowledged)
        self._banners.action_requested.connect(self.banner_action_requested)
        self._banners.gesture_swallowed.connect(self.gesture_swallowed)
        self._banners.cards_changed.connect(self._order_tabs)
        self._banners.press_arrived.connect(self._show_banners_first)
        self._banners.press_arrived.connect(self._flatten.hush)
        self._first_run.token_entered.connect(self.token_entered)
        self._first_run.practice_requested.connect(self.practice_requested)
        self._by_hand.clicked.connect(self._on_by_hand)
        self._fallback.close_requested.connect(self.fallback_toggled)
        self._fallback.broker_edited.connect(self.broker_edited)
        self._fallback.web_requested.connect(self.web_requested)
        self._menu.fallback_requested.connect(self._on_by_hand)
        self._menu.settings_requested.connect(self.open_settings)
        self._menu.neighbour_requested.connect(self.neighbour_requested)
        self._pin.clicked.connect(self._on_pin)
        self._menu_button.clicked.connect(self._open_menu)
        self._menu.drill_chosen.connect(self.drill_chosen)
        self._menu.practice_reset_requested.connect(self.practice_reset_requested)
        self._menu.stream_toggled.connect(self.stream_toggled)
        for part in (self._menu, self._notes):
            part.stream_reconnect_requested.connect(self.stream_reconnect_requested)
        self._menu.theme_chosen.connect(self._on_theme)
        self._menu.about_requested.connect(self.show_about)
        self._menu.quit_requested.connect(self._on_quit)

    # What the presenter calls

    def show_panel(self, view: PanelView) -> None:
        """Paint a view; only what differs from what is shown is touched."""
        old, self._view = self._view, view
        # The buttons first: a gesture in progress must meet the new scope before anything else is painted.
        self._flatten.show_face(flatten_face(view.flatten))
        self._reverse.show_face(reverse_face(view.reverse))
        if view.reverse.notice and (old is None or view.reverse.notice != old.reverse.notice):
            self._reverse.announce(view.reverse.notice)
        self._banners.show_banners(view.banners)
        if view.mode is not self._mode:
            self._show_mode(view.mode)
        if old is None or view.status != old.status:
            self._show_status()
        self._show_notes(view)
        if old is None or view.practice != old.practice:
            self._show_practice(view.practice)
        self._account.show_choices(view.accounts, view.account)
        self._instrument.show_choices(view.instruments, view.instrument)
        self._side.show_side(view.side)
        if old is None or view.preview != old.preview:
            is_same_scope = old is not None and old.flatten.scope == view.flatten.scope
            self._show_preview(view.preview, is_same_scope=is_same_scope)
        self._ticket.show_ticket(view.ticket)
        if old is None or view.result != old.result:
            self._show_result(view.result)
        if old is None or view.fallback != old.fallback:
            self._show_fallback(view.fallback, was_open=old is not None and old.fallback.is_open)
        asked = (view.needs_token, view.token_problem, view.keeps_token)
        if old is None or asked != (old.needs_token, old.token_problem, old.keeps_token):
            self._first_run.show_needed(*asked)
            self._tabs.setVisible(not view.needs_token or self._tabs.currentIndex() == _SETTINGS)

    def reverse_done(self) -> None:
        """REVERSE was sent or given up: show it as let go."""
        self._reverse.let_go()

    def apply_theme(self, choice: str) -> None:
        """Look "dark", "light", or as the system says."""
        self._theme_choice = choice
        self._theme = theme.resolve(choice)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            if app.style().objectName() != "fusion":
                app.setStyle("Fusion")
            # Menus and lists are there at once: nothing moves by itself, whatever motion the system allows.
            for effect in Qt.UIEffect:
                app.setEffectEnabled(effect, False)
            app.setCursorFlashTime(0)  # a cursor that blinks is a tenth of all that an idle window does
            app.setPalette(theme.palette(self._theme))
        sheet = theme.stylesheet(self._theme)
        if sheet != self.styleSheet():
            self.setStyleSheet(sheet)
        self._menu.show_theme(choice)
        for name, widget in (("pin", self._pin), ("menu", self._menu_button)):
            widget.setIcon(QIcon(str(theme.icon_path(f"{name}-{self._theme.name}.svg"))))
        for button in (self._flatten, self._reverse):
            button.show_theme(self._theme)
        self._banners.show_theme(self._theme)
        self._drill.show_colours(self._theme.practice, self._theme.on_practice)
        for table in (self._preview, self._order_ids, self._closed):
            table.show_theme(self._theme)
        if self._journal is not None:
            self._journal.show_theme(self._theme)
        for picker in (self._account, self._instrument):
            picker.show_dim(QColor(self._theme.dim))
            picker.show_sheet(self.styleSheet())
        if self._mode is not None:
            self._show_mode(self._mode)
        if self._view is not None:
            self._show_status()

    def set_pinned(self, is_pinned: bool) -> None:  # noqa: FBT001 - as Qt's setters
        """Stay on top, or not; without hiding the window, which setting a flag would do."""
        self._pin.setChecked(is_pinned)
        flags = self.windowFlags()
        if is_pinned:
            flags |= Qt.WindowType.WindowStaysOnTopHint
        else:
            flags &= ~Qt.WindowType.WindowStaysOnTopHint
        self.overrideWindowFlags(flags)
        if (handle := self.windowHandle()) is not None:
            handle.setFlags(flags)

    @property
    def journal(self) -> "JournalPanel":
        """The journal's page: it asks for what it shows, and is shown it, by itself."""
        if self._journal is None:
            from crosstrade_panel.ui.journal_panel import JournalPanel  # noqa: PLC0415 - behind the first paint

            self._journal = JournalPanel()
            self._journal.show_theme(self._theme)
            self._put_page(_JOURNAL, self._journal, captions.JOURNAL)
            self.journal_made.emit(self._journal)
        return self._journal

    @property
    def settings(self) -> "SettingsForm":
        """The page of the settings, likewise."""
        if self._settings is None:
            from crosstrade_panel.ui.settings_form import SettingsForm  # noqa: PLC0415 - likewise

            self._settings = SettingsForm()
            self._put_page(_SETTINGS, self._settings, captions.SETTINGS)
            self.settings_made.emit(self._settings)
        return self._settings

    @property
    def has_journal(self) -> bool:
        """Whether the journal's page is made already."""
        return self._journal is not None

    @property
    def are_settings_shown(self) -> bool:
        """Whether the page of the settings is in sight."""
        return self._settings is not None and self._settings.isVisible()

    def make_pages(self) -> None:
        """Make the pages that nobody has looked at yet, each in a turn of its own: nobody waits for them."""
        for page in ("journal", "settings"):
            QTimer.singleShot(0, self, partial(getattr, self, page))

    def _put_page(self, place: int, page: QWidget, caption: str) -> None:
        shown, empty = self._tabs.currentIndex(), self._tabs.widget(place)
        self._tabs.blockSignals(True)
        self._tabs.removeTab(place)
        self._tabs.insertTab(place, page, caption)
        self._tabs.setCurrentIndex(shown)
        self._tabs.blockSignals(False)
        if empty is not None:
            empty.deleteLater()
        self._share_tabs()
        self._order_tabs()
        for child in (page, *page.findChildren(QWidget)):
            child.installEventFilter(self)
            child.ensurePolished()  # now, and not all in the frame in which it is shown first

    @property
    def fallback_card(self) -> FallbackCard:
        """What is left when nothing else works."""
        return self._fallback

    def open_settings(self) -> None:
        """Show the page of the settings, wherever the trader is."""
        self._tabs.show()
        self._tabs.setCurrentWidget(self.settings)
        self.settings.inputs()[0].setFocus()
        QTimer.singleShot(0, self._lower, self._give_page_room)

    def show_about(self) -> None:
        """Say what this is, in a window of its own that stops nothing."""
        if self._about is None:
            self._about = self._make_about()
        self._about.show()
        self._about.raise_()

    # Painting the parts

    def _show_mode(self, mode: Mode) -> None:
        self._mode = mode
        self._badge.setText(mode.value)
        self._badge.setAccessibleName(f"{captions.MODE}: {mode.value}")
        colour, ink = self._theme.mode_colour(mode), self._theme.on_mode_colour(mode)
        self._badge.setStyleSheet(
            f"background: {colour}; color: {ink}; border-radius: 4px; padding: 0 6px;"
            "font-weight: bold; font-size: 11px;"
        )
        self._status_row.share()
        self.update()

    def _show_status(self) -> None:
        if self._view is None:
            return
        status = self._view.status
        text = f"{theme.SYMBOLS[status.tone]} {status.link}"
        self._link.setText(text)
        told = " · ".join(part for part in (status.link, status.budget) if part)
        self._link.setToolTip(plain_tip(told))
        self._link.setAccessibleName(f"{captions.LINK}: {status.link}")
        theme.mark(self._link, tone=status.tone.value)
        self._budget.setText(status.budget)
        self._budget.setToolTip(captions.BUDGET)
        self._budget.setAccessibleName(f"{captions.BUDGET}: {status.budget}")
        self._status_row.share()

    def _show_practice(self, practice: PracticeView | None) -> None:
        self._menu.show_practice(practice)
        titles = {} if practice is None else {drill.name: drill.title for drill in practice.drills}
        armed = None if practice is None else practice.armed
        self._drill.show_drill("" if armed is None else titles.get(armed, armed))
        self._captions.share()

    def _show_preview(self, preview: PreviewView, *, is_same_scope: bool) -> None:
        mark = "! " if preview.is_stale else ""
        self._summary.setText(f"{mark}{preview.summary}")
        theme.mark(self._summary, tone="doubt" if preview.is_stale else "")
        if is_same_scope and len(preview.rows) > _MANY_ROWS:
            # Thousands of rows take as long as all the rest: turns of their own, behind its painting.
            coming = self._rows_coming
            if coming is None or preview.rows is not coming.rows or preview.orders is not coming.orders:
                self._rows_coming = preview
                self._show_some_rows(preview, self._preview.show_in_steps(preview.rows, preview.orders))
        else:
            self._rows_coming = None
            self._preview.show_rows(preview.rows, preview.orders)
        self._preview.show_hint(preview.hint)
        self._leaves_text.setText(preview.leaves)
        self._leaves.setAccessibleName(preview.leaves or captions.ANY_SIDE)
        self._leaves.setVisible(bool(preview.leaves))

    def _show_some_rows(self, preview: PreviewView, steps: Iterator[None]) -> None:
        """A step, and the next one in another turn, unless other rows are coming by then."""
        if preview is not self._rows_coming:
            return
        for _ in steps:
            # Not of 0 ms: Qt queues that before what its timers are late with.
            QTimer.singleShot(1, self, partial(self._show_some_rows, preview, steps))
            return
        self._rows_coming = None

    def _show_result(self, result: ResultView) -> None:
        self._caption.setText(result.caption)
        self._caption.setVisible(bool(result.caption))
        is_reported = bool(result.order_ids or result.closed)
        self._no_result.setVisible(not is_reported)
        self._order_ids.setVisible(bool(result.order_ids))
        for part in (self._closed, self._total):
            part.setVisible(bool(result.closed))
        self._order_ids.show_lines(order_id_lines(result.order_ids))
        self._copy_ids.setVisible(len(result.order_ids) > 1)
        self._closed.show_lines(closed_lines(result.closed))
        self._total.setText(f"{captions.TOTAL} {result.total}" if result.total else "")

    def _show_fallback(self, fallback: FallbackView, *, was_open: bool) -> None:
        self._fallback.show_fallback(fallback)
        self._by_hand.setText(f"! {captions.BY_HAND}" if fallback.is_urgent else captions.BY_HAND)
        theme.mark(self._by_hand, urgent=fallback.is_urgent)
        if fallback.is_open and not was_open:
            QTimer.singleShot(0, self._lower, self._show_fallback_in_sight)

    def _show_fallback_in_sight(self) -> None:
        """Scroll to the card, but never under a finger: a button of an outcome may be held just now."""
        is_asked_for, self._is_fallback_asked_for = self._is_fallback_asked_for, False
        if not self._fallback.isVisible() or QGuiApplication.mouseButtons():
            return
        if is_asked_for:
            self._lower.ensureWidgetVisible(self._fallback, 0, 4)
        else:
            # Its first lines: as much as can be left in sight of the outcome above is.
            self._lower.ensureVisible(0, self._fallback.y() + FALLBACK_HEAD, 0, 0)

    def _make_about(self) -> QDialog:
        about = QDialog(self)
        about.setObjectName("aboutWindow")
        about.setWindowTitle(captions.ABOUT)
        about.setModal(False)
        column = QVBoxLayout(about)
        column.addWidget(WrapLabel(captions.ABOUT_TEXT))
        close = QPushButton(captions.CLOSE)
        close.setObjectName("aboutCloseButton")
        close.setAutoDefault(False)
        close.clicked.connect(about.close)
        column.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)
        about.resize(300, 240)
        return about

    def _show_notes(self, view: PanelView) -> None:
        """Notes lie above the outcomes: while a button of these is held, they wait for it."""
        shown, wanted = self._shown_notes, (view.status.notes, view.stream)
        if wanted == shown or self._banners.is_pressed:
            return
        self._shown_notes = wanted
        is_new = self._notes.show_notes(view.status, view.stream)
        self._menu.show_stream(view.stream)
        if is_new and shown is not None:
            QTimer.singleShot(0, self._lower, self._show_notes_in_sight)

    def _show_notes_in_sight(self) -> None:
        """Scroll to what was not there before; never under a finger."""
        if self._notes.isVisible() and not QGuiApplication.mouseButtons() and not self._banners.is_pressed:
            self._lower.ensureWidgetVisible(self._notes, 0, 4)

    def _show_banners_first(self) -> None:
        # Once the layout knows where they are; the newest is the uppermost.
        QTimer.singleShot(0, self._lower, self._scroll_to_banners)

    def _scroll_to_banners(self) -> None:
        self._scroll_to(self._banners)

    def _scroll_to(self, part: QWidget) -> None:
        bar = self._lower.verticalScrollBar()
        top = part.y()
        if not bar.value() <= top < bar.value() + self._lower.viewport().height() - 50:
            bar.setValue(top)

    def _give_page_room(self) -> None:
        """A page that was asked for begins where the lower part begins; the next press scrolls back."""
        self._lower.verticalScrollBar().setValue(self._tabs.y())

    # What the trader does

    def _on_tab(self, number: int) -> None:
        if number:
            _ = self.journal if number == _JOURNAL else self.settings
        self._share_tabs()
        if number:
            QTimer.singleShot(0, self._tabs, self._give_page_room)
        if number == _SETTINGS:
            self.settings_looked_at.emit()

    def _share_tabs(self) -> None:
        """Only the page in sight asks for room: the longest would make all of them as long as itself."""
        policy = QSizePolicy.Policy
        for each in range(self._tabs.count()):
            page, is_shown = self._tabs.widget(each), each == self._tabs.currentIndex()
            if page is not None:
                page.setSizePolicy(policy.Preferred, policy.Preferred if is_shown else policy.Ignored)

    def _on_by_hand(self) -> None:
        self._is_fallback_asked_for = True
        self.fallback_toggled.emit()

    def _on_leaves(self) -> None:
        self.widen_side_requested.emit()

    def _on_pin(self) -> None:
        self.set_pinned(self._pin.isChecked())
        self.pin_toggled.emit(self._pin.isChecked())

    def _on_theme(self, choice: str) -> None:
        self.apply_theme(choice)
        self.theme_chosen.emit(self._theme_choice)

    def _on_system_scheme(self) -> None:
        if self._theme_choice == "system":
            self.apply_theme("system")

    def _on_quit(self) -> None:
        self.close_requested.emit()

    def _open_menu(self) -> None:
        below = self._menu_button.mapToGlobal(QPoint(self._menu_button.width(), self._menu_button.height()))
        self._menu.popup(below - QPoint(self._menu.sizeHint().width(), 0))

    # Chords: Ctrl+Alt+F and Ctrl+Alt+R, wherever in the window the focus is

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and self._chords.takes(event):
            return True
        return super().eventFilter(watched, event)

    def focusNextPrevChild(self, is_next: bool) -> bool:  # noqa: FBT001 - Qt's
        """What the Tab key comes to is scrolled into sight; by itself Qt does so from within only."""
        has_moved = super().focusNextPrevChild(is_next)
        if has_moved and self._lower.isAncestorOf(reached := self.focusWidget()):
            self._lower.ensureWidgetVisible(reached, 0, 8)
        return has_moved

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._chords.takes(event):
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if not self._chords.takes(event):
            super().keyReleaseEvent(event)

    # The key of the whole desktop

    def name_hot_key(self, key: str) -> None:
        """Say on FLATTEN which key presses it from any program; none where it is empty."""
        more = f"\n{captions.HOT_KEY_TIP.format(key=key)}" if key else ""
        self._flatten.setToolTip(f"{captions.FLATTEN_CHORD}{more}")

    def press_hot_key(self) -> None:
        """It went down: as a click on FLATTEN, for the scope of one account that is shown there."""
        face = self._flatten.face
        is_narrow = isinstance(face.payload, OneAccount)
        if face.swallows or (is_narrow and face.gesture is Gesture.CLICK):
            self._flatten.press_hot_key()
        else:
            self.hot_key_refused.emit()

    def offer_neighbour(self) -> None:
        """This system tells where NinjaTrader's window is."""
        self._menu.offer_neighbour()

    def cancel_gestures(self) -> None:
        """Cancel every press and hold under way and disarm: the machine slept, or the window is away."""
        self._chords.let_go()
        self._flatten.cancel()
        self._reverse.cancel()
        self._banners.cancel_gestures()

    # Qt's events

    def changeEvent(self, event: QEvent) -> None:
        if event.type() is QEvent.Type.WindowStateChange and self.isMinimized():
            self.cancel_gestures()
        elif event.type() is QEvent.Type.ActivationChange and not self.isActiveWindow():
            # The release of a key would go to another window; buttons hear of it by themselves.
            self._chords.let_go()
        super().changeEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        event.ignore()
        self.close_requested.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self._theme.window))
        if self._mode is not None:
            painter.setPen(QPen(QColor(self._theme.mode_colour(self._mode)), FRAME))
            half = FRAME / 2
            painter.drawRect(self.rect().toRectF().adjusted(half, half, -half, -half))
        painter.end()
