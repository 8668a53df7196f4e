"""What stands in the window and where: rail, strip, clocks, pages, bars and status, on the grid of the look."""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QRect
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QMainWindow, QWidget

from ui import i18n
from ui.actions import Deeds, caps
from ui.admin.signin import SignInPage
from ui.bridge import Bridge
from ui.dialogs.banner import LinkBanner
from ui.grid import zones
from ui.pages import Pages
from ui.session import LineSession
from ui.softphone.clocks import ClockRibbon
from ui.softphone.gate import GateBar, UndoBar
from ui.softphone.ring import RingBar
from ui.softphone.strip import Strip
from ui.softphone.wall import WallClock
from ui.theme import PALETTES, SCALES, Theme
from ui.ticker import Ticker
from ui.widgets.basic import Label, Panel
from ui.widgets.overlay import KeyOverlay
from ui.widgets.rail import Rail
from ui.widgets.status import StatusBar
from ui.widgets.trouble import TroubleBar
from workstation.service.desk import Desk

if TYPE_CHECKING:
    from ui.calls.page import CallsPage
    from ui.desk_page import DeskPage
    from ui.dialogs.unsent import UnsentPage
    from ui.shift.page import ShiftPage

UNDO_HIGH = 46
SMALLEST = (1024, 640)


class Shell(QMainWindow):
    """The window's parts and their places; `MainWindow` says what happens in it."""

    def __init__(self, desk: Desk, bridge: Bridge, theme: Theme, zone: tzinfo, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.desk, self.bridge, self.theme, self.zone = desk, bridge, theme, zone
        self.page = "sign_in"  # always one that is made: the window is laid out and ticks with it
        self.ticker = Ticker(desk.clock, self)
        self.session = LineSession(desk, bridge, self)
        self.deeds = Deeds(self)
        self._build()
        self.setMinimumSize(*SMALLEST)

    def _build(self) -> None:
        desk, bridge, theme = self.desk, self.bridge, self.theme
        root = QWidget(self)
        self.setCentralWidget(root)
        self.root = root
        self.rail = Rail(theme, root)
        self.wall, self.ring_wall = WallClock(theme, self.zone), WallClock(theme, self.zone)
        self.strip = Strip(theme, self.wall, root)
        self.strip.wrap_target_s = desk.catalogue.target_s("wrap_up")
        self.strip.ring_outputs = desk.settings.phone.ring_outputs
        amber_at = desk.catalogue.warn_percent / 100
        self.ribbon = ClockRibbon(theme, amber_at, root)
        self.gate = GateBar(theme, root)
        self.status = StatusBar(theme, root)
        self.sign_in_page = SignInPage(desk, bridge, theme, root)
        self.sign_in_page.hide()  # until it is its turn: a child is shown with its window
        self.pages = Pages(self.make_page, self.page_made)
        self.banner = LinkBanner(desk, bridge, theme, root)
        self.undo = UndoBar(theme, root)
        self.trouble = TroubleBar(theme, root)
        self.overlay = KeyOverlay(theme, desk.catalogue, self.deeds.possible, self.deeds.here, root)
        self.ring = RingBar(theme, self.ring_wall, root)

    def make_page(self, name: str) -> QWidget:
        """Make a page: what it is made of is loaded here, and not before the first frame has to stand."""
        desk, bridge, theme, root = self.desk, self.bridge, self.theme, self.root
        match name:
            case "sign_in":
                return self.sign_in_page
            case "desk":
                from ui.desk_page import DeskPage

                return DeskPage(desk, bridge, theme, self.zone, root)
            case "calls":
                from ui.calls.page import CallsPage

                return CallsPage(desk, bridge, theme, root)
            case "board":
                from ui.board.panel import BoardPanel

                return BoardPanel(desk, bridge, theme, idle=True, asks=False, parent=root)
            case "map":
                from ui.map.panel import MapPanel

                return MapPanel(desk, bridge, theme, root)
            case "search":
                from ui.search.page import SearchPage

                return SearchPage(desk, bridge, theme, self.zone, root)
            case "shift":
                from ui.shift.page import ShiftPage

                return ShiftPage(desk, bridge, theme, root)
            case "unsent":
                from ui.dialogs.unsent import UnsentPage

                return UnsentPage(desk, bridge, theme, root)
            case "check":
                from ui.admin.doctor import DoctorPage

                return DoctorPage(desk, bridge, theme, root)
        return self._later(name)

    @property
    def desk_page(self) -> DeskPage:
        return cast("DeskPage", self.pages["desk"])

    @property
    def busy(self) -> bool:
        """Whether a call or an incident is at hand."""
        return self.pages.made("desk") and self.desk_page.busy

    @property
    def writing(self) -> bool:
        """Whether something typed is not in the record yet."""
        return self.pages.made("desk") and self.desk_page.form.draft.writing

    @property
    def calls_page(self) -> CallsPage:
        return cast("CallsPage", self.pages["calls"])

    @property
    def shift_page(self) -> ShiftPage:
        return cast("ShiftPage", self.pages["shift"])

    @property
    def unsent_page(self) -> UnsentPage:
        return cast("UnsentPage", self.pages["unsent"])

    def page_made(self, name: str, page: QWidget) -> None:
        """A page has just been made: connect it and give it what the others know already."""
        raise NotImplementedError

    def _later(self, name: str) -> QWidget:
        """A page that is not there yet says so; it pretends nothing."""
        panel = Panel(self.theme, f"action.page_{name}", caps(f"page_{name}"), parent=self.root)
        panel.body.addWidget(Label(self.theme, f"empty.{name}", token="text2"))
        panel.body.addStretch(1)
        return panel

    # ---------------------------------------------------------------- places
    def lay_out(self) -> None:
        """Put every zone on the grid; nothing moves but what has come or gone."""
        phase, busy = self.session.phase, self.busy
        over = UNDO_HIGH + 8 if self.undo.running or self.trouble.kind else 0
        grid = zones(self.width(), self.height(), self.theme.scale)
        self.rail.fit(grid.rail.height())
        self.rail.setGeometry(grid.rail)
        self.strip.setGeometry(grid.strip)
        self.status.setGeometry(grid.status)
        in_call = busy and (phase != "ringing" or self.page == "desk")
        banner = not self.banner.isHidden() and phase not in ("talking", "ringing")
        wide_clocks = busy and phase in ("talking", "wrap_up", "writing") and not banner
        self.ribbon.setGeometry(grid.clocks)
        self.gate.setGeometry(grid.clocks)
        self.gate.setVisible(wide_clocks and self.at_gate)
        self.ribbon.setVisible(wide_clocks and not self.at_gate)
        second = self.session.is_talking()
        self.ring.setGeometry(grid.clocks if second else grid.ring)
        self.banner.setGeometry(grid.clocks)
        if not self.banner.isHidden():
            self.banner.raise_() if banner else self.banner.lower()
        shifted = zones(self.width(), self.height(), self.theme.scale, banner=over)
        if banner and not in_call:
            shifted = zones(self.width(), self.height(), self.theme.scale, banner=over + grid.clocks.height())
        page = self.pages[self.page]
        area = shifted.work if in_call or self.page == "sign_in" else shifted.free
        if self.page == "desk" and banner and in_call:
            area = shifted.work
        page.setGeometry(area)
        if self.page == "desk":
            self.desk_page.lay(shifted)
        top = (grid.clocks.bottom() + 1 if in_call or banner else grid.strip.bottom() + 1) + 8
        bar = QRect(grid.rail.width() + 8, top, self.width() - grid.rail.width() - 16, UNDO_HIGH)
        self.undo.setGeometry(bar)
        self.trouble.setGeometry(bar)
        self.overlay.setGeometry(grid.work)
        for part in (self.undo, self.trouble, self.overlay, self.ring):
            part.raise_()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.lay_out()

    # ---------------------------------------------------------------- look
    def next_palette(self) -> None:
        at = PALETTES.index(self.theme.palette_name)
        self.theme.use(palette=PALETTES[(at + 1) % len(PALETTES)])

    def step_text(self, by: int) -> None:
        nearest = min(range(len(SCALES)), key=lambda n: abs(SCALES[n] - self.theme.scale))
        self.theme.use(scale=SCALES[max(0, min(len(SCALES) - 1, nearest + by))])

    def next_language(self) -> None:
        at = i18n.LANGUAGES.index(i18n.language())
        i18n.use(i18n.LANGUAGES[(at + 1) % len(i18n.LANGUAGES)])

    @property
    def at_gate(self) -> bool:
        """From the answer until a location or type is typed: the gate keys have the clocks' place."""
        noise = self.session.type not in ("", "emergency", "report", "information", "follow_up")
        return self.session.phase == "talking" and (noise or not (self.desk_page.form.touched or self.session.type))
