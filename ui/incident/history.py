"""The caller: number, number dialled, time of the ring, and the earlier calls of 24 hours and 30 days."""

from __future__ import annotations

from datetime import tzinfo

from PySide6.QtCore import QEvent, QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from ui import figures, icons
from ui.i18n import language, tr
from ui.theme import Theme
from ui.widgets import marks
from ui.widgets.basic import Label, Panel
from workstation.domain.rows import CallRow
from workstation.service.desk import Desk

DAY_MS = 24 * 3600 * 1000
TYPE_ICON = {"emergency": "tick", "prank": "cross", "silent": "mic-off", "wrong_number": "loop", "information": "info",
             "report": "handover", "test": "flask", "dropped": "missed"}  # fmt: skip


class CallLines(QWidget):
    """One line a call: when, what it was, and the incident it became."""

    def __init__(self, theme: Theme, zone: tzinfo, words: object, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme, self.zone, self._words = theme, zone, words
        self.calls: tuple[CallRow, ...] = ()
        self.now_ms = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(self.theme.px(300), self.theme.px(26) * len(self.calls))

    def show_calls(self, calls: tuple[CallRow, ...], now_ms: int) -> None:
        self.calls, self.now_ms = calls, now_ms
        self.setAccessibleName(tr("history.title"))
        self.setAccessibleDescription(
            "; ".join(f"{self._when(c)} {self._what(c)} {self._kind(c)} {c.incident_number}" for c in calls)
        )
        self.updateGeometry()
        self.update()

    def _when(self, call: CallRow) -> str:
        fresh = self.now_ms - call.rang_at < DAY_MS
        return figures.wall(call.rang_at, self.zone) if fresh else figures.day(call.rang_at, self.zone)

    def _what(self, call: CallRow) -> str:
        if call.status == "abandoned":
            return tr("history.abandoned")
        by_key = ("prank", "silent", "wrong_number", "test", "information", "report")
        return tr(f"action.{call.type}") if call.type in by_key \
            else tr("history.emergency") if call.type == "emergency" else tr("history.untyped")  # fmt: skip

    def _kind(self, call: CallRow) -> str:
        kind = self._words.types.get(call.incident_type) if hasattr(self._words, "types") else None
        return kind.label(language()) if kind else call.incident_type

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, painter = self.theme, QPainter(self)
        pitch = theme.px(26)
        room = max(1, self.height() // pitch)
        for n, call in enumerate(self.calls[:room]):
            box = QRectF(0, n * pitch, self.width(), pitch)
            if n:
                painter.fillRect(QRectF(0, box.top(), box.width(), 1), theme.color("line"))
            side = theme.px(15)
            icon, token = TYPE_ICON.get(call.type, "phone"), "text2"
            if call.status == "abandoned":
                icon, token = "missed", "amber"
            spot = QRectF(1, box.center().y() - side / 2, side, side)
            icons.paint_icon(painter, theme, icon, spot, token)
            x = float(theme.px(24))
            marks.paint_text(
                painter, theme, QRectF(x, box.top(), theme.px(64), pitch), self._when(call), "body", "text2"
            )
            x += theme.px(66)
            used = marks.paint_text(
                painter, theme, QRectF(x, box.top(), theme.px(110), pitch), self._what(call), "strong"
            )
            x += min(used, theme.px(110)) + theme.px(10)
            # The number is read aloud, so it stands whole; the type gives way.
            number = theme.width(call.incident_number, "small")
            end = QRectF(box.width() - number - 1, box.top(), number + 1, pitch)
            marks.paint_text(painter, theme, end, call.incident_number, "small", "text2")
            between = QRectF(x, box.top(), max(0.0, end.left() - theme.px(8) - x), pitch)
            marks.paint_text(painter, theme, between, self._kind(call), "small", "text2")


class HistoryPanel(Panel):
    """Who is calling and what they called for before; nothing about a call without a number is ever guessed."""

    def __init__(self, desk: Desk, theme: Theme, zone: tzinfo = figures.WIT, parent: QWidget | None = None) -> None:
        super().__init__(theme, "history.title", parent=parent)
        self.desk, self.zone = desk, zone
        self.call: CallRow | None = None
        self.calls: tuple[CallRow, ...] | None = None
        self.head.addWidget(Label(theme, "history.span", role="small", token="text2", elide=True).beside())
        self.number = Label(theme, role="key_value", elide=True)
        self.facts = Label(theme, role="body", token="text2", wrap=True)
        self.lines = CallLines(theme, zone, desk.catalogue)
        self.body.addWidget(self.number)
        self.body.addWidget(self.facts)
        self.body.addSpacing(4)
        self.body.addWidget(self.lines, 1)

    def show_call(self, call: CallRow | None, earlier: tuple[CallRow, ...] | None, now_ms: int) -> None:
        """`earlier` None = not known yet; () = there are none."""
        self.call, self.calls = call, earlier
        self._words()
        self.lines.show_calls(earlier or (), now_ms)

    def _words(self) -> None:
        call = self.call
        if call is None:
            self.number.show_text("")
            self.facts.show_text(tr("history.no_call"))
            return
        named = bool(call.number) and call.identity not in ("no_sim", "withheld")
        name = figures.plain(call.display, 40)
        head = figures.phone(call.number) if named else tr("caller.no_number")
        self.number.show_text(" · ".join(part for part in (head, name if name != call.number else "") if part))
        dialled = figures.plain(call.dialled, 24)
        parts = [tr("history.rang", time=figures.wall(call.rang_at, self.zone))]
        if dialled:
            parts.insert(0, tr("history.dialled", number=dialled))
        if not named:
            parts.append(tr("history.no_number_why"))
        elif self.calls is not None and not self.calls:
            parts.append(tr("history.first"))
        self.facts.show_text(" · ".join(parts))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange and hasattr(self, "lines"):
            self._words()
            self.lines.show_calls(self.lines.calls, self.lines.now_ms)
