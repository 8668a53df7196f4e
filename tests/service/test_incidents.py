from __future__ import annotations

from pathlib import Path

import pytest

from tests.service.desks import NOW, a_desk, exchange, hand, opened, ring
from tests.store.sites import BY_SITE
from workstation.domain.rows import IncidentView, Step, Sync
from workstation.service import calls, dispatch, intake, people, review, views
from workstation.service.desk import BadValue, Desk, Edit, NotAllowed, NotFound, TooLate
from workstation.service.dispatch import Plan


def view(desk: Desk, incident: bytes, now: int = 0) -> IncidentView:
    found = desk.ask(lambda db: views.incident(db, incident, now)).result()
    assert found is not None
    return found


def put(desk: Desk, incident: bytes, **values: object) -> None:
    intake.edit(desk, incident, {name: Edit(value) for name, value in values.items()}).result()


def test_numbers_carry_the_desks_prefix_and_count_on(two: tuple[Desk, Desk]) -> None:
    one, other = two
    incidents = [opened(one), opened(one), opened(other)]
    exchange(one, other)
    seen = [view(one, incident).row.number for incident in incidents]
    assert seen == ["AMB-1-0001", "AMB-1-0002", "AMB-2-0001"]


def test_a_desk_that_lost_its_file_goes_on_past_the_numbers_that_come_back(tmp_path: Path) -> None:
    with a_desk(tmp_path, 1) as old, a_desk(tmp_path, 2) as other:
        for _ in range(3):
            opened(old)
        exchange(old, other)
        (tmp_path / "new").mkdir()
        with a_desk(tmp_path / "new", 1, seed=7) as new:
            early = opened(new)  # a call came before the hub did
            assert view(new, early).row.number == "AMB-1-0001"
            exchange(new, other)
            assert [view(new, opened(new)).row.number for _ in range(2)] == ["AMB-1-0004", "AMB-1-0005"]


def test_opening_twice_opens_once(desk: Desk) -> None:
    incident = opened(desk)
    intake.open_incident(desk, incident).result()
    assert view(desk, incident).row.number == "AMB-3-0001"
    assert view(desk, opened(desk)).row.number == "AMB-3-0002"


@pytest.mark.promise("M3")
def test_an_edit_replaces_what_its_form_showed(two: tuple[Desk, Desk]) -> None:
    one, other = two
    incident = opened(one)
    put(one, incident, landmark="depan SD")
    exchange(one, other)
    shown = view(other, incident).fields["landmark"]
    intake.edit(other, incident, {"landmark": Edit("dekat pos kamling", shown.seen)}).result()
    exchange(one, other)
    for desk in two:
        field = view(desk, incident).fields["landmark"]
        assert (field.face, field.rival) == ("dekat pos kamling", False)


@pytest.mark.promise("M3")
@pytest.mark.promise("M4")
def test_an_edit_that_had_not_seen_the_other_keeps_both_and_says_so(two: tuple[Desk, Desk]) -> None:
    one, other = two
    incident = opened(one)
    ring(other)  # a desk is called by its name once an op of its own has said it
    exchange(one, other)
    put(one, incident, landmark="depan SD")
    put(other, incident, landmark="dekat pos kamling")
    exchange(one, other)
    assert one.store.digest() == other.store.digest()
    for desk in two:
        seen = view(desk, incident)
        assert {value.value for value in seen.fields["landmark"].values} == {"depan SD", "dekat pos kamling"}
        assert {value.desk for value in seen.fields["landmark"].values} == {"Meja 1", "Meja 2"}
        assert (seen.row.rivals, seen.row.sync) == (1, Sync.CONFLICT)
        (row,) = desk.ask(views.conflicts).result()
        assert (row.incident, row.field.name) == (incident, "landmark")


@pytest.mark.promise("M3")
def test_a_desks_own_later_keys_replace_its_earlier_ones_unseen(desk: Desk) -> None:
    incident = opened(desk)
    for landmark in ("d", "dep", "depan SD"):
        put(desk, incident, landmark=landmark)  # the form was never told the dots of its own writes
    field = view(desk, incident).fields["landmark"]
    assert [value.value for value in field.values] == ["depan SD"]


def test_what_is_there_already_makes_no_op(desk: Desk) -> None:
    incident = opened(desk)
    put(desk, incident, landmark="depan SD", injured=2, hazards=["fuel", "collapse"])
    before = desk.store.vector()
    put(desk, incident, landmark="depan SD", injured=2, hazards=["collapse", "fuel"], rt="")
    assert desk.store.vector() == before


