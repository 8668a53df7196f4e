"""Redacted export: what a purpose does not need is not in the file; the op names it, the access log has it (D6)."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.service.desks import NOW, hand
from tests.service.lead_desk import DAY, as_, closed_case, staffed
from workstation.domain.rights import PERSONAL, PURPOSES
from workstation.service import access, export, retention
from workstation.service.desk import BadValue, Desk, NotAllowed
from workstation.settings import RetentionSettings
from workstation.store import reads

pytestmark = [pytest.mark.usefixtures("quick_secrets"), pytest.mark.promise("D6")]
NAME, NUMBER, STREET = "Rahasia Betul", "081200004417", "Jalan Rahasia 7"


@pytest.fixture
def lead(desk: Desk) -> Desk:
    staffed(desk)
    closed_case(desk)
    return desk


def written(desk: Desk, path: Path, purpose: str) -> tuple[str, list[dict[str, Any]]]:
    export.export(desk, path, purpose, NOW - DAY, NOW + DAY, "laporan bulanan").result(30)
    text = path.read_text(encoding="utf-8")
    return text, [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("purpose", "there", "gone"),
    [
        ("statistics", ["8171041003", "damkar"], [NAME, NUMBER, STREET, "Gereja Silo", "korban di rumah"]),
        ("agency", [NAME, NUMBER, STREET, "Gereja Silo", "damkar"], ["korban di rumah"]),
        ("review", ["korban di rumah", "[number]", STREET], [NAME, NUMBER]),
        ("court", [NAME, NUMBER, STREET, "korban di rumah"], ["[number]"]),
    ],
)
def test_a_purpose_gets_what_it_needs_and_no_more(
    lead: Desk, tmp_path: Path, purpose: str, there: list[str], gone: list[str]
) -> None:
    text, (head, case) = written(lead, tmp_path / "out.jsonl", purpose)
    assert head["purpose"] == purpose and head["reason"] == "laporan bulanan"
    assert [word for word in there if word not in text] == [] and [word for word in gone if word in text] == []
    assert not (PERSONAL - PURPOSES[purpose].stays) & (case["fields"].keys() | case.keys())
    assert case["opened_at"] and case["disposition"] and case["assignments"][0]["done_at"]
    assert stat.S_IMODE((tmp_path / "out.jsonl").stat().st_mode) == 0o600


def test_every_register_is_personal_or_harmless_on_purpose() -> None:
    from workstation.domain.kinds import INCIDENT_REGISTERS

    harmless = set(INCIDENT_REGISTERS) - PERSONAL
    assert harmless == {
        "city", "district", "village", "confidence", "type", "priority", "injured", "dead", "trapped", "missing",
        "affected", "families", "children", "elderly", "disabled", "start_red", "start_yellow", "start_green",
        "start_black", "hazards", "needs", "hearse_at",
    }  # fmt: skip


def test_an_op_names_the_file_and_the_access_log_who_and_why(lead: Desk, tmp_path: Path) -> None:
    text, _ = written(lead, tmp_path / "out.jsonl", "statistics")
    sql = "select replica, seq from op where kind = 'record.exported'"
    dots = lead.ask(lambda db: db.execute(sql).fetchall()).result(10)
    op = lead.ask(lambda db: reads.op(db, tuple(dots[0]))).result(10)
    assert op is not None and op.body["digest"] == hashlib.sha256(text.encode()).digest()
    assert op.person == lead.person_uid and op.signature and op.body["reason"] == "laporan bulanan"
    (line,) = lead.ask(access.access_log).result(10)
    assert (line.view, line.role, line.rows, line.why) == ("export", "lead", 1, "laporan bulanan")
    assert line.about.startswith("statistics ")


def test_who_may_not_and_what_is_no_export(lead: Desk, tmp_path: Path) -> None:
    def refused(error: type[Exception], purpose: str = "court", reason: str = "x", file: str = "out") -> None:
        before = lead.store.vector()
        with pytest.raises(error):
            export.export(lead, tmp_path / file, purpose, 0, NOW, reason).result(10)
        assert lead.store.vector() == before and not (tmp_path / "out").exists()
        assert list(tmp_path.glob("*.partial")) == []

    refused(BadValue, purpose="curiosity")
    refused(BadValue, reason="  ")
    refused(BadValue, file="nowhere/out")
    (tmp_path / "there").write_text("kept")
    refused(BadValue, file="there")
    assert (tmp_path / "there").read_text() == "kept"
    for login in ("op1", "teknisi1"):
        as_(lead, login)
        refused(NotAllowed)


def test_without_the_op_there_is_no_file(lead: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(access, "note", full)
    with pytest.raises(BadValue, match="No space left"):
        export.export(lead, tmp_path / "out", "court", 0, NOW + DAY, "perkara").result(10)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("out")] == []
    kinds = "select count(*) from op where kind = 'record.exported'"
    assert lead.ask(lambda db: db.execute(kinds).fetchone()[0]).result(10) == 0


def test_what_was_erased_is_in_no_export(lead: Desk, tmp_path: Path) -> None:
    from msgspec.structs import replace

    lead.settings = replace(lead.settings, retention=RetentionSettings(incident_days=1, grace_days=1))
    hand(lead).advance(2 * DAY)
    retention.apply(lead, "lewat").result(30)
    hand(lead).advance(2 * DAY)
    assert retention.apply(lead, "lewat").result(30).erased == 3
    _, lines = written(lead, tmp_path / "out.jsonl", "court")
    assert len(lines) == 1
