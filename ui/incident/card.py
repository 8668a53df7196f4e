"""The card of a type: key questions answered by Y and T, and lines to read to the caller. Answers become notes."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetricsF, QKeyEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from ui.i18n import language, tr
from ui.theme import Theme
from ui.widgets import marks
from ui.widgets.basic import Label, Panel, paint_box
from workstation.domain.rows import IncidentView
from workstation.service.catalogue import Card
from workstation.service.desk import Desk


class CardSheet(QWidget):
    """Questions with their answers, then what to read out. One question is current; Y and T answer it.

    Signals:
        answered(str): question and answer as a line for the notes.
    """

    answered = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.card: Card | None = None
        self.answers: dict[str, str] = {}
        self.current = 0
        self.top = self.most = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme.changed.connect(self.update)

    def show_card(self, card: Card | None, answers: dict[str, str]) -> None:
        if card is not self.card:
            self.current = self.top = 0
        self.card, self.answers = card, answers
        self._say()
        self.update()

    def _say(self) -> None:
        card = self.card
        if card is None:
            self.setAccessibleName(tr("card.title"))
            self.setAccessibleDescription("")
            return
        self.setAccessibleName(card.title(language()))
        parts = [f"{q.label(language())} {self.answers.get(q.id, tr('card.open'))}" for q in card.questions]
        parts += [tr("card.read_out"), *(line(language()) for line in card.say)]
        self.setAccessibleDescription(" ".join(parts))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self.card is None or event.modifiers():
            super().keyPressEvent(event)
            return
        answer = {Qt.Key.Key_Y: "yes", Qt.Key.Key_T: "no", Qt.Key.Key_N: "no"}.get(Qt.Key(event.key()))
        if answer and self.current < len(self.card.questions):
            question = self.card.questions[self.current]
            # Questions and answers stay in the language they were asked in, which is the caller's.
            self.answered.emit(f"{question.label('id')} {tr(f'card.{answer}_id')}")
            self.current = min(self.current + 1, len(self.card.questions))
            self.update()
        elif event.key() in (Qt.Key.Key_PageDown, Qt.Key.Key_PageUp):
            self.scroll_by(self.height() // 2 * (1 if event.key() == Qt.Key.Key_PageDown else -1))
        elif event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            step = 1 if event.key() == Qt.Key.Key_Down else -1
            self.current = max(0, min(len(self.card.questions) - 1, self.current + step))
            self.update()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self.theme.px(300), self.theme.px(160))

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, painter, card = self.theme, QPainter(self), self.card
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if card is None:
            marks.paint_text(
                painter, theme, QRectF(0, 0, self.width(), theme.px(24)), tr("card.none"), "small", "text2"
            )
            return
        self.most = max(0, round(self._draw(None, card)) - self.height())
        self.top = min(self.top, self.most)
        painter.translate(0, -self.top)
        self._draw(painter, card)
        painter.resetTransform()
        if self.most > self.top:
            cap = "PgDn"
            left = self.width() - marks.keycap_width(theme, cap)
            painter.fillRect(QRectF(left - 6, self.height() - theme.px(20), 60, theme.px(20)), theme.color("bg1"))
            marks.paint_keycap(painter, theme, left, self.height() - theme.px(10), cap)

    def _draw(self, painter: QPainter | None, card: Card) -> float:
        """Draw the card, or only measure it; returns its height."""
        theme = self.theme
        y = 0.0
        for n, question in enumerate(card.questions):
            y = self._draw_question(painter, y, n, question.label(language()), self.answers.get(question.id, ""))
        y += theme.px(4)
        if painter is not None:
            painter.fillRect(QRectF(0, y, self.width(), 1), theme.color("line"))
            head = QRectF(0, y + theme.px(4), self.width(), theme.px(17))
            marks.paint_text(painter, theme, head, tr("card.read_out"), "small", "text3")
        y += theme.px(23)
        for line in card.say:
            words = line("id")
            high = self._wrapped(words, self.width() - theme.px(12), "input")
            if painter is not None:
                painter.fillRect(QRectF(0, y + 1, theme.px(3), high), theme.color("accent"))
                painter.setFont(theme.font("input"))
                painter.setPen(theme.color("text"))
                box = QRectF(theme.px(12), y + 1, self.width() - theme.px(12), high)
                painter.drawText(box, int(Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignVCenter), words)
            y += high + theme.px(4)
        return y

    def _wrapped(self, words: str, width: float, role: str) -> float:
        metrics = QFontMetricsF(self.theme.font(role))
        box = metrics.boundingRect(QRectF(0, 0, width, 400), int(Qt.TextFlag.TextWordWrap), words)
        return max(self.theme.px(17), box.height())

    def _draw_question(self, painter: QPainter | None, y: float, n: int, words: str, answer: str) -> float:
        """Its caps stand beside the question that is asked next; the others have the whole width."""
        theme = self.theme
        current = n == self.current and not answer
        right = marks.text_width(theme, answer, "strong") + theme.px(28) if answer else theme.px(52) if current else 0
        high = self._wrapped(words, self.width() - right, "number") + theme.px(6)
        if painter is None:
            return y + high
        if self.hasFocus() and n == self.current:
            paint_box(painter, theme, QRectF(-4, y, self.width() + 4, high), "tint", "")
        painter.setFont(theme.font("number"))
        painter.setPen(theme.color("text"))
        box = QRectF(0, y, self.width() - right, high)
        painter.drawText(box, int(Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignVCenter), words)
        middle = y + high / 2
        if answer:
            pill = QRectF(self.width() - right + theme.px(8), middle - theme.px(10), right - theme.px(8), theme.px(20))
            paint_box(painter, theme, pill, "tint", "accent", radius=pill.height() / 2)
            marks.paint_text(painter, theme, pill, answer, "strong", "text", marks.CENTRE)
        elif current:
            token = "text" if self.hasFocus() else "text3"
            x = self.width() - theme.px(44)
            marks.paint_keycap(painter, theme, x, middle, tr("card.key_yes"), token)
            marks.paint_keycap(painter, theme, x + theme.px(24), middle, tr("card.key_no"), token)
        return y + high

    def scroll_by(self, pixels: int) -> None:
        self.top = max(0, min(self.most, self.top + pixels))
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.scroll_by(-event.angleDelta().y() // 4)


class CardPanel(Panel):
    """The card beside the form.

    Signals:
        answered(str): a line for the notes.
    """

    answered = Signal(str)

    def __init__(self, desk: Desk, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "card.title", "Alt K", parent=parent)
        self.desk = desk
        self.view: IncidentView | None = None
        self.preview = ""
        self.review = Label(theme, role="small", token="amber", elide=True).beside()
        self.head.addWidget(self.review)
        self.sheet = CardSheet(theme)
        self.sheet.answered.connect(self.answered)
        self.body.setContentsMargins(12, 0, 12, 6)
        self.body.addWidget(self.sheet, 1)
        self._words()

    def show_view(self, view: IncidentView | None) -> None:
        self.view = view
        self._words()

    def show_preview(self, type_id: str) -> None:
        if type_id != self.preview:
            self.preview = type_id
            self._words()

    def _words(self) -> None:
        card = self.desk.catalogue.card(self.preview or (self.view.row.type if self.view else ""))
        if self.title is not None:
            if card is None:
                self.title.say("card.title")
            else:
                self.title.show_text(card.title(language()))
        review = f"v{card.version}, {card.review(language())}" if card is not None else ""
        self.review.show_text(review)
        self.sheet.show_card(card, self._answers(card))

    def _answers(self, card: Card | None) -> dict[str, str]:
        """The last answer to each question, read from the notes it was written to."""
        found: dict[str, str] = {}
        if card is None or self.view is None:
            return found
        for note in self.view.notes:
            for question in card.questions:
                asked = question.label("id")
                if note.text.startswith(f"{asked} "):
                    said = note.text[len(asked) + 1 :]
                    word = {tr("card.yes_id"): "card.yes", tr("card.no_id"): "card.no"}.get(said, "")
                    if word:
                        found[question.id] = tr(word)
        return found

    def take_focus(self) -> None:
        self.sheet.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange and hasattr(self, "sheet"):
            self._words()
