"""A file beside an incident: sealed, named by an op, opened by who may with a line in the access log (S12, D6, M2)."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from sync.attachments.shelf import Shelf
from tests.service.desks import exchange, hand, opened
from tests.service.lead_desk import DAY, as_, closed_case, staffed
from tests.sync.attached import some_bytes
from tests.waiting import wait_until
from workstation.domain.ids import Uid
from workstation.service import attachments, retention, views
from workstation.service.desk import BadValue, Desk, NotAllowed, NotFound, Refused
from workstation.settings import RetentionSettings
from workstation.store import reads

pytestmark = [pytest.mark.usefixtures("quick_secrets"), pytest.mark.promise("S12")]
PLAIN = some_bytes(1_500_000)


@pytest.fixture
def taker(desk: Desk) -> Iterator[Desk]:
    yield as_(staffed(desk), "op1")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "foto: rumah.jpg"
    path.write_bytes(PLAIN)
    return path


def rows(desk: Desk, about: Uid) -> list[tuple[str, int, str]]:
    return [(row.name, row.size, row.place) for row in attachments.shown(desk, about).result(10)]


def test_a_file_is_sealed_named_and_opened_again(taker: Desk, photo: Path) -> None:
    incident = opened(taker)
    uid = attachments.attach(taker, incident, photo).result(10)
    assert rows(taker, incident) == [("foto_ rumah.jpg", len(PLAIN), "waiting")]
    (row,) = attachments.shown(taker, incident).result(10)
    assert row.uid == uid and row.person == taker.person.name if taker.person else False
    stored = taker.store.shelf.path(row.digest)
    assert PLAIN[:32] not in stored.read_bytes()
    path = attachments.open_file(taker, uid).result(10)
    assert path.read_bytes() == PLAIN and path.suffix == ".jpg"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    taker.store.shelf.mark(row.digest, b"hub")
    assert rows(taker, incident)[0][2] == "sent"
    attachments.put_away(taker)
    assert not path.exists() and stored.exists()


@pytest.mark.promise("D6")
def test_who_opens_one_stands_in_the_access_log_before_it_is_given_and_others_are_refused(
    taker: Desk, photo: Path
) -> None:
    uid = attachments.attach(taker, opened(taker), photo).result(10)
    attachments.open_file(taker, uid).result(10)
    as_(taker, "teknisi1")
    line = next(one for one in taker.see(views.access_log).result(10) if one.view == "attachment")
    assert line.about == uid.hex() and line.role == "operator" and line.rows == 1
    attachments.put_away(taker)
    with pytest.raises(NotAllowed):
        attachments.open_file(taker, uid).result(10)
    taker.person = None
    with pytest.raises(NotAllowed):
        attachments.open_file(taker, uid).result(10)
    assert not taker.store.path.with_suffix(".opened").exists(), "it lay open for who may not see it"


def test_what_cannot_be_attached_is_said_and_leaves_nothing(taker: Desk, tmp_path: Path, photo: Path) -> None:
    incident = opened(taker)
    before = taker.store.vector()
    program = tmp_path / "program.exe"
    program.write_bytes(b"MZ")
    for about, file, error, words in (
        (incident, program, BadValue, "this kind of file"),
        (incident, tmp_path / "not-there.jpg", BadValue, "is not there"),
        (incident, tmp_path, BadValue, "is not there"),
        (b"x" * 16, photo, NotFound, "incident"),
    ):
        with pytest.raises(error, match=words):
            attachments.attach(taker, about, file).result(10)
    taker.store.shelf = Shelf(taker.store.shelf.folder, spare=1 << 60)
    with pytest.raises(Refused, match="MB left"):
        attachments.attach(taker, incident, photo).result(10)
    assert taker.store.vector() == before
    assert not taker.store.shelf.folder.exists() or not any(taker.store.shelf.folder.iterdir())


def test_a_file_too_large_is_refused_before_it_fills_the_disk(
    taker: Desk, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments, "SIZE_MOST", 1_400_000)
    with pytest.raises(BadValue, match="larger than"):
        attachments.attach(taker, opened(taker), photo).result(10)
    assert not any(taker.store.shelf.folder.iterdir())


def test_what_another_desk_says_opens_nothing_outside_and_runs_nothing(taker: Desk, photo: Path) -> None:
    """Names come from other desks: one that climbs out of its folder stays in it, a program is not opened at all."""
    incident = opened(taker)
    (row,) = (attachments.attach(taker, incident, photo).result(10),)
    state = taker.ask(lambda db: reads.state(db, row)).result(10)
    assert state is not None
    for name, kept in (("../../../x.jpg", "_.._.._x.jpg"), ("..\\..\\x.jpg", "_..__x.jpg"), ("a" * 300 + ".jpg", "")):
        body = {**state.facts, "name": name}
        uid = taker.ids.uid()
        taker.store.append("attachment.added", uid, body).result(10)
        path = attachments.open_file(taker, uid).result(10)
        assert path.parent == taker.store.path.with_suffix(".opened") / uid.hex()
        assert path.read_bytes() == PLAIN and len(path.name) <= 100 and (not kept or path.name.endswith("x.jpg"))
    uid = taker.ids.uid()
    taker.store.append("attachment.added", uid, {**state.facts, "name": "foto.jpg.exe"}).result(10)
    with pytest.raises(Refused, match="this kind of file"):
        attachments.open_file(taker, uid).result(10)


@pytest.mark.expected_log("is damaged on this disk")
def test_a_damaged_file_is_said_to_be_and_is_fetched_anew(taker: Desk, photo: Path) -> None:
    incident = opened(taker)
    uid = attachments.attach(taker, incident, photo).result(10)
    (row,) = attachments.shown(taker, incident).result(10)
    path = taker.store.shelf.path(row.digest)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(Refused, match="altered"):
        attachments.open_file(taker, uid).result(10)
    assert rows(taker, incident)[0][2] == "away"
    assert not list(taker.store.path.with_suffix(".opened").rglob("*.jpg")), "half a file lies there"


def test_a_file_another_desk_attached_is_waited_for_and_told_how_far_it_is(two: tuple[Desk, Desk], photo: Path) -> None:
    one, other = two
    staffed(one), exchange(one, other)
    as_(one, "op1"), as_(other, "op1")
    incident = opened(one)
    uid = attachments.attach(one, incident, photo).result(10)
    exchange(one, other)
    assert rows(other, incident)[0][2] == "away"
    told: list[int] = []
    opening = attachments.open_file(other, uid, told.append)
    (row,) = attachments.shown(one, incident).result(10)
    stored = one.store.shelf.path(row.digest).read_bytes()
    wait_until(lambda: row.digest in other.store.shelf.wanted, 10, what="the file is wanted")
    half = len(stored) // 2
    other.store.shelf.add(row.digest, 0, 0, stored[:half], len(stored))
    wait_until(lambda: told and told[-1] >= 49, 10, what="how far it is")
    assert rows(other, incident)[0][2] == "coming"
    other.store.shelf.add(row.digest, 0, half, stored[half:], len(stored))
    assert opening.result(10).read_bytes() == PLAIN and told[-1] == 100


def test_a_file_nobody_brings_is_given_up_with_a_sentence(two: tuple[Desk, Desk], photo: Path) -> None:
    one, other = two
    staffed(one), exchange(one, other)
    as_(one, "op1"), as_(other, "op1")
    uid = attachments.attach(one, opened(one), photo).result(10)
    exchange(one, other)
    opening = attachments.open_file(other, uid)
    wait_until(lambda: other.store.shelf.wanted, 10, what="the file is wanted")
    hand(other).advance(round(attachments.PATIENCE_S * 1000) + 1000)
    with pytest.raises(Refused, match="nobody brings it"):
        opening.result(10)
    assert not other.store.shelf.wanted


@pytest.mark.promise("M2", "D6")
def test_retention_takes_the_file_with_its_incident(desk: Desk, photo: Path) -> None:
    desk.settings = replace(desk.settings, retention=RetentionSettings(incident_days=90, grace_days=7))
    lead = staffed(desk)
    incident, _ = closed_case(lead)
    uid = attachments.attach(lead, incident, photo).result(10)
    (row,) = attachments.shown(lead, incident).result(10)
    attachments.open_file(lead, uid).result(10)
    hand(lead).advance(91 * DAY)
    retention.apply(lead, "90 hari lewat").result(30)
    hand(lead).advance(8 * DAY)
    assert lead.store.shelf.has(row.digest)
    retention.apply(lead, "90 hari lewat").result(30)
    wait_until(lambda: not lead.store.shelf.has(row.digest), 10, what="the file gone")
    assert attachments.shown(lead, incident).result(10) == []
    with pytest.raises(NotFound):
        attachments.open_file(lead, uid).result(10)
