"""The line on the screen: ring bar, timer, noise by one key with a way back, what is never assumed."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.screens.seat import Seat, done
from tests.ui.screen import Screen
from ui import i18n
from ui.bridge import Bridge
from ui.softphone.clocks import Stage, face
from ui.theme import Theme
from workstation.domain.rows import Step
from workstation.domain.sentence import say
from workstation.service import views

NOISE = {"F5": "prank", "F6": "silent", "F7": "wrong_number", "F8": "test"}


@pytest.mark.promise("U7")
@pytest.mark.parametrize("key", NOISE)
def test_the_first_press_types_and_leaves_the_line_open_the_second_hangs_up(screen: Screen, key: str) -> None:
    offer = screen.talking()
    screen.key(Qt.Key[f"Key_{key}"])
    screen.settle()
    assert screen.call_type(offer) == NOISE[key]
    assert screen.seat.line.asked == [], "nothing was asked of the line"
    assert screen.window.undo.isVisible()
    screen.key(Qt.Key[f"Key_{key}"])
    assert screen.seat.line.asked == [("hang_up",)]


@pytest.mark.promise("U7")
def test_f12_hangs_up_a_typed_call(screen: Screen) -> None:
    screen.talking()
    screen.key(Qt.Key.Key_F5)
    screen.settle()
    screen.key(Qt.Key.Key_F12)
    assert screen.seat.line.asked == [("hang_up",)]


@pytest.mark.promise("U7")
def test_ctrl_z_takes_the_type_back_for_thirty_seconds(screen: Screen) -> None:
    """Also with the cursor in a text field, whose own undo has the same key."""
    offer = screen.talking()
    assert screen.focus is screen.window.desk_page.form.village
    screen.key(Qt.Key.Key_F6)
    screen.settle()
    screen.seat.clock.advance(29_000)
    screen.window.ticker.beat()
    assert screen.window.undo.isVisible()
    screen.ctrl(Qt.Key.Key_Z)
    screen.settle()
    assert screen.call_type(offer) == ""
    assert not screen.window.undo.isVisible()
    assert screen.seat.line.asked == []


@pytest.mark.promise("U7")
def test_after_thirty_seconds_the_way_back_is_gone(screen: Screen) -> None:
    offer = screen.talking()
    screen.key(Qt.Key.Key_F5)
    screen.settle()
    screen.seat.clock.advance(30_001)
    screen.window.ticker.beat()
    assert not screen.window.undo.isVisible()
    assert not screen.window.deeds.possible("undo")
    screen.ctrl(Qt.Key.Key_Z)
    screen.settle()
    assert screen.call_type(offer) == "prank"
    screen.key(Qt.Key.Key_F5)
    screen.settle()
    assert screen.seat.line.asked == [], "after so long the key types again first"


@pytest.mark.promise("U7")
def test_the_way_back_outlives_the_call(screen: Screen) -> None:
    """A silent caller may be one who can't speak: hung up or not, the type can still be taken back."""
    offer = screen.talking()
    screen.key(Qt.Key.Key_F6)
    screen.settle()
    screen.ended(offer)
    assert screen.window.session.phase == "idle", "noise asks for no wrap-up"
    assert screen.window.undo.isVisible()
    assert "tertutup" in screen.window.undo.line.text()
    screen.ctrl(Qt.Key.Key_Z)
    screen.settle()
    assert screen.call_type(offer) == ""


@pytest.mark.promise("U7")
def test_with_a_location_typed_a_noise_key_asks_first(screen: Screen) -> None:
    offer = screen.talking()
    screen.type("batu merah")
    screen.enter()
    screen.settle()
    screen.key(Qt.Key.Key_F5)
    screen.settle()
    assert screen.call_type(offer) == "emergency"
    assert screen.window.trouble.kind == "ask"
    screen.key(Qt.Key.Key_F5)
    screen.settle()
    assert screen.call_type(offer) == "prank"
    assert screen.seat.line.asked == []


