"""The honest word on what is not on the server: the banner, the way drawn, the list with its states in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from pytestqt.qtbot import QtBot

from tests.screens.seat import NOW, Seat, done, link_down, link_up
from ui import i18n
from ui.bridge import Bridge
from ui.dialogs.banner import LinkBanner
from ui.dialogs.paths import PathDrawing
from ui.dialogs.unsent import LEGEND, UnsentPage, item_words
from ui.theme import Theme
from ui.widgets.marks import SYNC_FACE
from ui.widgets.status import StatusBar
from workstation.domain.rows import LinkStatus, Sync, UnsentRow
from workstation.domain.sentence import say
from workstation.service import intake, views
from workstation.service.desk import Edit

Settled = Callable[[], None]


def listed(page: UnsentPage) -> list[UnsentRow]:
    model = page.unsent.table.rows
    return [item for n in range(model.rowCount()) if isinstance(item := model.item(n), UnsentRow)]


@pytest.fixture
def page(seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot, settled: Settled) -> UnsentPage:
    seat.sit()
    made = UnsentPage(seat.desk, bridge, theme)
    qtbot.addWidget(made)
    made.resize(1282, 600)
    made.show()
    settled()
    return made


# ------------------------------------------------------ banner
@pytest.mark.promise("U1")
def test_the_banner_is_there_exactly_while_the_link_is_down(
    seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot
) -> None:
    banner = LinkBanner(seat.desk, bridge, theme)
    qtbot.addWidget(banner)
    assert banner.isHidden()
    came: list[bool] = []
    banner.shown.connect(came.append)
    since = NOW - 31 * 60_000
    bridge.tell_link(replace(link_down(since), unsent=14))
    qtbot.waitUntil(lambda: not banner.isHidden())
    assert banner._title.text() == "Server putus sejak 02:41"
    assert banner._button.accessibleName() == "lihat 14 yang belum terkirim"
    assert banner.height() == 44
    bridge.tell_link(link_up())
    qtbot.waitUntil(banner.isHidden)
    assert came == [True, False]


def test_a_desk_that_works_alone_by_choice_has_no_banner(
    seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot
) -> None:
    banner = LinkBanner(seat.desk, bridge, theme)
    qtbot.addWidget(banner)
    banner.show_link(LinkStatus("off", NOW, None, "", 0, None, None))
    assert banner.isHidden()


def test_a_refusal_says_what_to_do_in_a_sentence(seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot) -> None:
    banner = LinkBanner(seat.desk, bridge, theme)
    qtbot.addWidget(banner)
    banner.show_link(LinkStatus("refused", NOW, None, "hub", 3, NOW, None, say("hub.not_enrolled")))
    assert banner._detail.text().startswith("Hub tidak mengenal meja ini; minta kode baru dari kepala shift")
    assert banner._title.text().startswith("Server menolak")


# ------------------------------------------------------ the way drawn
@pytest.mark.parametrize(
    ("state", "words"),
    [("up", "terhubung 02:12"), ("down", "putus 02:12"), ("off", "tidak disetel"), ("refused", "menolak meja ini")],
)
def test_the_way_is_read_out_as_it_is(seat: Seat, theme: Theme, qtbot: QtBot, state: str, words: str) -> None:
    drawing = PathDrawing(seat.desk, theme)
    qtbot.addWidget(drawing)
    drawing.show_link(replace(link_up(), state=state))
    said = drawing.accessibleDescription()
    assert f"Server: {words}" in said
    assert "LAN" not in said, "no desk is at hand, and none is claimed"


@pytest.mark.promise("S8")
def test_the_desks_at_hand_stand_between_this_one_and_the_server(seat: Seat, theme: Theme, qtbot: QtBot) -> None:
    drawing = PathDrawing(seat.desk, theme)
    qtbot.addWidget(drawing)
    near = replace(link_down(NOW - 60_000), unsent=3, beside=("Meja 1", "Meja 2"))
    drawing.show_link(near)
    assert "LAN: Meja 1, Meja 2 hidup" in drawing.accessibleDescription()
    drawing.show_link(replace(near, beside=tuple(f"Meja {n}" for n in range(1, 9))))
    assert "LAN: 8 meja hidup" in drawing.accessibleDescription()


@pytest.mark.promise("S8")
def test_the_banner_and_the_bar_say_that_the_lan_goes_on(
    seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot
) -> None:
    banner, bar = LinkBanner(seat.desk, bridge, theme), StatusBar(theme)
    qtbot.addWidget(banner)
    qtbot.addWidget(bar)
    near = replace(link_down(NOW - 60_000), unsent=3, beside=("Meja 1", "Meja 2"))
    banner.show_link(near)
    bar.show_link(near, NOW)
    assert banner._detail.text().startswith("Meja ini dan LAN tetap jalan")
    assert bar.w_lan.text == "LAN 2 meja" and not bar.w_lan.isHidden()
    banner.show_link(replace(near, beside=()))
    bar.show_link(link_up(), NOW)
    assert "LAN" not in banner._detail.text() and bar.w_lan.isHidden()


# ------------------------------------------------------ the list
def test_the_list_is_what_the_hub_has_not_acknowledged(
    page: UnsentPage, seat: Seat, bridge: Bridge, qtbot: QtBot
) -> None:
    assert listed(page) == [] and page.unsent._empty.isVisible()
    stop = seat.store.listen(bridge.tell_changed)
    incident = seat.ids.uid()
    done(intake.open_incident(seat.desk, incident))
    done(intake.edit(seat.desk, incident, {"type": Edit("fallen_tree")}))
    qtbot.waitUntil(lambda: len(listed(page)) == 2)
    assert {r.sync for r in listed(page)} == {Sync.LOCAL}
    assert page.unsent.count is not None and page.unsent.count.text() == "2"
    done(seat.store.acked({seat.store.replica: 1}))
    qtbot.waitUntil(lambda: [r.sync for r in listed(page)] == [Sync.QUEUED])
    done(seat.store.told_beside(seat.store.vector()))
    qtbot.waitUntil(lambda: [r.sync for r in listed(page)] == [Sync.BESIDE])
    done(seat.store.told_refused(2, "large"))
    qtbot.waitUntil(lambda: [r.sync for r in listed(page)] == [Sync.REFUSED])
    shown = page.unsent.table.rows
    assert "terlalu besar untuk server" in str(shown.index(0, 2).data()), "with its reason"
    done(seat.store.acked(seat.store.vector()))
    qtbot.waitUntil(lambda: listed(page) == [])
    assert page.unsent._empty.text() == "Semua data meja ini sudah di server."
    stop()


@pytest.mark.promise("U1")
def test_nothing_is_green_and_only_the_server_gets_a_tick(theme: Theme) -> None:
    assert all(token not in ("green", "greenFill") for _, token in SYNC_FACE.values())
    ticks = {state for state, (name, _) in SYNC_FACE.items() if "tick" in name}
    assert ticks == {Sync.SERVER}
    assert {state for state, _ in LEGEND} == set(Sync)


def test_rows_say_what_and_how_far_in_words(
    night: dict[int, Seat], bridge: Bridge, theme: Theme, qtbot: QtBot, settled: Settled
) -> None:
    made = UnsentPage(night[3].desk, bridge, theme)
    qtbot.addWidget(made)
    made.show()
    settled()
    rows = done(night[3].desk.ask(views.unsent))
    assert len(listed(made)) == len(rows) > 5
    assert [r.at for r in listed(made)] == sorted((r.at for r in rows), reverse=True)
    said = [item_words(row) for row in listed(made)]
    assert any(words.startswith("Catatan, AMB-3-") for words in said)
    assert any(words.startswith("Instansi: di lokasi, AMB-3-") for words in said)
    assert made.unsent._oldest.text() == "tertua 4 mnt"


@pytest.mark.parametrize("language", ["id", "en"])
def test_every_kind_of_op_has_its_word(language: str, theme: Theme) -> None:
    from workstation.domain.kinds import KINDS

    i18n.use(language)
    for kind in KINDS:
        words = item_words(UnsentRow(NOW, kind, "", "", 1, Sync.LOCAL))
        assert words and "." not in words, f"{kind}: {words}"


def test_an_unknown_kind_is_shown_as_it_came(theme: Theme) -> None:
    assert item_words(UnsentRow(NOW, "boat.launched", "", "", 1, Sync.LOCAL)) == "boat.launched"


@pytest.mark.promise("U6")
def test_the_legend_and_every_cell_are_read_out(
    night: dict[int, Seat], bridge: Bridge, theme: Theme, qtbot: QtBot, settled: Settled
) -> None:
    made = UnsentPage(night[3].desk, bridge, theme)
    qtbot.addWidget(made)
    made.show()
    settled()
    model = made.unsent.table.rows
    for n in range(model.rowCount()):
        for c, column in enumerate(model.columns):
            words = model.index(n, c).data(Qt.ItemDataRole.AccessibleTextRole)
            assert words or column.key == "detail"
    legend = made.unsent.findChild(type(made.unsent.body.itemAt(2).widget()))
    face = QAccessible.queryAccessibleInterface(legend)
    assert "Di server: server menjawab" in face.text(QAccessible.Text.Description)
