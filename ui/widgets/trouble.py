"""What went wrong and what to do, in one bar inside the window; never a dialog, never over the call's keys."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from ui import figures, icons
from ui.i18n import said, tr
from ui.theme import Theme
from ui.widgets.basic import Button, Label, paint_box
from workstation.domain.sentence import Sentence


class TroubleBar(QFrame):
    """One trouble at a time; the newest. `kind`: screen (our error), write (the machine's), refused (the record's),
    ask (a key wants a second press)."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.kind = ""
        self._what: Sentence | str = ""
        self.head = Label(theme, role="strong", elide=True)
        self.under = Label(theme, role="body", token="text2", elide=True)
        self.button = Button(theme, "trouble.close", "Esc")
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.button.clicked.connect(self.dismiss)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addStretch(1)
        words.addWidget(self.head)
        words.addWidget(self.under)
        words.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(46, 2, 10, 2)
        row.addLayout(words, 1)
        row.addWidget(self.button)
        self.hide()

    @property
    def what(self) -> str:
        """What went wrong, in the language in force; a program's own error is in the words it came with."""
        return figures.plain(said(self._what) if isinstance(self._what, Sentence) else self._what, 300)

    def tell(self, kind: str, what: Sentence | str) -> None:
        self.kind, self._what = kind, what
        self._words()
        self.show()
        self.raise_()

    def _words(self) -> None:
        if not self.kind:
            return
        if self.kind == "ask":
            self.head.show_text(self.what)
            self.under.show_text("")
        elif self.kind == "refused":
            self.head.show_text(tr("trouble.refused", what=self.what))
            self.under.show_text("")
        else:
            self.head.show_text(tr(f"trouble.{self.kind}"))
            self.under.show_text(tr(f"trouble.{self.kind}_what", what=self.what))
        self.under.setVisible(bool(self.under.text()))
        self.setAccessibleName(f"{self.head.text()} {self.under.text()}")

    def dismiss(self) -> None:
        self.kind = ""
        self.hide()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._words()
        super().changeEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, painter = self.theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        red = self.kind not in ("refused", "ask")
        paint_box(
            painter, theme, QRectF(self.rect()), "redTint" if red else "amberTint", "red" if red else "amber", radius=4
        )
        side = theme.px(18)
        box = QRectF(14, (self.height() - side) / 2, side, side)
        icons.paint_icon(painter, theme, "warn", box, "red" if red else "amber")
