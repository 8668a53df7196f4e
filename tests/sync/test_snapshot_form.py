"""A snapshot's bytes: whose they are is known before they are read; hostile ones are refused with a sentence (S6)."""

from __future__ import annotations

import hashlib
import tracemalloc
from pathlib import Path

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sync.snapshot import form
from sync.snapshot.form import Contents, Folded, Listed, NoSnapshot, Piece, believed, open_piece, pack_piece, sign
from sync.snapshot.making import make
from sync.snapshot.ranges import Unsatisfiable, asked
from tests.store.desks import desk, opens
from tests.store.sites import enrol_device, found
from workstation.domain.merge import FOLD_VERSION, Entry, State
from workstation.domain.roster import Rosters
from workstation.signing import Key, verify
from workstation.store import Store
from workstation.store.states import pack_state

HUB = 9
STATE = pack_state(State(seen="incident"))


@pytest.fixture
def hub(tmp_path: Path) -> Store:
    """A hub's record with one incident; `desk-1` is a desk of its site."""
    store = desk(tmp_path, HUB)
    found(store)
    enrol_device(store, store, "Hub", "hub")
    store.write(opens()).result(10)
    return store


@pytest.fixture(autouse=True)
def _closed(hub: Store):  # type: ignore[no-untyped-def]
    yield
    hub.close()


def contents(hub: Store, **more: object) -> Contents:
    plain = Contents(form.VERSION, FOLD_VERSION, "open", "AMB", HUB, hub.epoch, {HUB: 1}, [])
    return replace(plain, **more)


def told(listed: Listed, rosters: Rosters, part: form.Part = "open") -> str:
    """Why it is refused, in English."""
    with pytest.raises(NoSnapshot) as refused:
        believed(listed, part, "AMB", HUB, rosters, verify)
    return str(refused.value)


@pytest.mark.promise("S6", "S11")
def test_only_the_hubs_own_word_on_this_site_is_believed(hub: Store, tmp_path: Path) -> None:
    rosters = hub.trust().rosters
    good = sign(contents(hub), hub.device)
    assert believed(good, "open", "AMB", HUB, rosters, verify) == contents(hub)
    assert "changed on its way" in told(sign(contents(hub), Key(bytes(32))), rosters)
    assert "changed on its way" in told(replace(good, packed=good.packed[:-1] + b"\x91"), rosters)
    assert "another version" in told(sign(contents(hub, fold=FOLD_VERSION + 1), hub.device), rosters)
    assert "another version" in told(sign(contents(hub, version=2), hub.device), rosters)
    assert "site TTE" in told(sign(contents(hub, site="TTE"), hub.device), rosters)
    assert "changed on its way" in told(good, rosters, "all")
    assert "not of this site's server" in told(good, {})


@pytest.mark.promise("S6", "S9")
def test_a_desk_and_a_retired_hub_are_no_hub(hub: Store) -> None:
    roster = hub.trust().rosters["AMB"]
    device = roster.by_replica[HUB]
    good = sign(contents(hub), hub.device)
    for changed in ({"role": "desk"}, {"upto": 3}):
        kept = {name: getattr(device, name) for name in changed}
        try:
            for name, value in changed.items():
                setattr(device, name, value)
            assert "not of this site's server" in told(good, {"AMB": roster})
        finally:
            for name, value in kept.items():
                setattr(device, name, value)


def piece_of(plain: bytes, entities: int = 1) -> tuple[bytes, Piece]:
    packed = zstandard.ZstdCompressor().compress(plain)
    return packed, Piece(min(len(packed), form.PIECE_MOST), hashlib.sha256(packed).digest(), entities)


BAD = {
    "bomb": piece_of(bytes(64 << 20)),
    "no list": piece_of(b"\xc1"),
    "another count": piece_of(msgspec.msgpack.encode([(bytes(16), False, msgspec.Raw(STATE))]), 2),
    "short uid": piece_of(msgspec.msgpack.encode([(bytes(4), False, msgspec.Raw(STATE))])),
    "unknown kind": piece_of(
        msgspec.msgpack.encode([(bytes(16), False, State(entries=[Entry(1, 1, 1, "no.such", 0, b"", {})]))])
    ),
    "deep": piece_of(b"\x91\x93\xc4\x10" + bytes(16) + b"\xc2" + b"\x91" * 100_000),
    "not compressed": (b"abc", Piece(3, hashlib.sha256(b"abc").digest(), 1)),
    "another digest": (pack_piece([Folded(bytes(16), False, STATE)])[0], Piece(3, bytes(32), 1)),
}


@pytest.mark.promise("S6")
@pytest.mark.parametrize("name", BAD)
def test_a_piece_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(NoSnapshot, match="changed on its way"):
        open_piece(*BAD[name])


@pytest.mark.promise("S6")
def test_a_piece_that_would_fill_the_memory_is_not_unfolded() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(NoSnapshot):
            open_piece(*BAD["bomb"])
        assert tracemalloc.get_traced_memory()[1] < 4 * form.PIECE_MOST
    finally:
        tracemalloc.stop()


@pytest.mark.promise("S6")
@given(st.binary(max_size=400))
def test_any_bytes_are_refused_or_read(data: bytes) -> None:
    for packed, piece in (piece_of(data), (data, Piece(1, hashlib.sha256(data).digest(), 1))):
        try:
            open_piece(packed, piece)
        except NoSnapshot:
            continue


@pytest.mark.promise("S6", "D1")
def test_what_lies_on_the_disk_cannot_be_read_and_any_range_is_what_was_packed(
    hub: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form, "PIECE_BYTES", 200)
    for n in range(20):
        hub.write(opens(f"RAHASIA-{n:04d}")).result(10)
    made = make(hub, "all", lambda count: b"k" * count)
    try:
        listed = believed(made.listed, "all", "AMB", HUB, hub.trust().rosters, verify)
        whole = b"".join(made.read(0, made.size - 1))
        assert len(listed.pieces) > 5 and made.size == listed.size == len(whole)
        start = 0
        for piece in listed.pieces:
            open_piece(whole[start : start + piece.size], piece)
            start += piece.size
        for first in range(0, made.size, 37):
            for last in (first, first + 1, min(first + 500, made.size - 1), made.size - 1):
                assert b"".join(made.read(first, last)) == whole[first : last + 1]
        made._spool._file.seek(0)
        lying = made._spool._file.read()
        assert len(lying) > made.size and not any(whole[at : at + 16] in lying for at in range(0, made.size, 16))
    finally:
        made.close()


RANGES: list[tuple[str, object]] = [
    ("bytes=0-0", (0, 0)),
    ("bytes=10-19", (10, 19)),
    ("bytes=90-", (90, 99)),
    ("bytes=90-400", (90, 99)),
    ("bytes=-5", (95, 99)),
    ("bytes=-500", (0, 99)),
    ("Bytes=1-2", (1, 2)),
    ("", None),
    ("bytes=5-4", None),
    ("bytes=-", None),
    ("bytes=0-1,4-5", None),
    ("lines=0-1", None),
    ("bytes=a-b", None),
]


@pytest.mark.promise("S6")
@pytest.mark.parametrize(("field", "span"), RANGES)
def test_a_range_is_read_as_rfc_9110_has_it(field: str, span: object) -> None:
    assert asked(field, 100) == span


@pytest.mark.promise("S6")
@pytest.mark.parametrize("field", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_behind_the_end_is_unsatisfiable(field: str) -> None:
    with pytest.raises(Unsatisfiable):
        asked(field, 100)
