"""The screens one by one: each is a state the desk is brought into through its own services, signals and keys."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec.structs import replace
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest

from tests.screens import scene
from tests.screens.seat import NOW, Seat, cheap_secrets, done, link_down, link_up
from tests.waiting import wait_until
from ui import i18n
from ui.bridge import Bridge
from ui.main_window import MainWindow
from ui.search.page import SearchPage
from ui.theme import Theme, application
from workstation.domain.hlc import HandClock
from workstation.domain.rows import PhoneState, RingView
from workstation.domain.sentence import NOTHING
from workstation.service import attachments, calls
from workstation.service.calls import Ring

Look = tuple[str, str]  # palette, language
FIRST: Look = ("night", "id")
OTHERS: tuple[Look, ...] = (("day", "id"), ("hc", "id"), ("night", "en"), ("day", "en"))
EVERY: tuple[Look, ...] = tuple((palette, language) for language in ("id", "en") for palette in ("night", "day", "hc"))
IN_MANY = ("idle", "ringing", "gate", "prank", "in_call", "link_down", "lead", "calls", "search", "sign_in")
PATIENCE_S = 20.0

QUIET = PhoneState(
    "registered", NOTHING, True, (), None, None, False, False, "Headset USB", "Headset USB", False, 0.0, 0.0
)


class Gallery:
    """Two nights, one with the server and one without, and the window over Meja 3 of either."""

    def __init__(self, scratch: Path, size: tuple[int, int], scale: float = 1.0) -> None:
        self.app = application()
        self.size, self.scale = size, scale
        self._scratch = scratch
        self._nights: dict[str, tuple[Path, scene.Story]] = {}
        self._copies = 0
        self._served = False
        self._stop: Callable[[], None] = lambda: None
        self.seat: Seat
        self.clock: HandClock
        self.window: MainWindow
        self.bridge: Bridge
        cheap_secrets()

    # -------------------------------------------------- making
    def make(
        self, folder: Path, names: list[str], *, every: bool = False, looks: tuple[Look, ...] = ()
    ) -> Iterator[Path]:
        """Saves each screen in its looks (or in those given), yielding the paths as they are done."""
        unknown = set(names) - set(SCREENS)
        if unknown:
            raise SystemExit(f"no screen {', '.join(sorted(unknown))}; there are {', '.join(SCREENS)}")
        for name in names or SCREENS:
            usual = (FIRST, *OTHERS) if name in IN_MANY else (FIRST,)
            for palette, language in looks or (EVERY if every else usual):
                path = folder / f"{name}_{palette}_{language}.png"
                self.picture(name, palette, language).save(str(path), "PNG", 0)  # 0 = smallest
                self.shut()
                yield path

    def picture(self, name: str, palette: str, language: str) -> QImage:
        """The window in that state and look, as it stands on the screen."""
        i18n.use(language)
        SCREENS[name](self, palette)
        self.pump()
        return self.window.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)

    def told(self, which: str) -> tuple[Path, scene.Story]:
        """A night (`up`, or `cut` without the server) told once, its records closed: what pictures start from."""
        if which not in self._nights:
            folder = self._scratch / which
            folder.mkdir()
            clock = HandClock(NOW - 9 * 3_600_000)
            seats = {n: Seat(folder, n, clock) for n in (1, 2, 3)}
            try:
                seats[3].staff()
                scene.meet(scene.Story(seats))
                for n, seat in seats.items():
                    seat.sign_in(f"op{n}")
                self._nights[which] = folder, scene.night(seats, cut=which == "cut")
            finally:
                for seat in seats.values():
                    seat.close()
        return self._nights[which]

    def open(self, which: str, palette: str, person: str) -> Seat:
        """The window over a fresh copy of Meja 3 after a night, with this person signed in ("" = nobody)."""
        folder, _ = self.told(which)
        self._copies += 1
        copy = self._scratch / f"copy-{self._copies}"
        copy.mkdir()
        for file in folder.glob("meja-3.*"):
            shutil.copy(file, copy / file.name)
        self.clock = HandClock(NOW)
        seat = self.seat = Seat(copy, 3, self.clock, seed=100 + self._copies)
        if person:
            seat.sign_in(person)
        self._served = which == "up"
        if not self._served:
            # The other two desks are met on the LAN and have all but the newest.
            vector = seat.store.vector()
            done(seat.store.told_beside({seat.store.replica: vector[seat.store.replica] - 2}))
            seat.link.take(link_down(NOW - scene.LOST_MS, seat, beside=("Meja 1", "Meja 2")))
        self.bridge = Bridge()
        theme = Theme(palette, self.scale)
        theme.apply()
        self.window = MainWindow(seat.desk, self.bridge, theme)
        self._stop = seat.store.listen(self.bridge.tell_changed)
        self.window.resize(*self.size)
        self.window.show()
        self.bridge.tell_link(seat.link.status())
        self.phone(QUIET)
        self.pump()
        return seat

    def shut(self) -> None:
        self._stop()
        self.window.close()
        self.settle()
        self.bridge.close()
        self.window.deleteLater()
        self.app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        self.app.processEvents()
        self.seat.close()

    def settle(self) -> None:
        """Waits until every question the window asked has its answer."""
        until = time.monotonic() + PATIENCE_S
        quiet = 0
        while quiet < 3:
            self.app.processEvents()
            quiet = quiet + 1 if self.bridge.waiting == 0 else 0
            if time.monotonic() > until:
                raise RuntimeError(f"{self.bridge.waiting} answers did not come within {PATIENCE_S:.0f} s")

    def pump(self) -> None:
        """Lets the window catch up: every question answered, every paint done, one tick of the clocks.

        Where the server answers it has said of everything written that it has it.
        """
        self.settle()
        if self._served:
            done(self.seat.store.acked(self.seat.store.vector()))
            self.seat.link.take(link_up(seat=self.seat))
            self.bridge.tell_link(self.seat.link.status())
            self.settle()
        self.window.ticker.beat()
        self.app.processEvents()

    def pass_s(self, seconds: float) -> None:
        """Time goes by, and the window sees it."""
        self.pump()
        self.clock.advance(round(seconds * 1000))
        self.pump()

    def phone(self, state: PhoneState) -> None:
        self.bridge.tell_phone(state)

    def press(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """One key to whatever has the focus."""
        QTest.keyClick(self.app.focusWidget() or self.window, key, modifiers)
        self.pump()

    def type(self, words: str) -> None:
        """Letters to whatever has the focus, one after the other."""
        for letter in words:
            QTest.keyClicks(self.app.focusWidget() or self.window, letter)
            self.app.processEvents()
        self.pump()


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


def _talk(gallery: Gallery, palette: str) -> Seat:
    """A call answered after four seconds; the clock stands six seconds into the conversation."""
    seat = gallery.open("up", palette, "op3")
    offer = seat.ids.uid()
    done(calls.rang(seat.desk, Ring(offer, "081200004417", NOW, dialled="112")))
    gallery.phone(replace(QUIET, ringing=(RingView(offer, "081200004417", "", "112", "mobile", NOW),)))
    gallery.pass_s(4)
    done(calls.answered(seat.desk, offer, NOW + 4000))
    gallery.phone(replace(QUIET, talking=offer, talking_since_at=NOW + 4000, rx_level=0.7, tx_level=0.4))
    gallery.pass_s(6)
    return seat


def gate(gallery: Gallery, palette: str) -> None:
    _talk(gallery, palette)


def prank(gallery: Gallery, palette: str) -> None:
    """F5: typed by one key, the line open, the way back shown."""
    _talk(gallery, palette)
    gallery.press(Qt.Key.Key_F5)
    gallery.pass_s(3)


def in_call(gallery: Gallery, palette: str) -> None:
    """Structure fire by keys: place, Enter, landmark, Enter, B, K; then the narrative, 47 s into the call."""
    _talk(gallery, palette)
    gallery.type("batu m")
    gallery.press(Qt.Key.Key_Return)
    gallery.pass_s(11)
    gallery.type("tanjakan Kebun Cengkeh, depan SD")
    gallery.press(Qt.Key.Key_Return)
    gallery.pass_s(7)
    gallery.type("bk")
    gallery.pass_s(9)
    gallery.type("api dari dapur, rumah kayu dua lantai")
    gallery.press(Qt.Key.Key_Return)
    gallery.pass_s(14)
    gallery.type("dua orang masih di lantai atas")


def server_away(gallery: Gallery, palette: str) -> None:
    """The incident with rival values open in the form while the server is away."""
    gallery.open("cut", palette, "op3")
    gallery.window.open_incident(gallery.told("cut")[1].incidents["fire"])
    gallery.pump()


def attached(gallery: Gallery, palette: str) -> None:
    """An incident with files: one at the server, one on its way there, one that another desk has."""
    seat, incident = gallery.open("up", palette, "op3"), gallery.told("up")[1].incidents["fire"]
    for n, name in enumerate(("foto warga 03.12.jpg", "rekaman telepon.wav")):
        file = seat.store.path.with_name(name)
        file.write_bytes(bytes(900_000 * (3 * n + 1)))
        done(attachments.attach(seat.desk, incident, file))
    rows = done(attachments.shown(seat.desk, incident))
    seat.store.shelf.mark(rows[0].digest, b"hub")
    seat.store.shelf.sending[rows[1].digest] = 1_500_000
    far = {"about": incident, "name": "denah gudang.pdf", "size": 240_000, "digest": bytes(32), "key": bytes(32)}
    done(seat.store.append("attachment.added", seat.ids.uid(), {**far, "at": NOW}))
    gallery.window.open_incident(incident)
    gallery.pump()
    gallery.press(Qt.Key.Key_F, Qt.KeyboardModifier.AltModifier)
    gallery.pump()


def unsent(gallery: Gallery, palette: str) -> None:
    gallery.open("cut", palette, "op3")
    gallery.window.show_page("unsent")
    gallery.pump()


def lead(gallery: Gallery, palette: str) -> None:
    gallery.open("cut", palette, "kepala1")
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
    gallery.press(Qt.Key.Key_T, Qt.KeyboardModifier.AltModifier)
    gallery.pump()


def board(gallery: Gallery, palette: str) -> None:
    gallery.open("up", palette, "op3")
    gallery.window.show_page("board")


def map_page(gallery: Gallery, palette: str) -> None:
    gallery.open("up", palette, "op3")
    gallery.window.show_page("map")


def search(gallery: Gallery, palette: str) -> None:
    """Somebody looks for a fire at a place they know only in part."""
    gallery.open("up", palette, "op3")
    gallery.press(Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    gallery.type("de")
    page = gallery.window.pages["search"]
    assert isinstance(page, SearchPage)

    def answered() -> bool:
        gallery.app.processEvents()
        return not page.waiting

    wait_until(answered, PATIENCE_S, what="the search is answered")
    gallery.pump()


def sign_in(gallery: Gallery, palette: str) -> None:
    """Somebody chose her name while a call rings over the page."""
    _ring(gallery, palette, "081300008804", "mobile", person="")
    gallery.window.sign_in_page.grid.press("4")
    gallery.type("2468")


def check(gallery: Gallery, palette: str) -> None:
    """IT's page while the server is away and no card for sound is there."""
    gallery.open("cut", palette, "teknisi1")
    gallery.phone(replace(QUIET, null_device=True, may_ring=False))
    gallery.window.show_page("check")
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
    "prank": prank,
    "in_call": in_call,
    "attached": attached,
    "link_down": server_away,
    "unsent": unsent,
    "lead": lead,
    "lead_for_others": lead_for_others,
    "calls": calls_page,
    "board": board,
    "map": map_page,
    "search": search,
    "sign_in": sign_in,
    "check": check,
    "keys": keys,
}
