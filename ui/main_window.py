"""The one window: rail, strip, clocks, pages, status, and every key. Here the features of the screen meet."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, cast

from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QTableView, QWidget

from ui import figures, keys
from ui.actions import PAGES
from ui.alarm import Alarm
from ui.at_line import AtLine
from ui.bridge import Bridge
from ui.i18n import sentence_of
from ui.shell import Shell
from ui.theme import Theme
from workstation.domain.rows import LinkStatus, Person
from workstation.service import people
from workstation.service.desk import Desk, Refused

if TYPE_CHECKING:
    from ui.board.panel import BoardPanel
    from ui.calls.page import CallsPage
    from ui.desk_page import DeskPage
    from ui.map.panel import MapPanel
    from ui.search.page import SearchPage
    from workstation.domain.sentence import Sentence

log = logging.getLogger("tahuri.ui")
ASK_MS = 5000
SPARE_MS = 400
OPENING = ("calls", "board", "map", "search", "shift")  # the pages on which an incident can be opened
OF_A_CALL = ("ringing", "talking", "wrap_up")  # the phases whose form is there for whoever sits here (promise P2)


class MainWindow(Shell):
    """A desk's screen.

    `desk` is asked and told, `bridge` carries its news, `theme` is the look. With `sign_in` the pages are for people of
    the roster; ringing, answering and the form are there without (promise P2).
    """

    def __init__(
        self,
        desk: Desk,
        bridge: Bridge,
        theme: Theme,
        zone: tzinfo = figures.WIT,
        sign_in: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(desk, bridge, theme, zone, parent)
        self.needs_sign_in = sign_in
        self.started = False
        self._focus_before: QWidget | None = None
        self.alarm = Alarm(self.save, lambda what: self.trouble.tell("screen", what))
        self.line = AtLine(self)
        self._spare = QTimer(self, interval=SPARE_MS)
        self._spare.timeout.connect(self._make_one_more)
        keys.bind(self)
        self._connect()
        self.resize(1366, 768)
        self.retranslate()
        self.status.show_plain(desk.settings.store.plain)
        self.show_page("desk" if self.may_look else "sign_in")
        self._second(desk.clock.now_ms())

    def _connect(self) -> None:
        session = self.session
        self.bridge.phone.connect(self.line.hear)
        self.bridge.link.connect(self._link)
        self.bridge.care.connect(self._care)
        self.bridge.failed.connect(self._failed)
        self.banner.asked.connect(lambda: self.show_page("unsent"))
        self.banner.shown.connect(lambda _on: self.lay_out())
        self.rail.chosen.connect(self.show_page)
        self.rail.person_pressed.connect(self._badge)
        self.ring.answer.connect(session.answer)
        self.strip.mute.connect(session.mute)
        self.strip.hold.connect(session.hold)
        self.strip.hang_up.connect(session.hang_up)
        self.strip.done.connect(self.done)
        self.gate.chosen.connect(lambda name: session.press(name, self.desk_page.form.filled))
        self.undo.taken_back.connect(session.take_back)
        session.call_opened.connect(lambda offer: self.desk_page.form.open_call(offer))
        session.trouble.connect(self._failed)
        self.sign_in_page.signed_in.connect(self._signed_in)
        self.overlay.closed.connect(self.toggle_help)
        self.ticker.tick.connect(self._tick)
        self.ticker.second.connect(self._second)
        self.theme.changed.connect(self.lay_out)

    def page_made(self, name: str, page: QWidget) -> None:
        # The places come after the parts have measured themselves anew, those of this page too.
        self.theme.changed.disconnect(self.lay_out)
        self.theme.changed.connect(self.lay_out)
        match name:
            case "desk":
                self._desk_made(self.desk_page)
            case "board":
                self._follow_board(cast("BoardPanel", page).show_rows)
            case "map":
                self._follow_board(cast("MapPanel", page).show_board)
            case "shift":
                self.shift_page.said.connect(lambda _sentence: self.refresh_keys())
            case "search":
                cast("SearchPage", page).closed.connect(lambda: self.show_page("desk"))
        if name in OPENING:
            cast("CallsPage", page).opened.connect(self.open_incident)

    def _desk_made(self, page: DeskPage) -> None:
        form = page.form
        page.trouble.connect(self._failed)
        form.view_changed.connect(lambda _view: self.line.form_changed())
        form.draft.saved.connect(lambda at: self.status.show_saved(at, form.draft.writing))
        page.incident_wanted.connect(self.open_incident)
        page.idle_board.counted.connect(lambda number, _late: self.sign_in_page.show_open(number))
        page.let_look(self.may_look)

    def _follow_board(self, show: Callable[[Any], None]) -> None:
        """What the desk's board reads, another page shows too: one question to the record for all."""
        board = self.desk_page.idle_board
        board.rows_changed.connect(show)
        show(board.open_rows)

    def complete(self) -> None:
        """Make the page of a call now that the window stands; the others follow while nobody is on the line."""
        self.pages["desk"]  # asking makes it
        self.lay_out()
        self.refresh_keys()
        self._spare.start()

    def _make_one_more(self) -> None:
        """Make a page that nobody asked for yet, so that its key finds it there; each is a moment's work."""
        name = next((name for name in (*PAGES, "check") if not self.pages.made(name)), None)
        if name is None:
            self._spare.stop()
        elif self.session.phase == "idle":
            try:
                self.pages[name]
            except Exception:  # whatever a page fails with: nobody asked for it yet, and its own key will say so
                self._spare.stop()
                log.exception("the page %s could not be made ahead", name)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self.started:
            self.start()

    def start(self) -> None:
        """Let the clocks run and take errors of the screen's side; the first show does it."""
        self.started = True
        self.alarm.arm()
        self.ticker.start()
        if self.desk.status is not None:
            self._link(self.desk.status.status())

    # ---------------------------------------------------------------- pages
    @property
    def may_look(self) -> bool:
        """Whether the pages are open to whoever sits here."""
        return self.desk.person is not None or not self.needs_sign_in

    def show_page(self, name: str) -> None:
        """Show a page; with nobody signed in only the form of a call, else the sign-in page."""
        if not self.may_look and not (name == "desk" and self.session.phase in OF_A_CALL):
            name = "sign_in"
        if name != self.page:
            self.save()
        self.pages[name]  # one that can't be made leaves the window as it is
        self.page = name
        self.overlay.hide()
        self.pages.show(name)
        self.rail.show_page(name)
        if name == "shift":
            self.shift_page.person_changed()
        self.lay_out()
        self.refresh_keys()
        self._focus_page()

    def _focus_page(self) -> None:
        """The focus goes to what the page is for; the form keeps its own."""
        page = self.pages[self.page]
        if self.page == "search":
            cast("SearchPage", page).take_focus()
            return
        if page.isAncestorOf(self.focusWidget() or self) or page is self.sign_in_page:
            return
        if self.page == "desk":
            if not self.busy:
                self.desk_page.idle_board.table.setFocus()
            return
        table = next((view for view in page.findChildren(QTableView) if view.isVisibleTo(page)), None)
        (table or page).setFocus()

    def refresh_keys(self) -> None:
        if self.line.keeps_keys():
            return
        person = self.desk.person
        if self.pages.made("desk"):
            self.desk_page.let_look(self.may_look)
        self.deeds.refresh(self.page, person.role if person else "")
        self.rail.badge.show_person(person.name if person else "", self.desk.name)
        for name, button in self.rail.buttons.items():
            button.setEnabled(self.may_look or name == "desk")

    def open_incident(self, incident: bytes) -> None:
        """Open an incident in the form; a call at hand keeps it until it is done, and a stranger opens none."""
        if self.session.phase in ("talking", "ringing") or not self.may_look:
            return
        self.session.write_without_call()
        self.desk_page.form.open_incident(incident)
        self.show_page("desk")

    def new_incident(self) -> None:
        """An empty form without a call: a radio message, somebody at the door."""
        if not self.may_look:
            return
        self.session.write_without_call()
        self.desk_page.form.open_call(b"")
        self.show_page("desk")
        self.desk_page.form.go("village")

    def done(self) -> None:
        """Ctrl+D: everything is written, the desk is free again."""
        self.desk_page.form.forget()
        self.session.close()

    # ---------------------------------------------------------------- news
    def _link(self, status: LinkStatus) -> None:
        self.status.show_link(status, self.desk.clock.now_ms())

    def _care(self, sentence: object) -> None:
        told = cast("Sentence", sentence)
        self.status.show_care(bool(told))
        if told:
            self.trouble.tell("care", told)
        elif self.trouble.kind == "care":
            self.trouble.dismiss()

    def _failed(self, error: BaseException) -> None:
        """What could not be done, in one bar; nothing typed is lost by it."""
        kind = "refused" if isinstance(error, Refused) else "write" if isinstance(error, OSError) else "screen"
        if type(error).__module__.startswith(("sqlite3", "sqlcipher3", "workstation.store")):
            kind = "write"
        self.trouble.tell(kind, sentence_of(error))
        self.status.show_saved(None, self.writing, self.writing)
        self.lay_out()

    def _tick(self, now_ms: int) -> None:
        self.strip.tick(now_ms)
        if self.session.phase != "idle" and self.ribbon.isVisible():
            self.ribbon.tick(now_ms)
        if self.gate.isVisible():
            self.line.show_clocks(now_ms)
        if self.ring.isVisible():
            self.ring.tick(now_ms, self.desk.catalogue.target_s("answer"))
        if self.undo.running:
            self.undo.tick(now_ms)
            if not self.undo.running:
                self.session.forget_noise()
                self.lay_out()
                self.refresh_keys()
        if self.trouble.kind == "ask" and now_ms - self.line.asked_at > ASK_MS:
            self.trouble.dismiss()
            self.lay_out()
        page = self.pages[self.page]
        if self.page == "desk":
            for part in (self.desk_page.board, self.desk_page.idle_board, self.desk_page.similar, self.desk_page.turn):
                if part.isVisible():
                    part.tick(now_ms)
        elif hasattr(page, "tick"):
            page.tick(now_ms)

    def _second(self, now_ms: int) -> None:
        self.line.again()
        self.wall.second(now_ms)
        self.ring_wall.second(now_ms)
        self.status.show_saved(None, self.writing, self.status.not_saved and self.writing)
        self.status.tick(now_ms)

    # ---------------------------------------------------------------- people
    def _signed_in(self, _person: Person) -> None:
        self.show_page("desk")
        self.line.show()

    def show_sign_in(self) -> None:
        self.page = "sign_in"
        self.rail.show_page("sign_in")
        self.pages.show("sign_in")
        self.lay_out()
        self.refresh_keys()

    def sign_out(self) -> None:
        self.save()
        self.bridge.ask(people.sign_out(self.desk), lambda _done: self._signed_out())

    def _signed_out(self) -> None:
        """Who leaves leaves nothing open: only a call that rings or is spoken in keeps its form."""
        if self.session.phase in ("ringing", "talking"):
            self.show_page("desk")
            return
        self.done()
        self.show_page("desk" if self.session.phase == "ringing" else "sign_in")

    def _badge(self) -> None:
        self.show_sign_in() if self.desk.person is None else self.sign_out()

    def toggle_help(self) -> None:
        if self.overlay.isVisible():
            self.overlay.hide()
            if self._focus_before is not None:
                self._focus_before.setFocus()
            return
        self._focus_before = self.focusWidget()
        self.overlay.open()

    # ---------------------------------------------------------------- words, keys, the end
    def retranslate(self) -> None:
        self.setWindowTitle(f"Tahuri · {self.desk.name}")
        if hasattr(self, "deeds"):
            self.deeds.retranslate()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange and hasattr(self, "deeds"):
            self.retranslate()
            self.line.show_clocks(self.desk.clock.now_ms())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            if self.trouble.kind:
                self.trouble.dismiss()
                self.lay_out()
            elif self.busy and self.page == "desk":
                self.desk_page.form.go("note")
            return
        super().keyPressEvent(event)

    def save(self) -> None:
        """Everything typed goes to the record now."""
        if self.pages.made("desk"):
            self.desk_page.form.finish()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.save()
        self.started = False
        self.ticker.stop()
        self._spare.stop()
        self.alarm.disarm()
        self.undo.stop()
        super().closeEvent(event)

    def changed(self, changes: Any) -> None:
        """News of the record, for whoever wires the store to the screen by hand."""
        self.bridge.tell_changed(changes)
