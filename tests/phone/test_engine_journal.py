"""The journal keeps what the desk has not stored, tells no one, and survives a torn end (promise P2)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstation.domain.ids import SeededIds
from workstation.phone import wire
from workstation.phone.engine.journal import Journal

KEY = b"k" * 32
OFFER = "00" * 16


def ring(offer: str = OFFER) -> wire.Ringing:
    return wire.Ringing(
        offer=offer, number="+628114701122", display="Ibu", dialled="112", key="", sip_call_id="c", identity="",
        location="", at=1,
    )  # fmt: skip


def opened(path: Path, key: bytes = KEY) -> Journal:
    return Journal(path, key, SeededIds(1))


@pytest.mark.promise("P2")
def test_what_is_not_acknowledged_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = opened(path)
    one = journal.append(ring())
    two = journal.append(wire.Ended(offer=OFFER, reason="cancelled", at=2))
    journal.ack(one.n)
    journal.close()
    again = opened(path)
    assert again.pending()[-1] == two
    assert again.orphans == ()
    again.close()


@pytest.mark.promise("P2")
def test_nothing_of_the_caller_stands_in_clear(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = opened(path)
    journal.append(ring())
    journal.close()
    data = path.read_bytes()
    assert len(data) > 100
    for piece in (b"8114701122", b"Ibu", b"ringing", OFFER.encode()):
        assert piece not in data
    assert path.stat().st_mode & 0o077 == 0


def test_emptied_when_all_is_acknowledged_and_no_call_is_up_but_the_numbers_go_on(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = opened(path)
    rang = journal.append(ring())
    journal.ack(rang.n)
    grown = path.stat().st_size
    assert grown > 100  # the call is up: the next engine must know of it
    end = journal.append(wire.Ended(offer=OFFER, reason="cancelled", at=2))
    journal.ack(end.n)
    assert path.stat().st_size < 20
    journal.close()
    again = opened(path)
    assert again.pending() == [] and again.append(ring()).n == end.n + 1
    again.close()


def test_a_call_that_was_up_when_the_engine_died_is_named(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = opened(path)
    journal.ack(journal.append(ring("11" * 16)).n)
    journal.append(ring("22" * 16))
    journal.append(wire.Ended(offer="22" * 16, reason="cancelled", at=2))
    journal.close()
    again = opened(path)
    assert again.orphans == ("11" * 16,)
    again.close()


@pytest.mark.expected_log("torn", "can't be read with this desk's key")
@given(cut=st.integers(0, 700), flip=st.integers(0, 700))
def test_a_torn_or_broken_file_never_stops_the_engine(
    tmp_path_factory: pytest.TempPathFactory, cut: int, flip: int
) -> None:
    path = tmp_path_factory.mktemp("j") / "j"
    journal = opened(path)
    told = [journal.append(ring()) for _ in range(3)]
    journal.close()
    data = bytearray(path.read_bytes())
    whole = flip >= len(data) and cut >= len(data)
    if flip < len(data):
        data[flip] ^= 1
    path.write_bytes(bytes(data[:cut]))
    again = opened(path)
    kept = again.pending()
    assert kept == told[: len(kept)]
    assert len(kept) == 3 or not whole
    after = again.append(wire.Answered(offer=OFFER, at=3))
    again.close()
    last = opened(path)
    assert last.pending() == [*kept, after]
    last.close()


@pytest.mark.expected_log("can't be read with this desk's key")
def test_another_key_begins_anew_and_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = opened(path)
    journal.append(ring())
    journal.close()
    other = opened(path, b"x" * 32)
    assert other.pending() == [] and len(list(tmp_path.glob("*.unread"))) == 1
    other.close()