@pytest.mark.promise("U7")
def test_who_cannot_be_called_back_is_hung_up_by_two_presses(screen: Screen) -> None:
    screen.talking("112")
    screen.key(Qt.Key.Key_F12)
    assert screen.seat.line.asked == []
    assert screen.window.trouble.kind == "ask"
    screen.seat.clock.advance(6000)
    screen.window.ticker.beat()
    assert screen.window.trouble.kind == ""
    screen.key(Qt.Key.Key_F12)
    assert screen.seat.line.asked == [], "the first press was too long ago"
    screen.key(Qt.Key.Key_F12)
    assert screen.seat.line.asked == [("hang_up",)]


@pytest.mark.promise("U7")
def test_information_and_report_stay_on_the_line(screen: Screen) -> None:
    offer = screen.talking()
    for key, kind in (("F9", "information"), ("F10", "report")):
        screen.key(Qt.Key[f"Key_{key}"])
        screen.settle()
        assert screen.call_type(offer) == kind
        screen.key(Qt.Key[f"Key_{key}"])
        screen.settle()
    assert screen.seat.line.asked == []


@pytest.mark.promise("U1")
def test_a_ring_never_takes_the_focus_and_covers_strip_and_clocks_on_every_page(screen: Screen) -> None:
    screen.ctrl(Qt.Key.Key_N)
    screen.type("wai")
    screen.settle()
    focus = screen.focus
    text = focus.text()
    offer = screen.ring()
    screen.line((screen.rings[offer],))
    window = screen.window
    assert window.ring.isVisible()
    assert screen.focus is focus
    assert focus.text() == text, "an open form is not emptied by a ring"
    screen.type("hoka")
    assert focus.text() == "waihoka"
    for page in ("calls", "board", "shift"):
        window.show_page(page)
        assert window.ring.geometry() == window.strip.geometry().united(window.ribbon.geometry())
        assert window.ring.height() == 102
    screen.ended(offer)
    assert not window.ring.isVisible()


@pytest.mark.promise("U1")
def test_nothing_moves_when_a_call_is_answered(screen: Screen) -> None:
    offer = screen.ringing()
    page = screen.window.desk_page
    parts = (page, page.form, page.column_b, page.map, page.board, screen.window.status)
    before = [part.geometry() for part in parts]
    screen.answered(offer)
    assert [part.geometry() for part in parts] == before
    assert screen.focus is page.form.village


@pytest.mark.promise("P2")
def test_f2_answers_while_nobody_is_signed_in_and_the_form_is_there(screen: Screen) -> None:
    window = screen.window
    window.needs_sign_in = True
    window.show_page("desk")
    assert window.page == "sign_in"
    offer = screen.ringing()
    assert "Terima dulu" in window.ring.word.text()
    screen.key(Qt.Key.Key_F2)
    assert screen.seat.line.asked == [("answer", offer)]
    screen.answered(offer)
    assert window.page == "desk"
    screen.type("batu merah")
    screen.enter()
    screen.settle()
    assert screen.incident().fields["village"].values[0].person == "", "the op names the desk until somebody signs in"


@pytest.mark.promise("P7")
def test_a_second_ring_takes_the_clocks_place_and_f2_holds_first(screen: Screen) -> None:
    first = screen.talking()
    second = screen.ring("081300008804")
    screen.line((screen.rings[second],), first)
    window = screen.window
    assert window.ring.geometry() == window.ribbon.geometry()
    assert window.strip.isVisible()
    screen.key(Qt.Key.Key_F2)
    assert screen.seat.line.asked == [("hold",), ("answer", second)]


@pytest.mark.promise("M11")
def test_a_caller_who_gives_up_leaves_the_desk_as_it_was(screen: Screen) -> None:
    offer = screen.ringing()
    assert screen.window.desk_page.busy
    screen.ended(offer)
    assert not screen.window.desk_page.busy
    assert screen.window.session.phase == "idle"
    assert not screen.window.desk_page.form.incident


def test_a_line_that_may_not_ring_says_so(screen: Screen) -> None:
    strip = screen.window.strip
    assert strip.head.text() == "Siap menerima"
    screen.line(may_ring=False)
    assert strip.head.text() == "Mungkin tidak berdering"
    assert strip.under.token == "amber"
    screen.line(line="failed", may_ring=False)
    assert strip.head.text() == "Saluran tidak terdaftar"


