"""What the line's news do to the window: ring bar, strip, clocks, form and the bar that takes a type back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec.structs import replace
from PySide6.QtCore import QTimer

from ui.actions import caps
from ui.softphone.strip import OnLine
from ui.stages import stages
from workstation.domain.rows import PhoneState
from workstation.domain.sentence import Sentence, say

if TYPE_CHECKING:
    from ui.main_window import MainWindow

TRIES = 5
FORM_MS = 60
"""How long a ring's form waits for what the record knows of the call: ring bar first, then the form, painted once."""


class AtLine:
    """Carries each word of the line and of the call at hand to the parts of `window` that show it."""

    def __init__(self, window: MainWindow) -> None:
        self.window, self.session = window, window.session
        self.asked_at = 0  # when a key that asks first was pressed, ms
        self._was: PhoneState | None = None
        self._tries = 0  # how often the newest word of the line is still to be shown, where showing it failed
        self._held = self._line_stale = self._keys_stale = False
        self._form = QTimer(window, singleShot=True, interval=FORM_MS)
        self._form.timeout.connect(self._open_form)
        session = self.session
        session.phase_changed.connect(self._phase)
        session.call_known.connect(self._call_known)
        session.typed.connect(self._typed)
        session.taken_back.connect(self._taken_back)
        session.asked.connect(self._asked)

    def keeps_keys(self) -> bool:
        """Whether the keys are refreshed later, with all else that changes now."""
        self._keys_stale = self._held
        return self._held

    @contextmanager
    def _together(self) -> Iterator[None]:
        """One word of the line changes many things; line and keys are shown once, when all have changed."""
        if self._held:
            yield
            return
        self._held, self._line_stale, self._keys_stale = True, False, False
        try:
            yield
        finally:
            self._held = False
            try:
                # The keys first: whatever can't be painted, F2 answers.
                if self._keys_stale:
                    self.window.refresh_keys()
            finally:
                if self._line_stale:
                    self.show()

    def hear(self, state: PhoneState) -> None:
        """A new word of the line."""
        self._tries = TRIES
        with self._together():
            self.session.take(state)
            self._take(state)
        self._tries = 0

    def again(self) -> None:
        """Show once more what could not be shown when it was said; the window asks every second, for some seconds."""
        if not self._tries or self.session.state is None:
            return
        self._tries -= 1
        self._was = None
        with self._together():
            self._take(self.session.state)
        self._tries = 0

    def _take(self, state: PhoneState) -> None:
        quiet = replace(state, rx_level=0.0, tx_level=0.0)
        if quiet == self._was:
            self.window.strip.levels(state)  # ten times a second while talking: nothing else is touched
            return
        self._was = quiet
        self.window.status.show_phone(state)
        if state.talking is None and self.window.undo.running:
            self.window.undo.line_closed()
        self.show()
        self.window.refresh_keys()

    def show(self) -> None:
        """Show strip, ring and clocks as the call at hand has them now."""
        if self._held:
            self._line_stale = True
            return
        session, now = self.session, self.window.desk.clock.now_ms()
        state = session.state
        call = None
        if session.phase in ("talking", "wrap_up", "writing"):
            view = self.window.desk_page.form.view
            call = OnLine(
                session.number, session.identity, session.dialled, session.earlier_24h,
                view.row.number if view else "", session.ended_at, session.answered_at,
            )  # fmt: skip
        self.window.strip.show_state(state, call, now)
        ring = session.front
        if ring is not None and state is not None:
            compact = session.is_talking()
            self.window.ring.compact(compact)
            self.window.ring.show_ring(
                ring, len(state.ringing) - 1, now, self.window.desk.person is not None or not self.window.needs_sign_in
            )
        self.window.ring.setVisible(ring is not None)
        self.show_clocks(now)
        self.window.lay_out()

    def _phase(self, phase: str) -> None:
        form = self.window.desk_page.form
        if phase == "idle":
            form.forget()
        elif phase == "wrap_up":
            form.finish()
        if phase == "ringing" and not self.window.busy:
            self._form.start()
        else:
            self._form.stop()
            self.window.desk_page.set_busy(phase != "idle")
        if phase == "talking":
            if self.window.undo.running and not self.session.noise:
                self.window.undo.stop()
            self.window.show_page("desk")
            form.go("village")
        elif phase == "ringing" and self.window.page == "sign_in":
            pass  # the sign-in page stays; F2 answers over it
        elif phase == "idle" and not self.window.may_look:
            self.window.show_page("sign_in")
        self.show()
        self.window.refresh_keys()

    def _open_form(self) -> None:
        """The form of the call that rings, whatever the record says by now."""
        self._form.stop()
        self.window.desk_page.set_busy(True)
        self.show()
        self.window.refresh_keys()

    def _call_known(self) -> None:
        with self._together():
            if self._form.isActive():
                self._open_form()
            self._know()

    def _know(self) -> None:
        session = self.session
        self.window.desk_page.form.know(session.call)
        self.window.desk_page.history.show_call(session.call, session.earlier, self.window.desk.clock.now_ms())
        self.window.gate.show_type(session.type)
        self.show()

    def form_changed(self) -> None:
        """The form shows another incident, or the same with other values."""
        self.show()
        self.window.refresh_keys()

    def show_clocks(self, now_ms: int) -> None:
        """Show the clocks of the call at hand."""
        form, session = self.window.desk_page.form, self.session
        if session.phase == "idle":
            return
        made = stages(session, form.view, form.first_at, self.window.desk.catalogue)
        self.window.ribbon.show_stages(made, now_ms)
        gate = next((stage for stage in made if stage.key == "gate"), None)
        if gate is not None:
            self.window.gate.clock.show_time(gate.words, gate.elapsed_s(now_ms) or 0.0, gate.target_s)

    # ---------------------------------------------------------------- type by one key
    def _typed(self, name: str) -> None:
        self.window.trouble.dismiss()
        self.window.undo.show_type(name, self.window.desk.clock.now_ms(), self.session.is_talking())
        self.window.gate.show_type(name)
        self.window.lay_out()
        self.window.refresh_keys()

    def _taken_back(self) -> None:
        self.window.undo.stop()
        self.window.gate.show_type("")
        self.window.lay_out()
        self.window.refresh_keys()

    def _asked(self, name: str, why: str) -> None:
        if why == "no_call_back":
            words = say("trouble.ask_hang_up", key=caps("hang_up"))
        else:
            words = say("undo.ask", key=caps(name), type=Sentence(f"action.{name}"))
        self.asked_at = self.window.desk.clock.now_ms()
        self.window.trouble.tell("ask", words)
        self.window.lay_out()
