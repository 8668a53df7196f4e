from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

import resources
from tests.service.desks import a_desk
from workstation.domain.rows import BoardRow, IncidentView, Step
from workstation.domain.sentence import say
from workstation.exchange import replay as replaying
from workstation.exchange.mapping import MappingWrong, TableMap, load
from workstation.exchange.replay import CutOff, Outcome, replay
from workstation.exchange.replay import Step as Progress
from workstation.service import dispatch, views
from workstation.service.desk import Desk
from workstation.store import Store, StoreFailed

SAMPLE = Path(__file__).with_name("sample_fire_calls.csv")
MAPPING = load(resources.path("imports/datasf_fire.toml"))
CHECKPOINT = replaying.checkpoint_of(hashlib.sha256(SAMPLE.read_bytes()).hexdigest(), MAPPING)
REAL = Path(
    os.environ.get("TAHURI_FIRE_CALLS") or Path(__file__).parents[3] / "shared" / "data" / "sf_fire_calls_2020.csv"
)
BROKEN = {6: "received", 7: "call", 9: "already", 10: "response", 11: "unit", 12: "34"}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with a_desk(tmp_path) as desk:
        yield desk


def at(words: str) -> int:
    return int(datetime.fromisoformat(words).replace(tzinfo=ZoneInfo("America/Los_Angeles")).timestamp() * 1000)


def incidents(desk: Desk) -> dict[str, IncidentView]:
    """Every incident of the record by the join key of its call."""

    def ask(db) -> dict[str, IncidentView]:
        rows = db.execute("select offer.key, link.source from link join offer on offer.uid = link.target").fetchall()
        return {key: view for key, uid in rows if (view := views.incident(db, uid)) is not None}

    return desk.ask(ask).result()


def stamps(desk: Desk, number: str) -> list[tuple[object, ...]]:
    rows = incidents(desk)[f"datasf:{number}"].assignments
    return [(r.unit, r.step, r.notified_at, r.departed_at, r.arrived_at, r.done_at) for r in rows]


def test_the_sample_gives_its_calls_units_and_stamps(desk: Desk) -> None:
    told = replay(desk, SAMPLE, MAPPING).as_dict()
    assert (told["rows"], told["calls"], told["incidents"], told["assignments"]) == (12, 5, 5, 6)
    # Two units of one call whose rows are not neighbours; the second never came on scene.
    first, second = stamps(desk, "210020001")
    assert first == (
        "E01", Step.DONE, at("2021-01-02T23:59:00"), at("2021-01-02T23:59:50"), at("2021-01-03T00:04:00"),
        at("2021-01-03T01:10:00"),
    )  # fmt: skip
    assert second[0] == "T01" and second[4] is None
    fire = incidents(desk)["datasf:210020001"]
    assert (fire.row.type, fire.row.priority, fire.row.lat, fire.row.status) == ("structure_fire", 1, 37.5, "closed")
    assert fire.row.opened_at == at("2021-01-02T23:58:40")
    assert "Structure Fire · Alarm · Fire" in [note.text for note in fire.notes]
    (call,) = [desk.ask(lambda db, uid=uid: views.call(db, uid)).result() for uid in fire.calls]
    assert call is not None
    assert (call.rang_at, call.status, call.type) == (at("2021-01-02T23:58:00"), "ended", "emergency")


def test_a_row_that_cannot_be_read_is_named_and_the_rest_goes_in(desk: Desk) -> None:
    rejected = {item.row: item.reason for item in replay(desk, SAMPLE, MAPPING).rejected}
    assert set(rejected) == set(BROKEN)
    assert all(why in rejected[row] for row, why in BROKEN.items()), rejected


def test_what_is_unknown_to_the_mapping_is_kept_in_words(desk: Desk) -> None:
    replay(desk, SAMPLE, MAPPING)
    medical = incidents(desk)["datasf:210020002"]
    assert medical.row.type == "" and medical.row.priority == 3
    assert [note.text for note in medical.notes] == ["Medical Incident · Alarm · Code 2 Transport"]
    assert (medical.disposition, medical.assignments[0].agency) == ("taken_to_hospital", "psc119")
    drowned = incidents(desk)["datasf:210020005"]
    assert (drowned.row.lat, drowned.row.place) == (None, "Sampletown")


