"""A table of frozen rows painted by the look's own marks: board, queue, calls and unsent all stand on it.

The model changes only what changed (by key), so selection, scrolling and a screen reader's place survive every update;
running clocks repaint their own column's rectangle and never touch the model.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from ui.i18n import tr
from ui.theme import Theme
from ui.widgets.pencil import Pencil
from ui.widgets.rows_model import ROW_ROLE, Column, Group, Repaint, RowsModel

R = TypeVar("R")
AnyIndex = QModelIndex | QPersistentModelIndex

__all__ = ["Column", "Group", "Repaint", "RowsModel", "Table"]


class _Painted(QStyledItemDelegate):
    """Paints a cell through its column's own function; a group heading across the whole width."""

    def __init__(self, table: Table[Any]) -> None:
        super().__init__(table)
        self._table = table

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        item = index.data(ROW_ROLE)
        rect = QRectF(option.rect)
        painter.save()
        pencil = Pencil(painter, self._table.theme)
        if isinstance(item, Group):
            self._heading(pencil, rect, item)
        else:
            self._cell(pencil, rect, item, index)
        painter.restore()

    def _heading(self, pencil: Pencil, rect: QRectF, group: Group) -> None:
        inner = rect.adjusted(pencil.px(12), pencil.px(3), -pencil.px(6), 0)
        wide = pencil.text(inner, tr(group.title), "small", "text2", weight=600)
        pencil.text(inner.adjusted(wide + pencil.px(8), 0, 0, 0), str(group.count), "small", "text3", weight=500)

    def _cell(self, pencil: Pencil, rect: QRectF, item: Any, index: AnyIndex) -> None:
        table = self._table
        column = table.rows.columns[index.column()]
        if table.is_current(index.row()):
            pencil.painter.fillRect(rect, pencil.color("tint"))
            if index.column() == 0:
                pencil.painter.fillRect(QRectF(rect.left(), rect.top(), 3, rect.height()), pencil.color("accent"))
        pencil.painter.fillRect(QRectF(rect.left(), rect.bottom() - 1, rect.width(), 1), pencil.color("line"))
        column.paint(pencil, rect, item, table.rows.now_ms)
        if table.hasFocus() and table.is_current(index.row()):
            pencil.painter.fillRect(QRectF(rect.left(), rect.top(), rect.width(), 2), pencil.color("accent"))
            pencil.painter.fillRect(QRectF(rect.left(), rect.bottom() - 2, rect.width(), 2), pencil.color("accent"))

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:
        return QSize(0, self._table.row_px)


class _Head(QHeaderView):
    """The column names: small, quiet, with one line below."""

    def __init__(self, table: Table[Any]) -> None:
        super().__init__(Qt.Orientation.Horizontal, table)
        self._table = table
        self.setSectionsClickable(False)
        self.setHighlightSections(False)

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        pencil = Pencil(painter, self._table.theme)
        painter.fillRect(rect, pencil.color("bg1"))
        column = self._table.rows.columns[section]
        if column.head:
            inner = QRectF(rect).adjusted(pencil.px(column.inset), 0, -pencil.px(6), 0)
            pencil.text(inner, tr(column.head), "small", "text3", column.align, 500)
        painter.fillRect(QRectF(rect.left(), rect.bottom(), rect.width(), 1), pencil.color("line"))
        painter.restore()


