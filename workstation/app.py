"""The composition root: the one place that knows who talks to whom.

`build` makes everything of a desk that has no screen and starts nothing; `Desktop.start` sets phone and sync going;
`open_window` puts the screen on top. A desk that finds no hub, no phone or no sound card opens all the same.
"""

from __future__ import annotations

import gc
import logging
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from msgspec import Struct

from workstation.domain.hlc import Clock, SystemClock
from workstation.domain.ids import Ids, SystemIds
from workstation.domain.rows import LinkStatus, PhoneState
from workstation.domain.sentence import Sentence, say
from workstation.geo.gazetteer import Gazetteer
from workstation.phone.settings import PhoneSettings
from workstation.service.attachments import put_away
from workstation.service.catalogue import Catalogue
from workstation.service.desk import Desk
from workstation.service.numbers import read_number
from workstation.service.status import LinkWord
from workstation.service.unfinished import take_up_line
from workstation.settings import Settings
from workstation.store import Changes, Store
from workstation.store.errors import StoreDamaged
from workstation.store.keys import store_key

if TYPE_CHECKING:
    from sync.replica import Replica
    from ui.main_window import MainWindow
    from workstation.nightly import Nightly
    from workstation.phone.line import Line

log = logging.getLogger("tahuri.app")
TAKE_UP_S = 10.0


class Announce(Struct):
    """Where news goes that comes on other threads; the screen puts its bridge in."""

    changed: Callable[[Changes], None] = lambda _: None
    phone: Callable[[PhoneState], None] = lambda _: None
    link: Callable[[LinkStatus], None] = lambda _: None
    care: Callable[[Sentence], None] = lambda _: None
    """What is to be known of the record itself: damaged, made anew, without a copy."""


class Desktop:
    """Everything of one desk below its screen. `line` is None where no phone is set."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        desk: Desk,
        announce: Announce,
        call: Callable[[], Line | None],
        sync: Callable[[], Replica],
        nightly: Callable[[], Nightly],
    ) -> None:
        self.settings, self.store, self.desk, self.announce = settings, store, desk, announce
        self.line: Line | None = None
        self._call, self._sync, self._look_after = call, sync, nightly
        self._replica: Replica | None = None
        self._nightly: Nightly | None = None
        self._starter = threading.Thread(target=self._start, name="desk-start", daemon=True)

    def start(self) -> None:
        """Set phone and sync going; returns at once. Neither fails here, each tells the screen what is wrong."""
        self._starter.start()

    def _start(self) -> None:
        try:
            self._take_up()
            self._part(lambda: put_away(self.desk), lambda why: None)
            # The phone first: a ring must not wait for what sync has to load.
            self._part(self._start_line, self._no_line)
            self._part(self._start_sync, self._no_sync)
            self._part(self._start_nightly, lambda why: None)
            self._part(self._warm_up, lambda why: None)
        finally:
            if not gc.isenabled():
                # What a start made stays: the collector need never look at it again.
                gc.freeze()
                gc.enable()

    def _part(self, start: Callable[[], None], failed: Callable[[Sentence], None]) -> None:
        """Start one part; whatever is wrong with it, the others start."""
        try:
            start()
        except Exception as error:
            log.exception("a part of the desk did not start")
            failed(say("desk.part_not_started", error=type(error).__name__))

    def _start_line(self) -> None:
        self.line = self._call()
        if self.line is not None:
            self.line.start()

    def _no_line(self, why: Sentence) -> None:
        quiet = PhoneState("failed", why, False, (), None, None, False, False, "", "", False, 0.0, 0.0)
        self.announce.phone(quiet)

    def _start_sync(self) -> None:
        self._replica = self._sync()
        self._replica.start()

    def _no_sync(self, why: Sentence) -> None:
        unsent, oldest_at = self.store.unsent()
        now = self.desk.clock.now_ms()
        self.announce.link(LinkStatus("refused", now, None, "", unsent, oldest_at, None, why))

    def _start_nightly(self) -> None:
        self._nightly = self._look_after()
        self._nightly.start()

    def _warm_up(self) -> None:
        # A first number and a first place, so that no caller is the one who waits for these libraries to load.
        read_number("112")
        self.desk.gazetteer.match("xxxx")

    def _take_up(self) -> None:
        """What a crash left unfinished goes into the record before anything new."""
        try:
            if take_up_line(self.desk).result(TAKE_UP_S):
                log.warning("a note line that a crash cut short is in its incident now")
        except Exception:
            log.exception("the unfinished note line stays where it is")

    def close(self, *, quit_engine: bool = False) -> None:
        """Stop in the order in which nothing is lost. The engine and its conversation go on unless told to quit."""
        if self._starter.ident is not None:
            self._starter.join()
        if self.line is not None:
            if quit_engine:
                self.line.quit_engine()
            self.line.stop()
        if self._replica is not None:
            self._replica.stop()
        if self._nightly is not None:
            self._nightly.close()
        put_away(self.desk)
        self.desk.close()
        self.store.close()


def build(settings: Settings, clock: Clock | None = None, ids: Ids | None = None) -> Desktop:
    """Wire one desk.

    Raises StoreRefused (wrong key, newer file, in use, damaged past recovery), StoreFailed (full or failing disk),
    KeyMissing and BadPhoneSetting; the rest is told on the screen.
    """
    clock = clock or SystemClock()
    ids = ids or SystemIds(clock)
    places = settings.places.make()
    key = store_key(settings, ids)
    try:
        store = Store.open(places.store, key, clock=clock, ids=ids, site=settings.desk.site, outbox=settings.outbox)
    except StoreDamaged as damage:
        from workstation.bringback import open_recovered

        store = open_recovered(damage, settings, key, clock, ids)
    announce = Announce()
    link = LinkWord(store, clock, lambda status: announce.link(status))
    desk = Desk(
        store,
        clock=clock,
        ids=ids,
        catalogue=Catalogue.load(settings.targets_s, settings.duty),
        gazetteer=Gazetteer.load(),
        settings=settings,
        status=link,
    )
    phone = phone_settings(settings)

    def call() -> Line | None:
        # Loaded here, on the starting thread: the first frame does not wait for it.
        from workstation.calling import make_line

        if not phone.user and not phone.peers:
            return None
        desk.phone = line = make_line(phone, key, desk, clock, lambda state: announce.phone(state))
        return line

    def sync() -> Replica:
        from sync.replica import Lan, Replica

        lan = Lan(settings.lan.port, settings.lan.interfaces) if settings.lan.enabled else None

        def jitter() -> float:
            return int.from_bytes(ids.secret(4), "big") / 2**32

        return Replica(store, settings.hub.url, ids.secret, clock, jitter, link.take, desk=settings.desk.name, lan=lan)

    def nightly() -> Nightly:
        from workstation.nightly import Nightly, word

        def told() -> None:
            announce.care(word(store, clock))

        told()
        return Nightly(store, key, settings, clock, told)

    store.listen(lambda changes: announce.changed(changes))
    store.listen(lambda changes: put_away(desk) if changes.gone else None)
    return Desktop(settings, store, desk, announce, call, sync, nightly)


def phone_settings(settings: Settings) -> PhoneSettings:
    """What the engine is told of this desk's settings: the same names, without what only the services use."""
    return PhoneSettings.from_mapping(settings.phone.table(), settings.places.folder)