def test_an_incident_whose_unit_never_came_free_stays_open(desk: Desk) -> None:
    replay(desk, SAMPLE, MAPPING)
    rows: list[BoardRow] = desk.ask(lambda db: views.board(db, desk.clock.now_ms())).result()
    assert [(row.type, row.status) for row in rows] == [("drowning", "dispatched")]


def test_both_forms_of_time_are_read(desk: Desk) -> None:
    replay(desk, SAMPLE, MAPPING)
    (unit,) = stamps(desk, "210020009")
    assert unit[2] == at("2021-01-02T15:01:00") and unit[5] == at("2021-01-02T15:30:00")


def test_a_second_run_imports_nothing_twice(desk: Desk) -> None:
    replay(desk, SAMPLE, MAPPING)
    before = desk.store.vector()
    told = replay(desk, SAMPLE, MAPPING)
    assert (told.calls, told.assignments, told.already) == (0, 0, 5)
    assert desk.store.vector() == before


def test_the_same_call_in_another_file_is_not_imported_twice(desk: Desk, tmp_path: Path) -> None:
    replay(desk, SAMPLE, MAPPING)
    before = desk.store.vector()
    longer = tmp_path / "longer.csv"
    longer.write_text(SAMPLE.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    told = replay(desk, longer, MAPPING)
    assert (told.already, told.calls, told.rejected != []) == (5, 0, True)
    assert desk.store.vector() == before


def test_a_corrected_file_brings_the_units_that_stayed_out(desk: Desk, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    source = SAMPLE.read_text(encoding="utf-8")
    assert source.count("01/02/2021 11:59:55 PM") == 1  # the second unit of the first call
    broken.write_text(source.replace("01/02/2021 11:59:55 PM", "soon"), encoding="utf-8")
    told = replay(desk, broken, MAPPING)
    assert (told.calls, told.assignments, {item.row for item in told.rejected}) == (5, 5, {4, *BROKEN})
    (first,) = stamps(desk, "210020001")
    told = replay(desk, SAMPLE, MAPPING)
    assert (told.already, told.calls, told.incidents, told.assignments) == (5, 0, 0, 1)
    kept, added = stamps(desk, "210020001")
    assert kept == first
    assert added == (
        "T01", Step.DONE, at("2021-01-02T23:59:05"), at("2021-01-02T23:59:55"), None, at("2021-01-03T00:40:00")
    )  # fmt: skip
    before = desk.store.vector()
    for file in (SAMPLE, broken):
        told = replay(desk, file, MAPPING)
        assert (told.already, told.assignments) == (5, 0)
    assert desk.store.vector() == before


def test_a_corrected_mapping_brings_what_the_first_could_not_read(desk: Desk) -> None:
    told = replay(desk, SAMPLE, replace(MAPPING, times=MAPPING.times[:1]))
    assert (told.calls, 13 in {item.row for item in told.rejected}) == (4, True)
    told = replay(desk, SAMPLE, MAPPING)
    assert (told.already, told.calls, told.assignments) == (4, 1, 1)


def test_a_missing_unit_that_is_refused_is_named_alone(desk: Desk, tmp_path: Path) -> None:
    replay(desk, SAMPLE, MAPPING)
    longer = tmp_path / "longer.csv"
    lines = SAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)
    longer.write_text("".join([*lines, lines[1].replace("E01", "E" * 101)]), encoding="utf-8")
    told = replay(desk, longer, MAPPING)
    assert {item.row for item in told.rejected} == {14, *BROKEN}
    assert (told.already, told.assignments) == (4, 0)


def test_a_unit_someone_has_sent_meanwhile_is_not_sent_twice(desk: Desk, tmp_path: Path) -> None:
    """The call is open; the file of tomorrow has a unit that an operator wrote down by hand."""
    replay(desk, SAMPLE, MAPPING)
    uid = incidents(desk)["datasf:210020005"].row.uid
    dispatch.plan(desk, uid, [dispatch.Plan("damkar", MAPPING.channel, "E07")]).result()
    before = desk.store.vector()
    longer = tmp_path / "longer.csv"
    lines = SAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)
    assert ",E05," in lines[7]
    longer.write_text("".join([*lines, lines[7].replace("E05", "E07")]), encoding="utf-8")
    told = replay(desk, longer, MAPPING)
    assert (told.already, told.assignments, {item.row for item in told.rejected}) == (5, 0, set(BROKEN))
    assert desk.store.vector() == before


