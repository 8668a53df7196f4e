"""IT's page: what the running desk itself knows of its line, sound, server, clock and record, failed things first.

The command `doctor` looks at much more, from outside and without the desk running; here stands what is so now.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from msgspec import Struct
from PySide6.QtCore import QEvent, QRectF
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from ui import figures
from ui.bridge import Asked, Bridge, Question
from ui.i18n import said, tr
from ui.theme import Theme
from ui.widgets.basic import Label, Panel
from ui.widgets.pencil import Pencil
from ui.widgets.table import Column, Table
from workstation.domain.rows import LinkStatus, PhoneState, SkewedDesk, Stranger
from workstation.service import views
from workstation.service.desk import Desk

BAD, LOOK, GOOD = "bad", "look", "good"
ORDER = (BAD, LOOK, GOOD)
FACE = {BAD: ("cross", "red"), LOOK: ("warn", "amber"), GOOD: ("tick", "text3")}
SKEW_MS = 2000
DESKS_SAID = 3


class Finding(Struct, frozen=True):
    """One thing looked at: `name` a word key, `state` bad, look or good, `sentence` what is so."""

    name: str
    state: str
    sentence: str


def of_phone(state: PhoneState | None) -> list[Finding]:
    """The line and the sound; nothing while the engine has not spoken."""
    if state is None:
        return [Finding("doctor.line", LOOK, tr("doctor.silent"))]
    if state.line == "registered":
        line = GOOD if state.may_ring else LOOK
        words = tr("signin.line_registered") if state.may_ring else tr("doctor.may_not_ring")
    else:
        line = BAD if state.line == "failed" else LOOK
        words = said(state.sentence) or tr(f"signin.line_{state.line}")
    sound = LOOK if state.null_device else GOOD
    devices = {"doctor.sound_in": state.input, "doctor.sound_out": state.output}
    none = tr("doctor.null_device")
    strangers = of_strangers(state.strangers)
    return [
        Finding("doctor.line", line, figures.plain(words)),
        *(
            Finding(name, sound, none if state.null_device else figures.plain(device))
            for name, device in devices.items()
        ),
        strangers,
    ]


def of_strangers(strangers: tuple[Stranger, ...]) -> Finding:
    """Who knocked at the SIP port without being the PBX or a peer: how often, and the last one (promise P1)."""
    if not strangers:
        return Finding("doctor.strangers", GOOD, tr("doctor.strangers_none"))
    last = strangers[-1]
    at = f"{figures.day(last.at)} {figures.wall(last.at)}"
    method, source = figures.plain(last.method), figures.plain(last.source)
    words = tr("doctor.strangers_seen", n=len(strangers), method=method, source=source, at=at)
    return Finding("doctor.strangers", LOOK, words)


def of_link(link: LinkStatus) -> list[Finding]:
    """The server, and this machine's clock against it."""
    at = figures.wall(link.since_at, seconds=False) if link.since_at else tr("link.never")
    state = {"up": GOOD, "off": LOOK, "down": LOOK, "refused": BAD}.get(link.state, LOOK)
    state = LOOK if link.parted and state == GOOD else state
    words = tr("doctor.no_server") if link.state == "off" else tr(f"link.server_{link.state}", at=at)
    server = f"{figures.plain(link.through)} {words}".strip()
    sentence = f"{server}. {figures.plain(said(link.sentence))}" if link.sentence and state != GOOD else server
    offset = link.clock_offset_ms
    if offset is None:
        clock = Finding("doctor.clock", LOOK, tr("doctor.clock_unknown"))
    else:
        off = BAD if abs(offset) > SKEW_MS else GOOD
        clock = Finding("doctor.clock", off, tr("doctor.clock_offset", n=figures.number(offset)))
    return [Finding("doctor.server", state, sentence), clock]


def of_other_clocks(skewed: Sequence[SkewedDesk], now_ms: int) -> Finding:
    """Desks that wrote with a clock far ahead: how much, and how far it is ahead still (promise M9)."""
    if not skewed:
        return Finding("doctor.other_clocks", GOOD, tr("doctor.other_clocks_good"))
    said = []
    for desk in skewed[:DESKS_SAID]:
        ahead = (desk.newest_at - now_ms) / 1000
        key = "doctor.skewed_ahead" if ahead > 0 else "doctor.skewed"
        at = f"{figures.day(desk.newest_at)} {figures.wall(desk.newest_at, seconds=False)}"
        said.append(tr(key, desk=figures.plain(desk.desk), n=desk.count, at=at, ahead=figures.age(ahead)))
    if len(skewed) > DESKS_SAID:
        said.append(tr("doctor.skewed_more", n=len(skewed) - DESKS_SAID))
    return Finding("doctor.other_clocks", LOOK, "; ".join(said))


