"""Alt 5: the search page. Rows come as one types, newest first; Enter opens the incident, Esc goes back to the desk."""

from __future__ import annotations

from datetime import tzinfo
from typing import cast

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from ui.actions import caps
from ui.bridge import Bridge
from ui.i18n import tr
from ui.search.columns import FoundWords, columns
from ui.theme import Theme
from ui.widgets.basic import Label, Panel
from ui.widgets.table import Table
from workstation.domain.ids import Uid
from workstation.domain.rows import FoundRow, FoundRows
from workstation.service import views
from workstation.service.desk import Desk
from workstation.service.search import Named

PAUSE_MS = 150
"""Without another key for so long, what is typed is asked for."""
ROW = 46
LONGEST = 200


class SearchPage(QWidget):
    """The page.

    Signals:
        opened(bytes): an incident was opened.
        closed(): Esc; whoever searched is done.
    """

    opened = Signal(bytes)
    closed = Signal()

    def __init__(self, desk: Desk, bridge: Bridge, theme: Theme, zone: tzinfo, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk, self._bridge, self.theme = desk, bridge, theme
        self._named = Named(desk.catalogue, desk.gazetteer)
        self._turn = 0
        self._person: Uid = b""
        self._found: FoundRows | None = None
        self._pause = QTimer(self, interval=PAUSE_MS, singleShot=True)
        self._pause.timeout.connect(self._ask)
        self._build(zone)
        theme.changed.connect(self._measure)
        self._measure()
        self.retranslate()
        self._tell()

    def _build(self, zone: tzinfo) -> None:
        theme = self.theme
        self.panel = Panel(theme, "search.title", caps("find"), parent=self)
        self.line = QLineEdit()
        self.line.setMaxLength(LONGEST)
        self.line.setClearButtonEnabled(False)
        self.line.textChanged.connect(self._typed)
        self.line.returnPressed.connect(self._enter)
        self.line.installEventFilter(self)
        self.told = Label(theme, role="small", token="text2", wrap=True)
        self.words = FoundWords(self._desk)
        self.table: Table[FoundRow] = Table(
            theme, columns(self.words, zone), lambda row: row.uid, row=ROW, name="search.title"
        )
        self.table.opened.connect(lambda key: self.opened.emit(cast("bytes", key)))
        self.panel.body.setContentsMargins(12, 4, 12, 8)
        self.panel.body.setSpacing(6)
        for part in (self.line, self.told):
            self.panel.body.addWidget(part)
        self.panel.body.addWidget(self.table, 1)
        self.panel.body.addStretch(0)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.panel)

    def _measure(self) -> None:
        self.line.setFont(self.theme.font("input"))
        self.line.setFixedHeight(self.theme.size("field"))

    def retranslate(self) -> None:
        self.line.setPlaceholderText(tr("search.hint"))
        self.line.setAccessibleName(tr("search.title"))
        self.line.setAccessibleDescription(caps("find"))

    # -------------------------------------------------- focus and keys
    def take_focus(self) -> None:
        """The focus goes to what is typed, all of it chosen: the next search writes over the last."""
        self.line.setFocus()
        self.line.selectAll()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._desk.person_uid != self._person:
            self._person = self._desk.person_uid
            self.line.clear()  # what somebody else looked for is theirs
            self._drop()
        self._tell()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
            self._tell()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
            return
        super().keyPressEvent(event)

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """The arrows walk the rows while the field keeps the focus."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
            if step:
                keys = [row.uid for row in self.rows]
                current = self.table.current_key()
                at = next((n + step for n, key in enumerate(keys) if key == current), 0)
                if keys:
                    self.table.choose(keys[max(0, min(at, len(keys) - 1))])
                return True
        return False

    def _enter(self) -> None:
        """Enter in the field opens the row the keys act on; while the answer is on its way it opens none."""
        key = self.table.current_key()
        if key is not None and not self.waiting:
            self.opened.emit(cast("bytes", key))

    # -------------------------------------------------- asking
    @property
    def waiting(self) -> bool:
        """Whether what is typed has no answer yet."""
        return bool(self.line.text().strip()) and self._found is None

    @property
    def rows(self) -> tuple[FoundRow, ...]:
        """What was found for what is typed."""
        return self._found.rows if self._found else ()

    def _typed(self, text: str) -> None:
        self._drop()
        if text.strip() and self._may:
            self._pause.start()
        self._tell()

    def _drop(self) -> None:
        """The rows are no answer to what is typed now; a search that is at work is given up."""
        self._turn += 1
        self._pause.stop()
        self._found = None

    @property
    def _may(self) -> bool:
        return self._desk.may_see(views.search)

    def _ask(self) -> None:
        turn = self._turn
        text = self.line.text()
        asked = self._desk.aside().see(views.search, text, self._named, lambda: turn != self._turn)
        self._bridge.ask(asked, lambda found: self._answered(turn, found))

    def _answered(self, turn: int, found: FoundRows) -> None:
        if turn != self._turn:
            return
        self._found = found
        self._tell()
        if found.rows:
            self.table.choose(found.rows[0].uid)

    def _tell(self) -> None:
        """Says what the rows are, or why there are none."""
        found = self._found
        typed = bool(self.line.text().strip())
        if found is not None or not typed:
            # Rows of the words before stay until the next answer, so that nothing flickers while one types.
            self.table.show_rows(found.rows if found else ())
        key = "start" if not typed else "busy"
        if not self._may:
            key = "not_allowed"
        elif found is not None:
            key = ("more" if found.more else "found") if found.rows else ("nothing_yet" if found.more else "nothing")
        self.told.say(f"search.{key}", n=len(found.rows) if found else 0)
        self.line.setEnabled(self._may)
        self.table.setVisible(bool(self.table.rows.rowCount()))
        if self.panel.count is not None:
            self.panel.count.show_text(str(len(found.rows)) if found and found.rows else "")
