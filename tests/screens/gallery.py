"""The screens one by one: each is a state the desk is brought into through its own services, signals and keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QWidget

from tests.screens import scene
from tests.screens.seat import NOW, Seat, cheap_secrets, done, link_up
from ui import i18n
from ui.bridge import Bridge
from ui.main_window import MainWindow
from ui.theme import Theme
from workstation.domain.hlc import HandClock
from workstation.domain.rows import LinkStatus, PhoneState, RingView
from workstation.service import calls, people
from workstation.service.calls import Ring

Look = tuple[str, str]  # palette, language
FIRST: Look = ("night", "id")
OTHERS: tuple[Look, ...] = (("day", "id"), ("hc", "id"), ("night", "en"), ("day", "en"))
EVERY: tuple[Look, ...] = tuple((palette, language) for language in ("id", "en") for palette in ("night", "day", "hc"))
IN_MANY = ("idle", "in_call", "lead", "calls", "sign_in")
PATIENCE_S = 20.0

QUIET = PhoneState("registered", "", True, (), None, None, False, False, "Headset USB", "Headset USB", False, 0.0, 0.0)


class Gallery:
    """Two nights, one with the server and one without, and the window over Meja 3 of either."""

    def __init__(self, scratch: Path, size: tuple[int, int]) -> None:
        self.app = QApplication.instance() or QApplication([])
        self.size = size
        self._scratch = scratch
        self._nights: dict[str, dict[int, Seat]] = {}
        self._stories: dict[str, scene.Story] = {}
        self._stop: Callable[[], None] = lambda: None
        self.window: MainWindow
        self.bridge: Bridge
        cheap_secrets()

    def close(self) -> None:
        for seats in self._nights.values():
            for seat in seats.values():
                seat.close()

    # -------------------------------------------------- making
    def make(self, folder: Path, names: list[str], *, every: bool = False) -> Iterator[Path]:
        """Saves each screen in its looks, yielding the paths as they are done."""
        unknown = set(names) - set(SCREENS)
        if unknown:
            raise SystemExit(f"no screen {', '.join(sorted(unknown))}; there are {', '.join(SCREENS)}")
        for name in names or SCREENS:
            looks = EVERY if every else (FIRST, *OTHERS) if name in IN_MANY else (FIRST,)
            for palette, language in looks:
                path = folder / f"{name}_{palette}_{language}.png"
                self.picture(name, palette, language).save(str(path))
                self.shut()
                yield path

    def picture(self, name: str, palette: str, language: str) -> object:
        """The window in that state and look, as it stands on the screen."""
        i18n.use(language)
        SCREENS[name](self, palette)
        self.pump()
        return self.window.grab()

    def seats(self, which: str) -> dict[int, Seat]:
        """The desks of a night (`up`, or `cut` without the server), told when first asked for."""
        if which not in self._nights:
            folder = self._scratch / f"{which}-{len(self._nights)}"
            folder.mkdir()
            clock = HandClock(NOW - 9 * 3_600_000)
            seats = self._nights[which] = {n: Seat(folder, n, clock) for n in (1, 2, 3)}
            seats[3].staff()
            scene.meet(scene.Story(seats))
            seats[1].sign_in("op1")
            seats[2].sign_in("op2")
            seats[3].sign_in("op3")
            self._stories[which] = scene.night(seats, cut=which == "cut")
        return self._nights[which]

    def story(self, which: str) -> scene.Story:
        self.seats(which)
        return self._stories[which]

    def open(self, which: str, palette: str, person: str, status: LinkStatus | None = None) -> Seat:
        """The window over Meja 3 of a night, with this person signed in ("" = nobody)."""
        seat = self.seats(which)[3]
        if person:
            seat.sign_in(person)
        elif seat.desk.person is not None:
            done(people.sign_out(seat.desk))
        seat.link.now = status or link_up()
        self.bridge = Bridge()
        theme = Theme(palette)
        theme.apply()
        self.window = MainWindow(seat.desk, self.bridge, theme)
        self._stop = seat.store.listen(self.bridge.tell_changed)
        self.window.resize(*self.size)
        self.window.show()
        self.bridge.tell_link(seat.link.now)
        self.phone(QUIET)
        self.pump()
        return seat

    def shut(self) -> None:
        self._stop()
        self.window.close()
        self.bridge.close()
        self.window.deleteLater()
        self.app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        self.app.processEvents()

    def pump(self) -> None:
        """Lets the window catch up: every question answered, every paint done, one tick of the clocks."""
        until = time.monotonic() + PATIENCE_S
        quiet = 0
        while quiet < 3:
            self.app.processEvents()
            quiet = quiet + 1 if self.bridge.waiting == 0 else 0
            if time.monotonic() > until:
                raise RuntimeError(f"{self.bridge.waiting} answers did not come within {PATIENCE_S:.0f} s")
        self.window.ticker.beat()
        self.app.processEvents()

    def phone(self, state: PhoneState) -> None:
        self.bridge.tell_phone(state)

    def press(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier, text: str = "") -> None:
        """One key to whatever has the focus."""
        target: QWidget = self.app.focusWidget() or self.window
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            self.app.sendEvent(target, QKeyEvent(kind, key, modifiers, text))
        self.app.processEvents()


# ------------------------------------------------------ the screens
def idle(gallery: Gallery, palette: str) -> None:
    gallery.open("up", palette, "op3")


def _ring(gallery: Gallery, palette: str, number: str, identity: str, person: str = "op3") -> RingView:
    seat = gallery.open("up", palette, person)
    offer = seat.ids.uid()
    at = NOW - 4000
    done(calls.rang(seat.desk, Ring(offer, number, at, dialled="112", identity=identity)))
    view = RingView(offer, number, "", "112", identity, at)
    gallery.phone(replace(QUIET, ringing=(view,)))
    gallery.pump()
    return view


def ringing(gallery: Gallery, palette: str) -> None:
    _ring(gallery, palette, "081200004417", "mobile")


def ringing_without_number(gallery: Gallery, palette: str) -> None:
    _ring(gallery, palette, "", "no_sim")


def _talk(gallery: Gallery, palette: str, which: str = "up", status: LinkStatus | None = None) -> Seat:
    """A call answered 47 s ago whose caller has said where and what."""
    seat = gallery.open(which, palette, "op3", status)
    offer = seat.ids.uid()
    at = NOW - 51_000
    done(calls.rang(seat.desk, Ring(offer, "081200004417", at, dialled="112")))
    done(calls.answered(seat.desk, offer, at + 4000))
    view = RingView(offer, "081200004417", "", "112", "mobile", at)
    gallery.phone(replace(QUIET, ringing=(view,)))
    gallery.pump()
    gallery.phone(replace(QUIET, talking=offer, talking_since_at=at + 4000, rx_level=0.7, tx_level=0.4))
    gallery.pump()
    return seat


def gate(gallery: Gallery, palette: str) -> None:
    _talk(gallery, palette)


def _type(gallery: Gallery, words: str) -> None:
    for letter in words:
        gallery.press(Qt.Key.Key_unknown, text=letter)


def in_call(gallery: Gallery, palette: str) -> None:
    """Structure fire by keys: place, Enter, landmark, Enter, B, K; then a line of narrative."""
    _talk(gallery, palette)
    _type(gallery, "batu m")
    gallery.press(Qt.Key.Key_Return)
    _type(gallery, "tanjakan Kebun Cengkeh, depan SD")
    gallery.press(Qt.Key.Key_Return)
    _type(gallery, "bk")
    gallery.pump()
    _type(gallery, "api dari dapur, rumah kayu dua lantai")
    gallery.press(Qt.Key.Key_Return)
    _type(gallery, "dua orang masih di lantai atas")
    gallery.pump()


def _down(minutes: int = 5) -> LinkStatus:
    since = NOW - minutes * 60_000
    sentence = "Meja ini bekerja sendiri; kirim ulang berjalan sendiri."
    return LinkStatus("down", since, since - 1000, "hub:8112", 16, since + 2000, 12, sentence)


def link_down(gallery: Gallery, palette: str) -> None:
    """The incident with rival values open in the form while the server is away."""
    gallery.open("cut", palette, "op3", _down())
    gallery.window.open_incident(gallery.story("cut").incidents["fire"])
    gallery.pump()


def unsent(gallery: Gallery, palette: str) -> None:
    gallery.open("cut", palette, "op3", _down())
    gallery.window.show_page("unsent")
    gallery.pump()


def lead(gallery: Gallery, palette: str) -> None:
    gallery.open("cut", palette, "kepala1", _down())
    gallery.window.show_page("shift")
    gallery.pump()


def lead_for_others(gallery: Gallery, palette: str) -> None:
    gallery.open("up", palette, "op3")
    gallery.window.show_page("shift")
    gallery.pump()


def calls_page(gallery: Gallery, palette: str) -> None:
    gallery.open("up", palette, "op3")
    gallery.window.show_page("calls")
    gallery.pump()
    gallery.window.pages["calls"].abandoned.setFocus()  # type: ignore[attr-defined]
    gallery.pump()


def board(gallery: Gallery, palette: str) -> None:
    gallery.open("up", palette, "op3")
    gallery.window.show_page("board")


def map_page(gallery: Gallery, palette: str) -> None:
    gallery.open("up", palette, "op3")
    gallery.window.show_page("map")


def sign_in(gallery: Gallery, palette: str) -> None:
    """Somebody chose her name while a call rings over the page."""
    _ring(gallery, palette, "081300008804", "mobile", person="")
    gallery.window.sign_in_page.grid.press("4")
    _type(gallery, "2468")
    gallery.pump()


def keys(gallery: Gallery, palette: str) -> None:
    gallery.open("up", palette, "op3")
    gallery.window.toggle_help()
    gallery.pump()


SCREENS: dict[str, Callable[[Gallery, str], None]] = {
    "idle": idle,
    "ringing": ringing,
    "ringing_without_number": ringing_without_number,
    "gate": gate,
    "in_call": in_call,
    "link_down": link_down,
    "unsent": unsent,
    "lead": lead,
    "lead_for_others": lead_for_others,
    "calls": calls_page,
    "board": board,
    "map": map_page,
    "sign_in": sign_in,
    "keys": keys,
}