class Shown(Struct):
    """A desk with its screen."""

    desktop: Desktop
    window: MainWindow

    def close(self, *, quit_engine: bool = False) -> None:
        self.window.close()
        self.window.bridge.close()  # what the record still answers comes too late for anybody
        self.desktop.close(quit_engine=quit_engine)


def open_window(settings: Settings, told: Callable[[str], None] = lambda _: None) -> Shown:
    """Put the screen on a desk: a QApplication must exist. The window paints first, then the rest begins.

    `told` hears `first_frame` when the window that can show a ring stands, and `form_ready` when the form is there too.
    """
    from ui import i18n
    from ui.bridge import Bridge
    from ui.first_paint import FirstPaint
    from ui.main_window import MainWindow
    from ui.theme import Theme

    desktop = build(settings)
    i18n.use(settings.screen.language)
    palette = "hc" if settings.screen.palette == "contrast" else settings.screen.palette
    theme = Theme(palette, settings.screen.text_percent / 100, settings.screen.calm)
    theme.apply()
    bridge = Bridge()
    window = MainWindow(desktop.desk, bridge, theme, ZoneInfo(settings.desk.zone))
    desktop.announce.changed = bridge.tell_changed
    desktop.announce.phone = bridge.tell_phone
    desktop.announce.link = bridge.tell_link
    desktop.announce.care = bridge.tell_care
    window.show()

    def go_on() -> None:
        try:
            told("first_frame")
            # The page of a call before the line: a ring must find it there.
            window.complete()
            told("form_ready")
        finally:
            desktop.start()  # whatever the screen can't do, the phone rings (promise P2)

    FirstPaint(window, go_on)
    return Shown(desktop, window)


def run_desk(settings: Settings) -> int:
    """Run the desk until its window is closed; the exit code. A conversation goes on in the engine."""
    from ui.opening import or_a_sentence
    from ui.theme import application

    with or_a_sentence():
        app = application()
    timed = os.environ.get("TAHURI_FIRST_FRAME") == "1"
    shown = open_window(settings, _tell) if timed else open_window(settings)
    try:
        return app.exec()
    finally:
        shown.close(quit_engine=timed)


def _tell(what: str) -> None:
    """For the benchmark `start`: say it, and end when there is nothing more to say."""
    from PySide6.QtWidgets import QApplication

    print(what, flush=True)
    if what == "form_ready":
        QApplication.quit()
