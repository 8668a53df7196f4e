"""The courier on the page of what is not sent: onto a stick, in from one, how far it is, what came of it (S8)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

from PySide6.QtCore import QDir, QEvent, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from ui import figures
from ui.actions import caps
from ui.bridge import Asked, Bridge, Question
from ui.i18n import said, tr
from ui.theme import Theme
from ui.widgets.basic import Button, Label
from workstation.domain.rows import Carried
from workstation.domain.sentence import Sentence
from workstation.service import courier, views
from workstation.service.desk import Desk, Refused

LOOK_MS = 200
"""How often the line says anew how far it is, while something is under way."""


class CourierLine(QWidget):
    """Since when what is unsent is carried by hand, and the word on the newest export or import.

    `give` and `take` are its buttons, for the head of the panel it stands in.
    """

    def __init__(self, desk: Desk, bridge: Bridge, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme, self._desk, self._bridge = theme, desk, bridge
        self.give = Button(theme, "carry.export", caps("courier_export"), icon="usb", height=26, parent=self)
        self.take = Button(theme, "carry.import", caps("courier_import"), kind="quiet", height=26, parent=self)
        self.give.clicked.connect(self.choose_folder)
        self.take.clicked.connect(self.choose_file)
        self.carried = Label(theme, token="text2", parent=self)
        self.word = Label(theme, wrap=True, parent=self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.carried)
        column.addWidget(self.word)
        self.carried.hide()
        self.word.hide()
        self.dialog: QFileDialog | None = None
        self._place = QDir.homePath()
        self._far = ("", 0)
        self._said = Sentence()
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._show_far)
        self._question = Question(bridge, self._ask)
        bridge.changed.connect(self.refresh)
        bridge.link.connect(self.refresh)

    @property
    def busy(self) -> bool:
        """Whether something is under way."""
        return self._timer.isActive()

    def refresh(self, _news: object = None) -> None:
        """Asks anew since when what is unsent is carried; nothing while nobody looks."""
        self._question.put()

    def choose_folder(self) -> None:
        """Alt+E: which folder, then the export."""
        if self.busy:
            return
        dialog = self._chooser("carry.choose_folder", QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(self.export)
        dialog.show()

    def choose_file(self) -> None:
        """Alt+I: which courier file, then the import."""
        if self.busy:
            return
        dialog = self._chooser("carry.choose_file", QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilter(f"{tr('carry.files')} (*.kurir)")
        dialog.fileSelected.connect(self.take_in)
        dialog.show()

    def export(self, folder: str) -> None:
        """Writes what is here to a folder."""
        self._place = folder
        self._begin(lambda heard: courier.export(self._desk, Path(folder), heard))

    def take_in(self, file: str) -> None:
        """Takes in a courier file."""
        self._place = str(Path(file).parent)
        self._begin(lambda heard: courier.take_in(self._desk, Path(file), heard))

    def _chooser(self, key: str, mode: QFileDialog.FileMode) -> QFileDialog:
        """A window beside this one, never before it: a call that comes is answered while it stands there."""
        if self.dialog is not None:
            self.dialog.close()
        dialog = self.dialog = QFileDialog(self, tr(key), self._place)
        dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
        dialog.setModal(False)
        dialog.setFileMode(mode)
        dialog.finished.connect(self._chosen)
        return dialog

    def _chosen(self) -> None:
        if self.dialog is not None:
            self.dialog.deleteLater()
            self.dialog = None
            self.window().activateWindow()

    def _begin(self, work: Callable[[courier.Heard], object]) -> None:
        if self.busy:
            return
        self._far, self._said = ("", 0), Sentence()

        def heard(step: str, percent: int) -> None:
            self._far = (step, percent)

        self._enable(False)
        self._timer.start()
        self._bridge.ask(cast("courier.Pending[Sentence]", work(heard)), self._ended, self._refused)

    def _ended(self, sentence: Sentence) -> None:
        self._show(sentence, "text")
        self.refresh()

    def _refused(self, error: BaseException) -> None:
        self._timer.stop()
        self._enable(True)
        if isinstance(error, Refused):
            self._show(error.sentence, "amber")
        else:
            self.word.hide()
            self._bridge.failed.emit(error)

    def _show(self, sentence: Sentence, token: str) -> None:
        self._timer.stop()
        self._enable(True)
        self._said = sentence
        self.word.tint(token)
        self.word.show_text(figures.plain(said(sentence), 600))
        self.word.show()

    def _show_far(self) -> None:
        step, percent = self._far
        if step:
            self.word.tint("text2")
            self.word.show_text(f"{said(Sentence(f'step.{step}'))} {percent} %")
            self.word.show()

    def _enable(self, on: bool) -> None:
        self.give.setEnabled(on)
        self.take.setEnabled(on)

    def _ask(self) -> Asked | None:
        asking = self.isVisible() and self._desk.person is not None
        return (self._desk.see(views.carried), self._show_carried) if asking else None

    def _show_carried(self, carried: object) -> None:
        row = cast("Carried | None", carried)
        self.carried.setVisible(row is not None)
        if row is not None:
            self.carried.say("carry.since", at=figures.wall(row.since_at, seconds=False), n=row.ops)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange and self._said:
            self.word.show_text(figures.plain(said(self._said), 600))
        super().changeEvent(event)