def of_store(desk: Desk, unsent: int) -> Finding:
    """The record on this machine's disk."""
    plain = desk.settings.store.plain
    words = tr("doctor.store_plain") if plain else tr("doctor.store_good", n=unsent)
    return Finding("doctor.store", LOOK if plain else GOOD, words)


class DoctorPage(QWidget):
    """Alt 9: one row a finding, failed first, then what should be looked at, then what is good."""

    def __init__(self, desk: Desk, bridge: Bridge, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._skewed: Sequence[SkewedDesk] = ()
        self._question = Question(bridge, self._question_now)
        self._phone: PhoneState | None = None
        self._link = desk.status.status() if desk.status is not None else None
        panel = Panel(theme, "doctor.title", "Alt 9")
        columns: tuple[Column[Finding], ...] = (
            Column("state", "doctor.state", 150, _paint_state, lambda f, _n: tr(f"doctor.{f.state}"), inset=12),
            Column("name", "doctor.name", 190, _paint_name, lambda f, _n: tr(f.name)),
            Column("sentence", "doctor.what", 0, _paint_sentence, lambda f, _n: f.sentence, least=300),
        )
        self.table: Table[Finding] = Table(theme, columns, lambda f: f.name, row=36, name="doctor.title")
        panel.body.setContentsMargins(0, 0, 0, 0)
        panel.body.addWidget(self.table, 1)
        foot = Label(theme, "doctor.sentence", role="small", token="text3", wrap=True)
        foot.setContentsMargins(12, 6, 12, 10)
        panel.body.addWidget(foot)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(panel)
        bridge.phone.connect(self._hear_phone)
        bridge.link.connect(self._hear_link)
        bridge.changed.connect(self._ask)
        self._lay()

    def findings(self) -> list[Finding]:
        """All of them, the worst first, else in their own order."""
        found = of_phone(self._phone)
        if self._link is not None:
            found += of_link(self._link)
        found.append(of_other_clocks(self._skewed, self._desk.clock.now_ms()))
        found.append(of_store(self._desk, self._link.unsent if self._link else 0))
        return sorted(found, key=lambda finding: ORDER.index(finding.state))

    def _hear_phone(self, state: object) -> None:
        self._phone = cast("PhoneState", state)
        self._lay()

    def _hear_link(self, status: object) -> None:
        self._link = cast("LinkStatus", status)
        self._lay()

    def _ask(self, _changes: object = None) -> None:
        """Ask whose clock ran ahead, one question at a time; nothing while nobody looks."""
        self._question.put()

    def _question_now(self) -> Asked | None:
        return (self._desk.see(views.skewed), self._take) if self.isVisible() else None

    def _take(self, rows: object) -> None:
        self._skewed = cast("Sequence[SkewedDesk]", rows)
        self._lay()

    def _lay(self) -> None:
        if self.isVisible() or not self.table.rows.rowCount():
            self.table.show_rows(self.findings())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._lay()
        self._ask()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            self._lay()


def _paint_state(pencil: Pencil, rect: QRectF, finding: Finding, _now: int) -> None:
    name, token = FACE[finding.state]
    side = pencil.px(16)
    pencil.icon(rect.left() + pencil.px(12), rect.center().y() - side / 2, name, token, 16)
    word_token = "text2" if finding.state == GOOD else token
    pencil.text(rect.adjusted(pencil.px(38), 0, 0, 0), tr(f"doctor.{finding.state}"), "number", word_token)


def _paint_name(pencil: Pencil, rect: QRectF, finding: Finding, _now: int) -> None:
    pencil.text(rect.adjusted(pencil.px(6), 0, -pencil.px(6), 0), tr(finding.name), "board_type", "text")


def _paint_sentence(pencil: Pencil, rect: QRectF, finding: Finding, _now: int) -> None:
    pencil.text(rect.adjusted(pencil.px(6), 0, -pencil.px(12), 0), finding.sentence, "body", "text2")