def test_a_run_that_was_cut_off_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "IN_FLIGHT", 1)
    written = replaying.write_call
    left = 3

    def cut(desk: Desk, call, mapping: TableMap) -> int:
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1
        return written(desk, call, mapping)

    with a_desk(tmp_path) as desk:
        monkeypatch.setattr(replaying, "write_call", cut)
        with pytest.raises(KeyboardInterrupt):
            replay(desk, SAMPLE, MAPPING)
        assert len(incidents(desk)) == 3
        assert desk.kept(CHECKPOINT, 0).result() == 3
    monkeypatch.setattr(replaying, "write_call", written)
    with a_desk(tmp_path) as desk:
        told = replay(desk, SAMPLE, MAPPING)
        assert (told.already, told.calls) == (3, 2)
        assert len(incidents(desk)) == 5
    with a_desk(tmp_path / "whole", seed=9) as other:
        replay(other, SAMPLE, MAPPING)
        cut_off = sorted((view.row.number, view.row.type, view.row.status) for view in incidents(other).values())
    with a_desk(tmp_path) as desk:
        assert cut_off == sorted((view.row.number, view.row.type, view.row.status) for view in incidents(desk).values())


def test_a_call_the_services_refuse_is_named_whole_and_leaves_nothing(desk: Desk) -> None:
    told = replay(desk, SAMPLE, replace(MAPPING, types={"Structure Fire": "no such type"}))
    assert told.calls == 4
    assert {2, 4} < {item.row for item in told.rejected}
    assert "datasf:210020001" not in incidents(desk)


@pytest.mark.parametrize("received", ["01/01/1960 11:58:00 PM", "01/01/2160 11:58:00 PM", "0001-01-01T00:00:00"])
def test_a_row_of_an_impossible_year_is_named_and_the_rest_goes_in(desk: Desk, tmp_path: Path, received: str) -> None:
    header, first, *rest = SAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)
    assert first.count("01/02/2021 11:58:00 PM") == 1
    file = tmp_path / "old.csv"
    old = first.replace("01/02/2021 11:58:00 PM", received)
    file.write_text("".join([header, old, *rest]), encoding="utf-8")
    told = replay(desk, file, MAPPING)
    assert {item.row: item.reason for item in told.rejected}[2].startswith("received: ")
    assert "1970 to 2099" in told.rejected[0].reason
    assert (told.calls, told.assignments) == (5, 5)


def test_a_full_disk_cuts_off_and_the_same_command_goes_on(tmp_path: Path) -> None:
    with a_desk(tmp_path) as desk:
        pages = desk.store.write(lambda tx: tx.db.execute("pragma page_count").fetchone()[0]).result().value
        desk.store.write(lambda tx: tx.db.execute(f"pragma max_page_count = {pages + 3}").fetchone()).result()
        with pytest.raises(CutOff, match="disk is full") as cut:
            replay(desk, SAMPLE, MAPPING)
        before = cut.value.outcome
        desk.store.write(lambda tx: tx.db.execute("pragma max_page_count = 4294967294").fetchone()).result()
        assert len(incidents(desk)) == before.incidents < 5
        told = replay(desk, SAMPLE, MAPPING)
        assert (told.already, told.calls, told.incidents) == (before.calls, 5 - before.calls, 5 - before.incidents)
        assert len(incidents(desk)) == 5