@pytest.mark.promise("U1")
@pytest.mark.parametrize(
    ("language", "named", "told"),
    [
        ("id", (), "Saluran terdaftar · dering di semua keluaran suara"),
        ("en", (), "Line registered · rings on all sound outputs"),
        ("id", ("Headset", "Speaker USB"), "Saluran terdaftar · dering disetel ke Headset, Speaker USB"),
        ("en", ("Headset", "Speaker USB"), "Line registered · set to ring on Headset, Speaker USB"),
    ],
)
def test_where_it_rings_is_said_as_the_settings_have_it(
    qtbot: QtBot, seat: Seat, bridge: Bridge, theme: Theme, language: str, named: tuple[str, ...], told: str
) -> None:
    settings = seat.desk.settings
    seat.desk.settings = replace(settings, phone=replace(settings.phone, ring_outputs=named))
    i18n.use(language)
    screen = Screen(qtbot, seat, bridge, theme)
    screen.settle()
    assert screen.window.strip.under.text() == told
    screen.close()


@pytest.mark.promise("U1")
def test_hold_mute_and_timer(screen: Screen) -> None:
    offer = screen.talking()
    strip = screen.window.strip
    screen.key(Qt.Key.Key_F4)
    screen.key(Qt.Key.Key_F3)
    assert screen.seat.line.asked == [("mute", True), ("hold",)]
    screen.line((), offer, held=True, muted=True)
    assert strip.b_hold.word() == "Lanjut"
    assert strip.you.blocks.lit == 0, "a muted microphone shows no level"
    screen.key(Qt.Key.Key_F3)
    screen.key(Qt.Key.Key_F4)
    assert screen.seat.line.asked[2:] == [("resume",), ("mute", False)]
    screen.seat.clock.advance(62_000)
    screen.window.ticker.beat()
    assert strip.timer.text() == "01:02"


@pytest.mark.promise("U8")
def test_notified_is_never_assumed(screen: Screen) -> None:
    """One key makes them to notify; each is notified only by its own read-out mark."""
    screen.talking()
    screen.type("batu merah")
    screen.enter()
    screen.alt(Qt.Key.Key_J)
    screen.type("bk")
    screen.settle()
    panel = screen.window.desk_page.agencies
    assert panel.button.word() == "Beri tahu 4 instansi"
    screen.ctrl(Qt.Key.Key_Return)
    screen.settle()
    planned = screen.incident().assignments
    assert [a.agency for a in planned] == ["damkar", "pln", "hospital", "dishub"]
    assert [a.notified_at for a in planned] == [None] * 4
    assert panel.button.word() == "Sudah dibacakan: Damkar"
    screen.seat.clock.advance(5000)
    screen.ctrl(Qt.Key.Key_Return)
    screen.settle()
    assert [a.step for a in screen.incident().assignments] == [Step.NOTIFIED, *[Step.PLANNED] * 3]
    screen.alt(Qt.Key.Key_I)
    screen.key(Qt.Key.Key_3)
    screen.settle()
    steps = {a.agency: a.step for a in screen.incident().assignments}
    assert steps == {"damkar": Step.NOTIFIED, "pln": Step.PLANNED, "hospital": Step.NOTIFIED, "dishub": Step.PLANNED}
    assert screen.incident().assignments[0].notified_at == screen.seat.clock.now_ms()


@pytest.mark.promise("U8")
def test_an_agency_left_out_is_not_told(screen: Screen) -> None:
    screen.talking()
    screen.alt(Qt.Key.Key_J)
    screen.type("bk")
    screen.settle()
    screen.alt(Qt.Key.Key_I)
    screen.key(Qt.Key.Key_2)
    panel = screen.window.desk_page.agencies
    assert panel.button.word() == "Beri tahu 3 instansi"
    screen.ctrl(Qt.Key.Key_Return)
    screen.settle()
    assert "pln" not in {a.agency for a in screen.incident().assignments}