def test_values_that_do_not_fit_are_refused_whole(desk: Desk) -> None:
    incident = opened(desk)
    before = desk.store.vector()
    for name, value in (
        ("injured", "dua"), ("injured", -1), ("injured", True), ("lat", 91.0), ("lon", float("nan")), ("priority", 5),
        ("type", "nonsense"), ("hazards", "fuel"), ("landmark", "x" * 4001), ("colour", "red"), ("_life", "x"),
    ):  # fmt: skip
        with pytest.raises(BadValue, match=name):
            intake.edit(desk, incident, {"landmark": Edit("stays out"), name: Edit(value)}).result()
    with pytest.raises(NotFound):
        intake.edit(desk, desk.ids.uid(), {"rt": Edit("003")}).result()
    assert desk.store.vector() == before


@pytest.mark.promise("M5")
def test_a_note_is_put_right_by_a_new_line_and_stays(desk: Desk) -> None:
    incident = opened(desk)
    intake.note(desk, incident, "api dari dapur").result()
    intake.note(desk, incident, "   ").result()
    (line,) = view(desk, incident).notes
    intake.correct(desk, incident, line.dot, "api dari gudang").result()
    first, second = view(desk, incident).notes
    assert (first.text, second.text, second.corrects) == ("api dari dapur", "api dari gudang", first.dot)
    with pytest.raises(BadValue):
        intake.correct(desk, incident, (1, 1), "nothing there").result()


@pytest.mark.promise("U8")
def test_one_key_plans_the_package_and_notifies_nobody(desk: Desk) -> None:
    incident = opened(desk)
    put(desk, incident, village="81.71.02.2003", type="structure_fire")
    package = desk.catalogue.package("structure_fire")
    plans = [Plan(task.agency, desk.catalogue.agencies[task.agency].channel) for task in package]
    dispatch.plan(desk, incident, plans).result()
    dispatch.plan(desk, incident, plans).result()  # the key pressed twice
    rows = view(desk, incident).assignments
    assert [row.agency for row in rows] == ["damkar", "pln", "hospital", "dishub"]
    assert all(row.step is Step.PLANNED and row.notified_at is None for row in rows)


@pytest.mark.promise("U8")
def test_notified_comes_from_a_proof_only(desk: Desk) -> None:
    incident = opened(desk)
    dispatch.plan(desk, incident, [Plan("damkar", "radio")]).result()
    (row,) = view(desk, incident).assignments
    with pytest.raises(BadValue, match="proof"):
        dispatch.notified(desk, row.uid, "assumed").result()
    hand(desk).advance(5000)
    dispatch.notified(desk, row.uid, "read_out").result()
    hand(desk).advance(5000)
    dispatch.notified(desk, row.uid, "call").result()
    (row,) = view(desk, incident).assignments
    assert (row.step, row.notified_at) == (Step.NOTIFIED, NOW + 5000)


def test_an_incident_closes_when_every_assignment_has_ended(desk: Desk) -> None:
    incident = opened(desk)
    dispatch.plan(desk, incident, [Plan("damkar", "radio"), Plan("pln", "phone")]).result()
    damkar, pln = view(desk, incident).assignments
    dispatch.notified(desk, damkar.uid, "call").result()
    dispatch.done(desk, damkar.uid).result()
    with pytest.raises(intake.StillOpen, match="pln"):
        intake.close(desk, incident, "handled_on_site").result()
    with pytest.raises(BadValue):
        dispatch.refused(desk, pln.uid, "  ").result()
    dispatch.refused(desk, pln.uid, "no crew").result()
    intake.close(desk, incident, "handled_on_site").result()
    assert (view(desk, incident).row.status, view(desk, incident).disposition) == ("closed", "handled_on_site")
    assert desk.ask(lambda db: views.board(db, NOW)).result() == []
    intake.reopen(desk, incident, "the fire came back").result()
    assert [row.uid for row in desk.ask(lambda db: views.board(db, NOW)).result()] == [incident]


