"""The access log: every look at a person's data is in it, before the answer is given, and nothing takes it out (D6)."""

from __future__ import annotations

import pytest

from tests.service.desks import KEY, hand
from tests.service.lead_desk import DAY, as_, closed_case, staffed
from workstation.domain.rights import SEES
from workstation.service import access, retention, views
from workstation.service.desk import Desk, NotAllowed
from workstation.settings import RetentionSettings
from workstation.store import Tx, accesslog, check
from workstation.store.accesslog import Line
from workstation.store.cipher import connect, dbapi2
from workstation.store.errors import StoreFailed

pytestmark = [pytest.mark.usefixtures("quick_secrets"), pytest.mark.promise("D6")]


@pytest.fixture
def lead(desk: Desk) -> Desk:
    return staffed(desk)


def log_of(desk: Desk) -> list[Line]:
    return desk.ask(access.access_log).result(10)


def told(desk: Desk) -> list[tuple[str, str, str, int]]:
    return [(line.view, line.role, line.about, line.rows) for line in reversed(log_of(desk))]


def test_who_looked_at_what_stands_in_the_log_before_the_answer_is_given(lead: Desk) -> None:
    incident, _ = closed_case(lead)
    assert told(lead) == []
    view = lead.because("keluhan warga").see(views.incident, incident)
    assert view.result(10) is not None
    (line,) = log_of(lead)
    assert line.person == lead.person_uid and line.why == "keluhan warga" and line.at == lead.clock.now_ms()
    assert (line.view, line.role, line.about, line.rows) == ("incident", "lead", incident.hex(), 1)
    as_(lead, "op1")
    lead.see(views.calls_page).result(10)
    lead.see(views.earlier_calls, "081200004417", lead.clock.now_ms() + 1).result(10)
    assert told(lead)[1:] == [("calls_page", "operator", "", 1), ("earlier_calls", "operator", "081200004417", 1)]


def test_views_marked_in_the_table_are_logged_and_no_others(lead: Desk) -> None:
    now = lead.clock.now_ms()
    given = {
        "incident": (b"x" * 16,), "call": (b"x" * 16,), "at_ring": (b"x" * 16, "1", now), "board": (now,),
        "attachments": (b"x" * 16,), "attachment": (b"x" * 16,),
        "abandoned": (now,), "calls_and_abandoned": (now,), "earlier_calls": ("1", now), "queue": (now,),
        "search": ("x", lambda _word: (), lambda: False),
        "shift": (now,), "desks": (now,), "due": (now, RetentionSettings()),
    }  # fmt: skip
    for name in views.__all__:
        before = len(log_of(lead))
        lead.see(getattr(views, name), *given.get(name, ())).result(10)
        assert len(log_of(lead)) - before == SEES[name].logged, name
    assert {"incident", "calls_page", "earlier_calls", "access_log"} <= {n for n, s in SEES.items() if s.logged}


def test_a_form_that_asks_after_every_key_writes_one_line_a_minute(lead: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    incident, _ = closed_case(lead)
    vector, write, written = lead.store.vector(), lead.write, []
    monkeypatch.setattr(lead, "write", lambda act: written.append(act) or write(act))
    for _ in range(5):
        lead.see(views.incident, incident).result(10)
    assert len(log_of(lead)) == 1 and len(written) == 1, "nor does a key wait for the disk for it"
    hand(lead).advance(60_000)
    lead.see(views.incident, incident).result(10)
    assert len(log_of(lead)) == 2 and lead.store.vector() == vector, "the log never travels"


def test_who_may_not_see_is_refused_and_the_log_itself_is_looked_at_in_the_log(lead: Desk) -> None:
    incident, _ = closed_case(lead)
    lead.see(views.incident, incident).result(10)
    as_(lead, "op1")
    with pytest.raises(NotAllowed):
        lead.see(views.access_log).result(10)
    as_(lead, "teknisi1")
    assert [line.view for line in lead.because("audit").see(views.access_log).result(10)] == ["incident"]
    assert told(lead)[-1] == ("access_log", "it", "", 1) and log_of(lead)[0].why == "audit"


@pytest.mark.parametrize("sql", ["update access set rows = 9", "delete from access", "delete from access where n = 1"])
def test_the_file_refuses_to_change_it(lead: Desk, sql: str) -> None:
    incident, _ = closed_case(lead)
    lead.see(views.incident, incident).result(10)
    with pytest.raises((dbapi2.DatabaseError, StoreFailed), match="only added to"):
        lead.write(lambda tx: tx.db.execute(sql)).result(10)
    assert len(log_of(lead)) == 1


@pytest.mark.parametrize(
    "sql",
    ["update access set about = 'x' where n = 2", "delete from access where n = 2", "delete from access where n = 1"],
)
def test_what_is_changed_behind_the_programs_back_is_noticed(lead: Desk, sql: str) -> None:
    for n in range(3):
        lead.because(f"sebab {n}").see(views.calls_page).result(10)
    assert check.whole(lead.store.path, KEY) == []
    db = connect(lead.store.path, KEY)
    db.execute("drop trigger access_stays")
    db.execute("drop trigger access_kept")
    db.execute(sql)
    db.close()
    assert check.whole(lead.store.path, KEY)[0].startswith("the access log was changed at line")


def test_lines_go_when_their_time_is_over_and_the_rest_still_proves_itself(lead: Desk) -> None:
    rules = RetentionSettings(access_days=60)
    for _ in range(4):
        lead.see(views.calls_page).result(10)
        hand(lead).advance(30 * DAY)

    def forget(tx: Tx) -> int:
        return retention.forget_looks(tx, rules)

    assert lead.store.write(forget).result(10).value == 2
    first = lead.clock.now_ms() - 120 * DAY
    assert [line.at - first for line in log_of(lead)] == [90 * DAY, 60 * DAY]
    assert check.whole(lead.store.path, KEY) == []
    assert lead.store.write(forget).result(10).value == 0
    hand(lead).advance(400 * DAY)
    assert lead.store.write(forget).result(10).value == 2
    lead.see(views.calls_page).result(10)
    assert len(log_of(lead)) == 1 and check.whole(lead.store.path, KEY) == []
    assert lead.ask(accesslog.broken).result(10) == 0


@pytest.mark.expected_log("is not in the access log")
def test_a_log_that_cannot_be_written_keeps_no_answer_back(lead: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    incident, _ = closed_case(lead)

    def full(*_: object) -> int:
        raise dbapi2.OperationalError("database or disk is full")

    monkeypatch.setattr(accesslog, "add", full)
    assert lead.see(views.incident, incident).result(10) is not None
    monkeypatch.undo()
    lead.see(views.incident, incident).result(10)
    assert len(log_of(lead)) == 1, "it was not taken for noted"
