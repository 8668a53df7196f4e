"""IT's page: each thing the running desk knows of itself, the worst first, in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.screens.seat import NOW, Seat, done, exchange, link_down, link_up
from ui import i18n
from ui.admin.doctor import BAD, GOOD, LOOK, DoctorPage, Finding, of_link, of_other_clocks, of_phone
from ui.bridge import Bridge
from ui.theme import Theme
from workstation.domain.hlc import HandClock
from workstation.domain.rows import PhoneState, Stranger
from workstation.domain.sentence import NOTHING, say
from workstation.service import calls, views
from workstation.words import said

REFUSED = say("exchange.refused", answer="403 Forbidden")
WELL = PhoneState("registered", NOTHING, True, (), None, None, False, False, "Headset", "Headset", False, 0.0, 0.0)


def states(findings: list[Finding]) -> dict[str, str]:
    return {f.name.removeprefix("doctor."): f.state for f in findings}


def test_a_desk_that_is_well_is_all_good(theme: Theme) -> None:
    assert set(states(of_phone(WELL)).values()) == {GOOD}
    assert set(states(of_link(link_up())).values()) == {GOOD}


def test_registered_without_proof_of_a_call_is_not_called_good(theme: Theme) -> None:
    finding = of_phone(replace(WELL, may_ring=False))[0]
    assert finding.state == LOOK and "mungkin tidak berdering" in finding.sentence


@pytest.mark.promise("P1")
@pytest.mark.parametrize(("language", "words"), [("id", "2 catatan"), ("en", "2 noted")])
def test_a_stranger_at_the_sip_port_is_shown_to_it(
    seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot, language: str, words: str
) -> None:
    page = DoctorPage(seat.desk, bridge, theme)
    qtbot.addWidget(page)
    page.show()
    i18n.use(language)
    bridge.tell_phone(WELL)
    qtbot.waitUntil(lambda: states(page.findings()).get("strangers") == GOOD)
    knocked = (Stranger("198.51.100.7:5060", NOW - 9000, "OPTIONS"), Stranger("203.0.113.9:5071", NOW, "INV\u202eITE"))
    bridge.tell_phone(replace(WELL, strangers=knocked))
    qtbot.waitUntil(lambda: states(page.findings())["strangers"] == LOOK)
    model = page.table.rows
    shown = [model.index(n, 2).data() for n in range(model.rowCount())]
    sentence = next(s for s in shown if "203.0.113.9:5071" in s)
    assert words in sentence and "INVITE" in sentence and "22 Nov 03:12:47" in sentence


@pytest.mark.promise("M9")
@pytest.mark.parametrize(("language", "words"), [("id", "masih 24 j 00 di depan"), ("en", "still 24 h 00 ahead")])
def test_what_a_skewed_clock_wrote_is_shown_with_its_desk(
    tmp_path: Path, seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot, language: str, words: str
) -> None:
    i18n.use(language)
    page = DoctorPage(seat.desk, bridge, theme)
    qtbot.addWidget(page)
    page.show()
    seat.store.listen(bridge.tell_changed)
    assert states(page.findings())["other_clocks"] == GOOD
    with Seat(tmp_path, 5, HandClock(NOW + 86_400_000)) as ahead:
        for n in range(2):
            ring = calls.Ring(ahead.ids.uid(), f"08120000{n}", ahead.clock.now_ms())
            done(calls.rang(ahead.desk, ring))
        exchange(seat, ahead)
    # The page that is open hears of it by itself.
    qtbot.waitUntil(lambda: states(page.findings())["other_clocks"] == LOOK)
    model = page.table.rows
    shown = [model.index(n, 2).data() for n in range(model.rowCount())]
    sentence = next(s for s in shown if "Meja 5" in s)
    assert "Meja 5: 2 " in sentence and words in sentence and "23 Nov 03:12" in sentence
    assert [(d.desk, d.count) for d in done(seat.desk.ask(views.skewed))] == [("Meja 5", 2)]
    # Days later it is not ahead any more, and still said.
    later = of_other_clocks(done(seat.desk.ask(views.skewed)), NOW + 5 * 86_400_000)
    assert later.state == LOOK and "Meja 5" in later.sentence and words not in later.sentence


def test_each_fault_has_its_state_and_sentence(theme: Theme) -> None:
    assert of_phone(None)[0].state == LOOK
    failed = of_phone(replace(WELL, line="failed", sentence=REFUSED))[0]
    assert (failed.state, failed.sentence) == (BAD, said(REFUSED, "id"))
    assert states(of_phone(replace(WELL, null_device=True)))["sound_out"] == LOOK
    assert states(of_link(link_down(NOW)))["server"] == LOOK
    assert states(of_link(replace(link_up(), state="refused", sentence=say("hub.token"))))["server"] == BAD
    assert states(of_link(replace(link_up(), clock_offset_ms=-2001)))["clock"] == BAD
    assert states(of_link(replace(link_up(), clock_offset_ms=None)))["clock"] == LOOK


def test_the_worst_stands_first_and_every_cell_is_read_out(
    seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot
) -> None:
    page = DoctorPage(seat.desk, bridge, theme)
    qtbot.addWidget(page)
    page.show()
    bridge.tell_phone(replace(WELL, line="failed", sentence=REFUSED, null_device=True))
    qtbot.waitUntil(lambda: page.findings()[0].state == BAD)
    model = page.table.rows
    shown = [model.index(n, 0).data() for n in range(model.rowCount())]
    assert shown == ["gagal", "perlu dilihat", "perlu dilihat", "baik", "baik", "baik", "baik", "baik"]
    for n in range(model.rowCount()):
        for c in range(model.columnCount()):
            assert model.index(n, c).data(Qt.ItemDataRole.AccessibleTextRole)


def test_an_unencrypted_record_is_said(seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot) -> None:
    seat.desk.settings = replace(seat.desk.settings, store=replace(seat.desk.settings.store, plain=True))
    page = DoctorPage(seat.desk, bridge, theme)
    qtbot.addWidget(page)
    store = next(f for f in page.findings() if f.name == "doctor.store")
    assert store.state == LOOK and "TIDAK terenkripsi" in store.sentence