def test_a_call_the_machine_could_not_keep_is_not_passed_by_the_next(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, tried = replaying.write_call, []

    def fails_once(desk: Desk, call, mapping: TableMap) -> replaying.Written:
        tried.append(call.number)
        if len(tried) == 2:
            raise StoreFailed(say("record.failing"))
        return written(desk, call, mapping)

    monkeypatch.setattr(replaying, "write_call", fails_once)
    with pytest.raises(CutOff, match="gives errors") as cut:
        replay(desk, SAMPLE, MAPPING)
    assert (cut.value.outcome.calls, len(tried), desk.kept(CHECKPOINT, 0).result()) == (1, 2, 1)
    told = replay(desk, SAMPLE, MAPPING)
    assert (told.already, told.calls, len(incidents(desk))) == (1, 4, 5)


def test_what_is_told_is_what_was_written(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying.intake, "open_incident", lambda *_, **__: None)
    for name in ("edit", "note", "close"):
        monkeypatch.setattr(replaying.intake, name, lambda *_, **__: None)
    monkeypatch.setattr(replaying, "_write_units", lambda *_: [])
    told = replay(desk, SAMPLE, MAPPING)
    assert (told.calls, told.incidents, told.assignments) == (5, 0, 0)


def test_other_years_call_their_columns_otherwise(desk: Desk, tmp_path: Path) -> None:
    names = {
        "Call Number": "call_number",
        "Unit ID": "unit_id",
        "Received DtTm": "received_dttm",
        "Entry DtTm": "entry_dttm",
        "On Scene DtTm": "ON SCENE DTTM",
        "Neighborhooods - Analysis Boundaries": "neighborhoods_analysis_boundaries",
        "Location": "case_location",
    }
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    other = tmp_path / "other.csv"
    with other.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([[names.get(name, name) for name in header], *rows])
    assert replay(desk, other, MAPPING).assignments == 6
    fire = incidents(desk)["datasf:210020001"]
    assert (fire.row.place, fire.row.lat) == ("North Quay, Sampletown", 37.5)
    assert fire.assignments[0].arrived_at == at("2021-01-03T00:04:00")


def test_a_table_without_a_needed_column_is_refused(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "no.csv"
    file.write_text("Call Number,Received DtTm\n1,01/02/2021 11:58:00 PM\n", encoding="utf-8")
    with pytest.raises(MappingWrong, match="Unit ID or unit_id"):
        replay(desk, file, MAPPING)
    file.write_text("", encoding="utf-8")
    with pytest.raises(MappingWrong, match="empty"):
        replay(desk, file, MAPPING)


def test_speed_keeps_the_records_own_pace(desk: Desk) -> None:
    pauses: list[float] = []
    replay(desk, SAMPLE, MAPPING, speed=60.0, pause=pauses.append)
    assert pauses == [120.0, 150.0, 150.0, 538.0]


def test_progress_is_told_to_the_end(desk: Desk) -> None:
    told: list[Progress] = []
    replay(desk, SAMPLE, MAPPING, told=told.append)
    assert (told[-1].done, told[-1].calls, told[-1].rows) == (5, 5, 6)


@pytest.mark.skipif(
    not REAL.is_file(), reason="the publication is not part of the project: set TAHURI_FIRE_CALLS to its 2020 extract"
)
def test_the_real_publication_gives_its_calls(tmp_path: Path) -> None:
    with REAL.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with a_desk(tmp_path) as desk:
        told: Outcome = replay(desk, REAL, MAPPING)
        json.dumps(told.as_dict())
        assert (told.rows, told.calls, told.incidents, told.assignments) == (10410, 5292, 5292, 10410)
        assert told.rejected == []
        _stamps_agree(desk.store, rows)


def _stamps_agree(store: Store, rows: list[dict[str, str]]) -> None:
    """Every stamp of the record against the file, read here by another way."""
    sql = """select offer.key, assignment.unit, call.rang_at, incident.opened_at, assignment.notified_at,
             assignment.departed_at, assignment.arrived_at, assignment.done_at from assignment
             join incident on incident.uid = assignment.incident join link on link.source = incident.uid
             join offer on offer.uid = link.target join call on call.uid = offer.call"""
    columns = ("Received DtTm", "Entry DtTm", "Dispatch DtTm", "Response DtTm", "On Scene DtTm", "Available DtTm")
    zone = ZoneInfo("America/Los_Angeles")

    def ms(words: str) -> int | None:
        if not words:
            return None
        return int(datetime.strptime(words, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=zone).timestamp() * 1000)

    expected = {
        (f"datasf:{row['Call Number']}", row["Unit ID"]): tuple(ms(row[name]) for name in columns) for row in rows
    }
    found = store.read(lambda db: {(row[0], row[1]): tuple(row[2:]) for row in db.execute(sql)}).result()
    assert found == expected