def test_the_next_deadline_follows_the_stamps(desk: Desk) -> None:
    offer = ring(desk)
    calls.answered(desk, offer, NOW + 4000).result()
    hand(desk).advance(10_000)
    incident = opened(desk, offer)
    put(desk, incident, village="81.71.02.2003", type="structure_fire", priority=1)

    def due(now: int = NOW) -> tuple[str, int | None, str]:
        (row,) = desk.ask(lambda db: views.board(db, now)).result()
        return row.deadline, row.deadline_at, row.deadline_agency

    assert due() == ("notify", NOW + 64_000, "")
    dispatch.plan(desk, incident, [Plan("damkar", "radio"), Plan("hospital", "phone")]).result()
    damkar, hospital = view(desk, incident).assignments
    assert due()[0] == "notify"
    for row in (damkar, hospital):
        dispatch.notified(desk, row.uid, "call", NOW + 20_000).result()
    assert due() == ("acknowledge", NOW + 80_000, "damkar")
    assert [row.late for row in view(desk, incident, NOW + 80_001).assignments] == [True, True]
    for row in (damkar, hospital):
        dispatch.acknowledged(desk, row.uid, NOW + 30_000).result()
    assert due() == ("depart", NOW + 150_000, "damkar")  # nobody waits for the hospital to set off
    dispatch.departed(desk, damkar.uid, NOW + 60_000).result()
    assert due() == ("arrive", NOW + 900_000, "damkar")  # a fire: 15 minutes from the ring
    dispatch.arrived(desk, damkar.uid, NOW + 600_000).result()
    assert due() == ("result", NOW + 600_000 + 3_600_000, "damkar")


def test_the_board_is_sorted_by_priority_then_age_and_bounded(desk: Desk) -> None:
    made = []
    for priority in (3, None, 1, 2, 1):
        incident = opened(desk)
        put(desk, incident, priority=priority)
        made.append(incident)
        hand(desk).advance(60_000)
    rows = desk.ask(lambda db: views.board(db, NOW)).result()
    assert [row.uid for row in rows] == [made[place] for place in (2, 4, 3, 0, 1)]
    assert [row.uid for row in desk.ask(lambda db: views.board(db, NOW, limit=2)).result()] == [made[2], made[4]]


def test_all_of_together_stands_or_none_of_it(desk: Desk) -> None:
    incident = desk.ids.uid()

    def both(inside: Desk) -> None:
        intake.open_incident(inside, incident)
        intake.edit(inside, incident, {"priority": Edit(9)})

    with pytest.raises(BadValue):
        desk.together(both).result()
    assert desk.ask(lambda db: views.incident(db, incident)).result() is None
    assert view(desk, opened(desk)).row.number == "AMB-3-0001"  # the number was given back


def seat(desk: Desk, login: str, role: str) -> None:
    people.enrol(desk, login, login.title(), role, "112112", BY_SITE).result()
    people.sign_in(desk, login, "112112").result()


@pytest.mark.usefixtures("quick_secrets")
@pytest.mark.promise("M4")
def test_only_a_lead_settles_and_what_nobody_saw_stays(two: tuple[Desk, Desk]) -> None:
    one, other = two
    incident = opened(one)
    exchange(one, other)
    put(one, incident, landmark="A")
    put(other, incident, landmark="B")
    exchange(one, other)
    seen = view(one, incident).fields["landmark"].seen
    with pytest.raises(NotAllowed):
        review.settle(one, incident, "landmark", "A", seen).result()
    seat(one, "kepala1", "lead")
    people.enrol(one, "op1", "Operator 1", "operator", "112112").result()
    put(other, incident, landmark="C, written meanwhile")
    review.settle(one, incident, "landmark", "A", seen).result()
    exchange(one, other)
    for desk in two:
        field = view(desk, incident).fields["landmark"]
        assert {value.value for value in field.values} == {"A", "C, written meanwhile"}
        assert "Kepala1" in {value.person for value in field.values}
    review.settle(one, incident, "landmark", "C", view(one, incident).fields["landmark"].seen).result()
    exchange(one, other)
    assert other.ask(views.conflicts).result() == []
    people.sign_in(one, "op1", "112112").result()
    with pytest.raises(NotAllowed, match="operator"):
        review.settle(one, incident, "landmark", "D", ()).result()


@pytest.mark.usefixtures("quick_secrets")
def test_a_decision_taken_back_brings_both_values_back(two: tuple[Desk, Desk]) -> None:
    one, other = two
    incident = opened(one)
    exchange(one, other)
    put(one, incident, landmark="A")
    put(other, incident, landmark="B")
    exchange(one, other)
    seat(one, "kepala1", "lead")
    before = view(one, incident).fields["landmark"]
    review.settle(one, incident, "landmark", "C", before.seen).result()
    review.bring_back(one, incident, "landmark", [value.value for value in before.values]).result()
    exchange(one, other)
    for desk in two:
        after = view(desk, incident).fields["landmark"]
        assert [value.value for value in after.values] == [value.value for value in before.values]
    with pytest.raises(TooLate):
        review.bring_back(one, incident, "landmark", ["A", "B"]).result()