@pytest.mark.promise("U1")
def test_at_most_one_filled_button(screen: Screen) -> None:
    from ui.widgets.basic import Button

    def filled() -> list[str]:
        made = screen.window.findChildren(Button)
        return [b.word() for b in made if b.kind == "go" and b.isVisible() and b.isEnabled()]

    assert filled() == []
    offer = screen.ringing()
    assert filled() == ["Terima"]
    screen.answered(offer)
    screen.alt(Qt.Key.Key_J)
    screen.type("bk")
    screen.settle()
    assert filled() == ["Beri tahu 4 instansi"]


def test_card_answers_become_notes(screen: Screen) -> None:
    screen.talking()
    screen.alt(Qt.Key.Key_J)
    screen.type("bk")
    screen.settle()
    screen.alt(Qt.Key.Key_K)
    screen.type("ty")
    screen.settle()
    assert [note.text for note in screen.incident().notes] == [
        "Semua orang sudah di luar? Tidak",
        "Ada yang sesak atau luka bakar? Ya",
    ]
    sheet = screen.window.desk_page.card.sheet
    assert sheet.answers == {"everyone_out": "Tidak", "hurt": "Ya"}


@pytest.mark.parametrize(
    ("seconds", "text", "state"),
    [(10, "0:10", "plain"), (45, "0:45", "amber"), (59, "0:59", "amber"), (72, "+0:12", "breach")],
)
def test_a_clock_counts_up_past_its_target(seconds: int, text: str, state: str) -> None:
    shown = face(Stage("notify", "Instansi", 60, 1000, None), 1000 + seconds * 1000, 100, 0.75)
    assert (shown.text, shown.state) == (text, state)


def test_the_clocks_of_a_call_follow_the_record(screen: Screen) -> None:
    screen.ringing()
    screen.seat.clock.advance(4000)
    offer = screen.window.session.offer
    screen.answered(offer)
    screen.seat.clock.advance(17_000)
    screen.type("batu merah")
    screen.enter()
    screen.settle()
    screen.seat.clock.advance(7000)
    screen.alt(Qt.Key.Key_J)
    screen.type("bk")
    screen.settle()
    screen.seat.clock.advance(26_000)
    screen.window.ticker.beat()
    now = screen.seat.clock.now_ms()
    shown = {stage.key: stage for stage in screen.window.ribbon.stages}
    assert [round(shown[k].elapsed_s(now) or 0) for k in ("answer", "gate", "where", "what", "notify", "arrive")] == [
        4, 17, 17, 24, 50, 54,
    ]  # fmt: skip
    assert shown["arrive"].target_s == 900, "a fire has the regulation's quarter of an hour"
    assert shown["arrive"].words == "Damkar tiba"
    assert "Instansi 0:50 dari 1:00, hampir lewat" in screen.window.ribbon.accessibleDescription()
    row = done(screen.seat.desk.ask(lambda db: views.call(db, offer)))
    assert row is not None
    assert row.answered_at == shown["answer"].to_at


@pytest.mark.promise("U4")
def test_sound_levels_touch_only_their_meters(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    screen.talking()
    window = screen.window
    laid: list[int] = []
    real = window.lay_out
    monkeypatch.setattr(window, "lay_out", lambda: (laid.append(1), real()))
    state = window.session.state
    assert state is not None
    for level in (0.1, 0.5, 1.0):
        screen.bridge.tell_phone(replace(state, rx_level=level))
        screen.until(lambda level=level: window.strip.caller.blocks.lit == round(level * 10))
    assert laid == []
    screen.bridge.tell_phone(replace(state, held=True, rx_level=1.0))
    screen.until(lambda: bool(laid))


def test_what_the_line_can_not_do_is_said_while_it_rings_and_talks(screen: Screen) -> None:
    notice = say("engine.no_rtp_port")
    told = "Port suara habis, penelepon tetap berdering: akhiri satu panggilan, dan lebarkan phone.rtp_ports."
    strip = screen.window.strip
    offer = screen.ring()
    ring = screen.rings[offer]
    screen.line((ring,), notice=notice)
    assert strip.under.text() == told
    screen.line((ring,))
    assert strip.under.text() != told
    screen.answered(offer, notice=notice)
    assert strip.under.text() == told
    screen.line((), offer)
    assert strip.under.text() != told