class Table(QTableView, Generic[R]):
    """Rows under fixed heads, one line of keys to walk them.

    Signals:
        opened(key): a row was opened with Enter or a double click; `key` is what the model's key function gave.
        chosen(key): another row became current (None when nothing is).
    """

    opened = Signal(object)
    chosen = Signal(object)

    def __init__(
        self,
        theme: Theme,
        columns: Sequence[Column[R]],
        key: Callable[[R], Hashable],
        *,
        row: int,
        group_row: int = 26,
        header: bool = True,
        name: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.theme = theme
        self.rows: RowsModel[R] = RowsModel(columns, key, self)
        self._row, self._group_row = row, group_row
        self._wanted: Hashable | None = None
        self.setModel(self.rows)
        self.setItemDelegate(_Painted(self))
        self.setHorizontalHeader(_Head(self))
        self.verticalHeader().hide()
        self.setAccessibleName(tr(name))
        self._name = name
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setMouseTracking(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Never a bar that appears and pushes the columns aside under the hand: `paintEvent` shows where one is.
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.horizontalHeader().setVisible(header)
        self.setWordWrap(False)
        self.doubleClicked.connect(self._open)
        self.rows.reordered.connect(self._settle_rows)
        self.selectionModel().currentRowChanged.connect(self._current_changed)
        self.restyle()

    # -------------------------------------------------- look
    @property
    def row_px(self) -> int:
        return int(self.theme.px(self._row))

    def minimumSizeHint(self) -> QSize:
        """One row is enough: what is around decides how tall the table is, never the other way round."""
        head = self.horizontalHeader().height() if self.horizontalHeader().isVisible() else 0
        return QSize(0, head + self.row_px)

    def restyle(self) -> None:
        """Takes colours, fonts and sizes from the theme again (palette, text scale or language changed)."""
        head = self.horizontalHeader()
        head.setFixedHeight(self.theme.px(26))
        head.setMinimumSectionSize(10)
        head.setStretchLastSection(False)
        for n, column in enumerate(self.rows.columns):
            mode = QHeaderView.ResizeMode.Fixed if column.width else QHeaderView.ResizeMode.Stretch
            head.setSectionResizeMode(n, mode)
            if column.width:
                head.resizeSection(n, self.theme.px(column.width))
        vertical = self.verticalHeader()
        vertical.setMinimumSectionSize(10)
        vertical.setDefaultSectionSize(self.row_px)
        vertical.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setAccessibleName(tr(self._name))
        self._yield_columns()
        self._settle_rows()
        self.viewport().update()

    def _yield_columns(self) -> None:
        """Hides what there is no room for, the least needed first."""
        columns = self.rows.columns
        room = self.viewport().width()
        wants = sum(self.theme.px(c.width or c.least) for c in columns)
        gone: set[int] = set()
        for n in sorted((n for n, c in enumerate(columns) if c.yields), key=lambda n: -columns[n].yields):
            if wants <= room:
                break
            gone.add(n)
            wants -= self.theme.px(columns[n].width or columns[n].least)
        for n in range(len(columns)):
            if self.isColumnHidden(n) != (n in gone):
                self.setColumnHidden(n, n in gone)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._yield_columns()

    def _settle_rows(self) -> None:
        """Group headings keep their own height and span; the row that was current stays current."""
        self.clearSpans()
        vertical = self.verticalHeader()
        heading = int(self.theme.px(self._group_row))
        groups = set(self.rows.groups())
        if groups or self._had_groups:
            for row in range(self.rows.rowCount()):
                vertical.resizeSection(row, heading if row in groups else self.row_px)
        for row in groups:
            self.setSpan(row, 0, 1, len(self.rows.columns))
        self._had_groups = bool(groups)
        if self._wanted is not None and self.current_key() != self._wanted:
            row = self.rows.row_of(self._wanted)
            if row >= 0:
                self.choose(self._wanted)
        self._take_first()

    _had_groups = False

    # -------------------------------------------------- rows
    def show_rows(self, items: Iterable[R | Group]) -> None:
        self.rows.show(items)

    def current_key(self) -> Hashable | None:
        return self.rows.key_at(self.currentIndex().row())

    def is_current(self, row: int) -> bool:
        return self.currentIndex().row() == row

    def choose(self, key: Hashable | None) -> None:
        """Makes the row of `key` current, or none; a key not shown yet becomes current when its row arrives."""
        self._wanted = key
        row = self.rows.row_of(key) if key is not None else -1
        # The most urgent rows stay in sight: marking the form's own incident does not scroll them away.
        self.setAutoScroll(False)
        self.setCurrentIndex(self.rows.index(row, 0) if row >= 0 else QModelIndex())
        self.setAutoScroll(True)
        self.viewport().update()

    def tick(self, now_ms: int) -> None:
        """Repaints the rectangles of the clocks in sight whose words are others by now; the model is not touched."""
        was, self.rows.now_ms = self.rows.now_ms, now_ms
        if not self.isVisible():
            return
        minute = was // 60_000 != now_ms // 60_000
        first, last = self.rowAt(0), self.rowAt(self.viewport().height() - 1)
        if first < 0:
            return
        for n, column in enumerate(self.rows.columns):
            if column.repaint is Repaint.MINUTE and minute:
                place = QRect(self.columnViewportPosition(n), 0, self.columnWidth(n), self.viewport().height())
                self.viewport().update(place)
            elif column.repaint is Repaint.TENTH:
                self._tick_column(n, first, last if last >= 0 else self.rows.rowCount() - 1, was)

    def _tick_column(self, n: int, first: int, last: int, was: int) -> None:
        column, now = self.rows.columns[n], self.rows.now_ms
        for row in range(first, last + 1):
            item = self.rows.item(row)
            if item is None or isinstance(item, Group) or column.text(item, was) == column.text(item, now):
                continue
            self.viewport().update(self.visualRect(self.rows.index(row, n)))

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        bar = self.verticalScrollBar()
        if bar.maximum() <= 0:
            return
        view = self.viewport().height()
        whole = view + bar.maximum()
        tall = max(12.0, view * view / whole)
        top = (view - tall) * bar.value() / bar.maximum()
        painter = QPainter(self.viewport())
        painter.fillRect(QRectF(self.viewport().width() - 3, top, 3, tall), self.theme.color("edge"))
        painter.end()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        super().scrollContentsBy(dx, dy)
        self.viewport().update()

    # -------------------------------------------------- keys and mouse
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers():
            self._open(self.currentIndex())
            return
        super().keyPressEvent(event)

    def keyboardSearch(self, search: str) -> None:
        """Bare letters belong to the panel's own keys, not to a type-ahead."""

    def focusInEvent(self, event: Any) -> None:
        super().focusInEvent(event)
        self._take_first()
        self.viewport().update()

    def _take_first(self) -> None:
        """With the focus there is always a row the keys act on, also when the rows come later than the focus."""
        if not self.hasFocus() or self.currentIndex().isValid():
            return
        for row in range(self.rows.rowCount()):
            if not isinstance(self.rows.item(row), Group):
                self.setCurrentIndex(self.rows.index(row, 0))
                return

    def focusOutEvent(self, event: Any) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            self.restyle()

    def _open(self, index: QModelIndex) -> None:
        item = self.rows.item(index.row())
        if item is not None and not isinstance(item, Group):
            self.opened.emit(self.rows.key_at(index.row()))

    def _current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        key = self.rows.key_at(current.row())
        if key is not None:
            self._wanted = key
        self.viewport().update()
        self.chosen.emit(key)

    def clock_point(self, row: int, column: int) -> QPointF:
        """The middle of a cell in viewport coordinates (for pictures and tests)."""
        return QRectF(self.visualRect(self.rows.index(row, column))).center()
