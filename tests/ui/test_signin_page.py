"""Signing in: by digit and PIN, at this desk alone, never in the way of a call."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from tests.screens.seat import NOW, PIN, Seat, done
from ui.admin.people import KEYS, PersonKey, initials
from ui.admin.signin import SignInPage
from ui.bridge import Bridge
from ui.theme import Theme
from workstation.domain.rows import Person, PhoneState, RingView
from workstation.domain.sentence import NOTHING
from workstation.service import people, views

Settled = Callable[[], None]
RING = RingView(b"o" * 16, "081300008804", "", "112", "mobile", NOW)
QUIET = PhoneState("registered", NOTHING, True, (), None, None, False, False, "Headset", "Headset", False, 0.0, 0.0)


@pytest.fixture
def page(seat: Seat, bridge: Bridge, theme: Theme, qtbot: QtBot, settled: Settled) -> SignInPage:
    seat.staff(operators=3)
    done(people.sign_out(seat.desk))
    made = SignInPage(seat.desk, bridge, theme)
    qtbot.addWidget(made)
    made.resize(1282, 622)
    made.show()
    made.activateWindow()
    settled()
    qtbot.waitUntil(made.grid.hasFocus)
    return made


def names(page: SignInPage) -> dict[str, str]:
    return {key.digit: key.person.name for key in page.grid.keys}


def test_everybody_of_the_roster_has_a_digit(page: SignInPage, seat: Seat) -> None:
    roster = done(seat.desk.ask(views.roster))
    assert names(page) == dict(zip(KEYS, (p.name for p in roster), strict=False))


@pytest.mark.promise("U2")
def test_a_digit_a_pin_and_enter_sign_in(page: SignInPage, seat: Seat, qtbot: QtBot) -> None:
    digit = next(d for d, name in names(page).items() if name == "Operator 2")
    entered: list[Person] = []
    page.signed_in.connect(entered.append)
    qtbot.keyClicks(page.grid, digit)
    assert page.secret.hasFocus()
    qtbot.keyClicks(page.secret, PIN)
    qtbot.keyClick(page.secret, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(entered))
    assert entered[0].name == "Operator 2"
    assert seat.desk.person is not None and seat.desk.person.login == "op2"
    assert page.secret.text() == ""


def test_the_pin_is_never_shown_nor_said(page: SignInPage, qtbot: QtBot) -> None:
    page.grid.press("1")
    qtbot.keyClicks(page.secret, PIN)
    assert page.secret.echoMode() == QLineEdit.EchoMode.Password
    assert PIN not in page.secret.displayText()
    face = QAccessible.queryAccessibleInterface(page.secret)
    said = [face.text(kind) for kind in (QAccessible.Text.Name, QAccessible.Text.Value, QAccessible.Text.Description)]
    assert not any(PIN in words for words in said), said


@pytest.mark.promise("U4")
def test_the_pin_is_checked_off_the_screens_thread(
    page: SignInPage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    where: list[str] = []
    unseal = people.unseal

    def noted(sealed: bytes, secret: str) -> bytes | None:
        where.append(threading.current_thread().name)
        return unseal(sealed, secret)

    monkeypatch.setattr(people, "unseal", noted)
    entered: list[object] = []
    page.signed_in.connect(entered.append)
    page.grid.press("1")
    page.secret.setText(PIN)
    page.enter()
    qtbot.waitUntil(lambda: bool(entered))
    assert where and all(name != threading.main_thread().name for name in where)


@pytest.mark.promise("P2")
def test_a_wrong_pin_is_said_and_closes_nothing(page: SignInPage, seat: Seat, qtbot: QtBot, bridge: Bridge) -> None:
    page.grid.press("1")
    for _ in range(3):
        page.secret.setText("00000000")
        page.enter()
        qtbot.waitUntil(lambda: bridge.waiting == 0)
        assert page._told.text().startswith("PIN salah") or "Coba lagi dalam" in page._told.text()
        assert page.secret.text() == "" and page.secret.isEnabled()
    assert seat.desk.person is None
    # The line is not the page's: F2 is the window's key, and the page has no way to refuse it.
    bridge.tell_phone(PhoneState(**{**{f: getattr(QUIET, f) for f in QUIET.__slots__}, "ringing": (RING,)}))
    qtbot.waitUntil(lambda: page.button.kind == "plain")
    assert "F2" in page._told.text()


def test_a_ring_takes_the_filled_button_and_gives_it_back(page: SignInPage, bridge: Bridge, qtbot: QtBot) -> None:
    ringing = PhoneState(**{**{f: getattr(QUIET, f) for f in QUIET.__slots__}, "ringing": (RING,)})
    assert page.button.kind == "go"
    bridge.tell_phone(ringing)
    qtbot.waitUntil(lambda: page.button.kind == "plain")
    focus = page.grid.hasFocus()
    assert focus, "a ring never takes the focus"
    bridge.tell_phone(QUIET)
    qtbot.waitUntil(lambda: page.button.kind == "go")


def test_nothing_of_the_board_is_on_the_page(page: SignInPage, night: dict[int, Seat]) -> None:
    page.show_open(11)
    said = page._state._list.accessibleName()
    assert "Papan: 11 terbuka" in said
    board = done(night[3].desk.ask(lambda db: views.board(db, NOW)))
    assert not any(row.number in said for row in board)


def test_more_people_than_keys_are_a_page_down_away(page: SignInPage, qtbot: QtBot) -> None:
    crowd = [Person(bytes([n]) * 16, f"op{n}", f"Operator {n}", "operator", "", None) for n in range(1, 15)]
    page.show_people(crowd)
    assert len(page.grid.keys) == 12 and page._beyond.text() == "2 petugas lain: Page Down"
    qtbot.keyClick(page.grid, Qt.Key.Key_PageDown)
    assert [key.person.name for key in page.grid.keys] == ["Operator 13", "Operator 14"]
    qtbot.keyClick(page.grid, Qt.Key.Key_PageDown)
    assert len(page.grid.keys) == 12


def test_somebody_new_appears_without_a_key(page: SignInPage, seat: Seat, bridge: Bridge, qtbot: QtBot) -> None:
    stop = seat.store.listen(bridge.tell_changed)
    seat.sign_in("kepala1")
    done(people.enrol(seat.desk, "op9", "Operator 9", "operator", PIN))
    qtbot.waitUntil(lambda: "Operator 9" in names(page).values())
    stop()


def test_initials_tell_operators_apart() -> None:
    assert [initials(n) for n in ("Operator 1", "Operator 12", "Kepala", "", "Teknisi Jaga")] == [
        "O1",
        "O12",
        "K",
        "?",
        "TJ",
    ]


@pytest.mark.promise("U6")
def test_every_person_key_has_a_name_role_and_state(page: SignInPage) -> None:
    page.grid.press("2")
    for key in page.findChildren(PersonKey):
        face = QAccessible.queryAccessibleInterface(key)
        assert key.person.name in face.text(QAccessible.Text.Name)
        assert face.role() in (QAccessible.Role.RadioButton, QAccessible.Role.CheckBox, QAccessible.Role.Button)
        assert bool(face.state().checked) == (key.digit == "2")
