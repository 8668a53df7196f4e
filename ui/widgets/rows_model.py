"""The rows of a table and their order: frozen rows by key, headings between them, and only what changed announced."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from enum import IntEnum
from typing import Any, Generic, TypeVar

from msgspec import Struct
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, QRectF, Qt, Signal

from ui.i18n import tr
from ui.widgets.pencil import LEFT, Pencil

R = TypeVar("R")
AnyIndex = QModelIndex | QPersistentModelIndex
ROW_ROLE = Qt.ItemDataRole.UserRole
_STEPWISE = 400  # beyond that many moved rows a reset costs less than moving them one by one


class Repaint(IntEnum):
    """When a column's rectangle goes stale by itself."""

    NEVER = 0
    TENTH = 1
    MINUTE = 2


class Column(Struct, Generic[R], frozen=True):
    """One column: width in px at scale 1, 0 = takes what is left; `paint` draws a cell, `text` says it to a reader.

    Both are given the row and the time in ms UTC. Where the table is too narrow (large text, a small window) the column
    with the greatest `yields` goes first, until the open one has its `least`; 0 = it always stays.
    """

    key: str
    head: str
    width: int
    paint: Callable[[Pencil, QRectF, R, int], None]
    text: Callable[[R, int], str]
    align: Qt.AlignmentFlag = LEFT
    inset: int = 6
    repaint: Repaint = Repaint.NEVER
    yields: int = 0
    least: int = 0


class Group(Struct, frozen=True):
    """A heading between rows, with the number of rows under it."""

    key: str
    title: str
    count: int


class RowsModel(QAbstractTableModel, Generic[R]):
    """The rows in their order; `show` finds out what changed and announces only that.

    Signals:
        reordered(): rows came, went or moved, all of one `show` together.
    """

    reordered = Signal()

    def __init__(
        self, columns: Sequence[Column[R]], key: Callable[[R], Hashable], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self.now_ms = 0
        self._key = key
        self._items: list[R | Group] = []
        self._keys: list[Hashable] = []

    # -------------------------------------------------- Qt's questions
    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._items)

    def columnCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        item = self._items[index.row()]
        if role == ROW_ROLE:
            return item
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            if isinstance(item, Group):
                return f"{tr(item.title)}, {item.count}" if index.column() == 0 else ""
            return self.columns[index.column()].text(item, self.now_ms)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal or section >= len(self.columns):
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return tr(self.columns[section].head) if self.columns[section].head else ""
        return None

    def flags(self, index: AnyIndex) -> Qt.ItemFlag:
        if not index.isValid() or isinstance(self._items[index.row()], Group):
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    # -------------------------------------------------- rows
    def item(self, row: int) -> R | Group | None:
        return self._items[row] if 0 <= row < len(self._items) else None

    def row_of(self, key: Hashable) -> int:
        """The row of a key, -1 if it isn't shown."""
        try:
            return self._keys.index(key)
        except ValueError:
            return -1

    def key_at(self, row: int) -> Hashable | None:
        return self._keys[row] if 0 <= row < len(self._keys) else None

    def groups(self) -> list[int]:
        return [n for n, item in enumerate(self._items) if isinstance(item, Group)]

    def show(self, items: Iterable[R | Group]) -> None:
        """Makes these the rows; rows that are equal to what is shown are not announced."""
        fresh = list(items)
        keys: list[Hashable] = [("group", item.key) if isinstance(item, Group) else self._key(item) for item in fresh]
        moved = keys != self._keys
        if moved:
            self._reorder(keys, fresh)
        self._refresh(fresh)
        if moved:
            self.reordered.emit()

    def _refresh(self, fresh: list[R | Group]) -> None:
        last = len(self.columns) - 1
        for row, item in enumerate(fresh):
            if self._items[row] is not item and self._items[row] != item:
                self._items[row] = item
                self.dataChanged.emit(self.index(row, 0), self.index(row, last))

    def _reorder(self, keys: list[Hashable], fresh: list[R | Group]) -> None:
        if not self._keys or not keys or abs(len(keys) - len(self._keys)) > _STEPWISE or len(keys) > 50 * _STEPWISE:
            self.beginResetModel()
            self._items, self._keys = list(fresh), list(keys)
            self.endResetModel()
            return
        wanted = set(keys)
        for row in range(len(self._keys) - 1, -1, -1):
            if self._keys[row] not in wanted:
                self.beginRemoveRows(QModelIndex(), row, row)
                del self._items[row], self._keys[row]
                self.endRemoveRows()
        for row, key in enumerate(keys):
            if row < len(self._keys) and self._keys[row] == key:
                continue
            try:
                was = self._keys.index(key, row)
            except ValueError:
                self.beginInsertRows(QModelIndex(), row, row)
                self._items.insert(row, fresh[row])
                self._keys.insert(row, key)
                self.endInsertRows()
                continue
            self.beginMoveRows(QModelIndex(), was, was, QModelIndex(), row)
            self._items.insert(row, self._items.pop(was))
            self._keys.insert(row, self._keys.pop(was))
            self.endMoveRows()
