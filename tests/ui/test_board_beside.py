"""Beside the board: what may be the same incident, and whose turn it is."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.screens.seat import NOW, Seat, done
from tests.ui.rows import row
from ui.board.similar import WITHIN_MS, SimilarPanel, similar
from ui.board.turn import TurnPanel
from ui.bridge import Bridge
from ui.theme import Theme
from workstation.service import calls
from workstation.service.calls import Ring

Settled = Callable[[], None]
HERE, TYPE = "81.71.02.1001", "fallen_tree"


def twin(number: str, opened_at: int, **values: object) -> object:
    return row(number, village=HERE, type=TYPE, opened_at=opened_at, **values)


def test_same_village_and_type_within_the_hour() -> None:
    rows = [
        twin("a", NOW - 60_000),
        twin("b", NOW - WITHIN_MS),
        twin("c", NOW - 30 * 60_000),
        row("d", village="other", type=TYPE, opened_at=NOW),
        row("e", village=HERE, type="flood", opened_at=NOW),
    ]
    found = similar(rows, HERE, TYPE, NOW, b"")  # type: ignore[arg-type]
    assert [t.row.number for t in found] == ["a", "c"]
    assert found[0].near > 0.98 and abs(found[1].near - 0.5) < 0.001


def test_an_incident_is_not_like_itself_and_an_empty_form_like_nothing() -> None:
    one = row("a", village=HERE, type=TYPE, opened_at=NOW)
    assert similar([one], HERE, TYPE, NOW, one.uid) == []
    assert similar([one], "", TYPE, NOW, b"") == similar([one], HERE, "", NOW, b"") == []


@given(st.lists(st.integers(-2 * WITHIN_MS, 2 * WITHIN_MS), max_size=20))
def test_nearest_in_time_comes_first_and_the_share_is_a_share(apart: list[int]) -> None:
    rows = [twin(f"{n:02}", NOW + ms) for n, ms in enumerate(apart)]
    found = similar(rows, HERE, TYPE, NOW, b"")  # type: ignore[arg-type]
    assert len(found) == sum(abs(ms) < WITHIN_MS for ms in apart)
    assert all(0 < t.near <= 1 for t in found)
    assert [t.near for t in found] == sorted((t.near for t in found), reverse=True)


def test_the_panel_never_takes_the_focus_and_opens_by_key(
    seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot
) -> None:
    panel = SimilarPanel(seat.desk, bridge, theme)
    qtbot.addWidget(panel)
    panel.show()
    panel.about(HERE, TYPE, NOW, b"")
    panel.show_board((twin("a", NOW - 60_000),))
    assert not panel.isWindow() or not panel.isModal()
    assert panel.count is not None and panel.count.text() == "1"
    opened: list[bytes] = []
    panel.opened.connect(opened.append)
    panel.activateWindow()
    panel.table.setFocus()
    qtbot.waitUntil(panel.table.hasFocus)
    qtbot.keyClick(panel.table, Qt.Key.Key_Return)
    assert len(opened) == 1


def test_whose_turn_it_is_follows_the_record(
    seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot, settled: Settled
) -> None:
    seat.sit()
    panel = TurnPanel(seat.desk, bridge, theme)
    qtbot.addWidget(panel)
    panel.show()
    settled()
    assert panel.table.rows.rowCount() == 0
    stop = seat.store.listen(bridge.tell_changed)
    offer = seat.ids.uid()
    done(calls.rang(seat.desk, Ring(offer, "081200007731", NOW - 30_000)))
    done(calls.ended(seat.desk, offer, "caller_hung_up", NOW - 22_000))
    qtbot.waitUntil(lambda: panel.table.rows.rowCount() == 1)
    said = panel.table.rows.index(0, 0).data()
    assert said == "0812 0000 7731, putus sebelum dijawab, 1 kali, 0:38, biasa"
    seat.clock.advance(24_000)
    panel.tick(seat.clock.now_ms())
    assert panel.table.rows.index(0, 0).data().endswith("0:14, hampir lewat")
    back = seat.ids.uid()
    done(calls.rang(seat.desk, Ring(back, "081200007731", seat.clock.now_ms())))
    done(calls.answered(seat.desk, back, seat.clock.now_ms()))
    qtbot.waitUntil(lambda: panel.table.rows.rowCount() == 0)
    stop()


def test_drafts_and_rivals_wait_too(seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot, settled: Settled) -> None:
    panel = TurnPanel(seat.desk, bridge, theme)
    qtbot.addWidget(panel)
    panel.show()
    settled()
    draft = row("d", status="draft", desk="Meja 2", opened_at=NOW - 60_000)
    mine, other = row("m", rivals=1, desk="Meja 3"), row("o", rivals=1, desk="Meja 1")
    panel.show_board((draft, mine, other))
    said = [panel.table.rows.index(n, 0).data() for n in range(panel.table.rows.rowCount())]
    assert len(said) == 2
    assert said[0].startswith("Pohon tumbang, m, dua nilai berbeda")
    assert said[1].startswith("Draf: pohon tumbang, dari Meja 2")
