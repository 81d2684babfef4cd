"""The reverse ticket, collapsed beneath REVERSE."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from crosstrade_panel.domain.ticket import OrderType, TimeInForce
from crosstrade_panel.ui import captions
from crosstrade_panel.ui.fit import WrapLabel
from crosstrade_panel.ui.pickers import PlainCombo
from crosstrade_panel.ui.view import TicketFields, TicketView


class TicketForm(QWidget):
    """Fields of the order that a reverse places; price fields show only where the order type needs them.

    A view that is shown must already know of every edit that was signalled.

    Signals:
        ticket_edited: TicketFields as they stand after an edit by the trader.
    """

    ticket_edited = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        self._toggle = QPushButton()
        self._toggle.setObjectName("ticketToggle")
        self._toggle.setAccessibleName(captions.TICKET)
        self._toggle.setToolTip(captions.TICKET_TIP)
        self._toggle.setCheckable(True)
        self._toggle.setProperty("quiet", True)
        self._toggle.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._toggle.toggled.connect(self._on_toggled)
        self._form = QFrame()
        self._form.setObjectName("ticketForm")
        self._problem = WrapLabel()
        self._problem.setObjectName("ticketProblem")
        self._problem.setProperty("tone", "bad")
        self._problem.hide()
        self._head = QHBoxLayout()
        self._head.setSpacing(4)
        self._head.addWidget(self._toggle, 1)
        column.addLayout(self._head)
        column.addWidget(self._form)
        column.addWidget(self._problem)
        self._make_fields()
        self._on_toggled(False)
        self._show_needed(OrderType.MARKET)

    def _make_fields(self) -> None:
        grid = QGridLayout(self._form)
        grid.setContentsMargins(8, 6, 8, 6)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        self._quantity = self._edit()
        self._kind = PlainCombo()
        for kind in OrderType:
            self._kind.addItem(captions.ORDER_TYPES[kind.value], kind)
        self._limit = self._edit()
        self._stop = self._edit()
        self._time = PlainCombo()
        for time_in_force in TimeInForce:
            self._time.addItem(captions.TIMES_IN_FORCE[time_in_force.value], time_in_force)
        self._oco = self._edit()
        self._strategy = self._edit()
        self._captions: dict[QWidget, QLabel] = {}
        for place, (widget, name, caption) in enumerate(
            (
                (self._quantity, "ticketQuantity", captions.QUANTITY),
                (self._kind, "ticketOrderType", captions.ORDER_TYPE),
                (self._limit, "ticketLimitPrice", captions.LIMIT_PRICE),
                (self._stop, "ticketStopPrice", captions.STOP_PRICE),
                (self._time, "ticketTimeInForce", captions.TIME_IN_FORCE),
                (self._oco, "ticketOcoId", captions.OCO_ID),
                (self._strategy, "ticketStrategy", captions.STRATEGY),
            )
        ):
            widget.setObjectName(name)
            widget.setAccessibleName(caption)
            widget.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            label = QLabel(caption)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setProperty("dim", True)
            label.setBuddy(widget)
            self._captions[widget] = label
            row, across = divmod(place, 2)
            span = 2 if widget is self._strategy else 1
            grid.addWidget(label, row * 2, across, 1, span)
            grid.addWidget(widget, row * 2 + 1, across, 1, span)
        for combo in (self._kind, self._time):
            combo.activated.connect(self._on_edit)

    def _edit(self) -> QLineEdit:
        edit = QLineEdit()
        edit.setMaxLength(64)
        edit.textEdited.connect(self._on_edit)
        return edit

    @property
    def fields(self) -> TicketFields:
        """The fields as they stand."""
        return TicketFields(
            quantity=self._quantity.text(),
            order_type=self._kind.currentData(),
            limit_price=self._limit.text(),
            stop_price=self._stop.text(),
            time_in_force=self._time.currentData(),
            oco_id=self._oco.text(),
            strategy=self._strategy.text(),
        )

    def show_ticket(self, view: TicketView) -> None:
        """Show the ticket; a field that already says it is not touched, cursor and all."""
        fields = view.fields
        for edit, text in (
            (self._quantity, fields.quantity),
            (self._limit, fields.limit_price),
            (self._stop, fields.stop_price),
            (self._oco, fields.oco_id),
            (self._strategy, fields.strategy),
        ):
            if edit.text() != text:
                edit.setText(text)
        for combo, value in ((self._kind, fields.order_type), (self._time, fields.time_in_force)):
            if combo.currentData() is not value:
                combo.setCurrentIndex(combo.findData(value))
        self._quantity.setPlaceholderText(view.open_quantity)
        self._show_needed(fields.order_type)
        if self._problem.text() != view.problem:
            self._problem.setText(view.problem)
        self._problem.setVisible(bool(view.problem))

    def add_beside(self, widget: QWidget) -> None:
        """Put something beside the caption: there it costs no height."""
        self._head.addWidget(widget)

    def inputs(self) -> tuple[QWidget, ...]:
        """What takes the focus, in order."""
        return self._toggle, *self._captions

    def _show_needed(self, kind: OrderType) -> None:
        for edit, is_needed in ((self._limit, kind.needs_limit_price), (self._stop, kind.needs_stop_price)):
            edit.setVisible(is_needed)
            self._captions[edit].setVisible(is_needed)

    def _on_edit(self) -> None:
        self._show_needed(self._kind.currentData())
        self.ticket_edited.emit(self.fields)

    def _on_toggled(self, is_open: bool) -> None:  # noqa: FBT001 - a slot
        self._toggle.setText(f"{'▾' if is_open else '▸'} {captions.TICKET}")
        self._form.setVisible(is_open)
