"""The first letters of the types, beside an empty form: what to press in Jenis."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from ui.i18n import language, tr
from ui.theme import Theme
from ui.widgets import marks
from ui.widgets.basic import Label, Panel
from workstation.service.catalogue import Catalogue


class LetterSheet(QWidget):
    """One row a category: its letter, its word, and some of its types."""

    def __init__(self, theme: Theme, catalogue: Catalogue, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme, self.catalogue = theme, catalogue
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.updateGeometry)
        self._say()

    def sizeHint(self) -> QSize:
        return QSize(self.theme.px(300), self.theme.px(42) * len(self.catalogue.categories))

    def _say(self) -> None:
        self.setAccessibleName(tr("letters.title"))
        rows = (f"{c.key} {c.label(language())}: {self._some(n)}" for n, c in enumerate(self.catalogue.categories))
        self.setAccessibleDescription("; ".join(rows))

    def _some(self, n: int) -> str:
        """As many of a category's types as one line takes."""
        words = ""
        room = self.width() - self.theme.px(44) if self.width() > 100 else 260
        for kind in self.catalogue.categories[n].types:
            longer = f"{words}, {kind.label(language()).lower()}" if words else kind.label(language()).lower()
            if marks.text_width(self.theme, longer, "small") > room:
                break
            words = longer
        return words

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._say()
            self.update()
        super().changeEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, painter = self.theme, QPainter(self)
        pitch = theme.px(42)
        for n, category in enumerate(self.catalogue.categories):
            box = QRectF(0, n * pitch, self.width(), pitch)
            if n:
                painter.fillRect(QRectF(0, box.top(), box.width(), 1), theme.color("line"))
            marks.paint_keycap(painter, theme, theme.px(2), box.center().y(), category.key, "text")
            words = QRectF(theme.px(36), box.top() + theme.px(3), box.width() - theme.px(38), theme.px(19))
            marks.paint_text(painter, theme, words, category.label(language()), "agency")
            marks.paint_text(painter, theme, words.translated(0, theme.px(17)), self._some(n), "small", "text2")


class LettersPanel(Panel):
    """Shown while no type stands."""

    def __init__(self, catalogue: Catalogue, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "letters.title", "Alt J", parent=parent)
        self.head.addWidget(Label(theme, "letters.where", role="small", token="text2", elide=True).beside())
        self.body.setContentsMargins(12, 0, 12, 6)
        self.body.addWidget(LetterSheet(theme, catalogue))
        self.body.addStretch(1)
