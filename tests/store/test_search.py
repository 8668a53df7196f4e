"""Search: all words, newest first, in the index and behind it, bounded, and no text is an error (promise D4)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.desks import behind, caught_up, desk, desks, edits, exchange, opens, rings
from tests.store.sites import enrol_person, found
from tests.store.test_erasure import erase
from tests.store.test_trust import forged, settle
from tests.waiting import wait_until
from workstation.domain.ids import Uid
from workstation.store import Connection, Store, Tx, search
from workstation.store import writer as writer_module
from workstation.store.search import ROWS_MOST, Found, Stopped, find
from workstation.store.terms import EXPAND_MOST, TERMS_MOST, TEXT_MOST

pytestmark = pytest.mark.promise("D4")


@pytest.fixture
def never_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written stays behind the index."""
    monkeypatch.setattr(writer_module, "IDLE_S", 3600)


def told(store: Store, **values: object) -> Uid:
    """An incident with these fields, each in an op of its own."""
    incident = store.write(opens("")).result(10).value
    for name, value in values.items():
        store.write(edits(incident, **{name: value})).result(10)
    return incident


def noted(store: Store, incident: Uid, text: str) -> None:
    store.write(lambda tx: tx.append("incident.noted", incident, {"text": text, "at": tx.now()})).result(10)


def asked(store: Store, text: str, **more: object) -> Found:
    return store.read_aside(lambda db: find(db, text, **more)).result(10)  # type: ignore[arg-type]


def incidents(store: Store, text: str) -> list[Uid]:
    return [hit.incident for hit in asked(store, text).hits]


def pieces(store: Store, text: str) -> list[tuple[str, list[str]]]:
    """Which fields of the hits have which words marked."""
    return [
        (piece.field, [piece.text[start:end] for start, end in piece.marks])
        for hit in asked(store, text).hits
        for piece in hit.pieces
    ]


def test_all_words_wherever_in_the_incident_they_stand_and_the_newest_first(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        one = told(store, landmark="Gereja Silo", street="Jalan Pattimura")
        told(store, landmark="Gereja Maranatha")
        two = told(store, landmark="gereja lama", street="dekat pattimura")
        caught_up(store)
        assert incidents(store, "gereja pattimura") == [two, one]
        assert incidents(store, "pattimura gereja silo") == [one]
        assert incidents(store, "silo maranatha") == []
        assert pieces(store, "pattimura silo") == [("street", ["Pattimura"]), ("landmark", ["Silo"])]


def test_what_this_desk_has_just_written_is_found_before_it_is_indexed(tmp_path: Path, never_idle: None) -> None:
    with desk(tmp_path) as store:
        incident = told(store, landmark="Gereja Silo")
        noted(store, incident, "asap tebal")
        assert store.read(behind).result(10) == 3
        assert incidents(store, "silo") == [incident] and incidents(store, "asap sil") == [incident]


def test_newest_first_across_the_index_and_what_is_behind_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(tmp_path) as store:
        old = [told(store, landmark=f"Pasar {turn}") for turn in range(3)]
        caught_up(store)
        monkeypatch.setattr(writer_module, "IDLE_S", 3600)
        noted(store, old[0], "pasar terbakar")
        new = told(store, landmark="pasar ikan")
        assert store.read(behind).result(10) == 3
        answer = asked(store, "pasar")
        assert [hit.incident for hit in answer.hits] == [new, old[2], old[1], old[0]]
        assert [(piece.field, piece.text) for piece in answer.hits[-1].pieces] == [("text", "pasar terbakar")]
        # One word is indexed, the other is behind: they meet all the same.
        assert incidents(store, "terbakar pasar") == [old[0]]


@pytest.mark.parametrize("indexed", [True, False])
def test_case_accents_phrases_and_the_beginning_of_the_last_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, indexed: bool
) -> None:
    if not indexed:
        monkeypatch.setattr(writer_module, "IDLE_S", 3600)
    with desk(tmp_path) as store:
        one = told(store, landmark="Café Merah Putih", rt="RT.003/RW.02")
        two = told(store, landmark="Putih merah café")
        if indexed:
            caught_up(store)
        assert incidents(store, "CAFE") == incidents(store, "cafe\u0301 pu") == [two, one]
        assert incidents(store, '"merah putih"') == [one]
        assert incidents(store, '"merah pu') == [one], "a phrase that is still being typed"
        assert incidents(store, "caf merah") == [], "only the last word may be a beginning"
        assert incidents(store, "mer ") == [], "a word that was ended is whole"
        assert incidents(store, "003/RW") == [one]
        assert pieces(store, "cafe\u0301 pu")[0] == ("landmark", ["Putih", "café"])


def test_a_beginning_that_many_words_have_finds_them_all(tmp_path: Path) -> None:
    count = EXPAND_MOST + 20
    with desk(tmp_path) as store:
        made = [told(store, landmark=f"kata{turn}") for turn in range(count)]
        caught_up(store)
        assert store.read_aside(lambda db: len(find(db, "kata", limit=500).hits)).result(10) == count
        assert incidents(store, f"kata{count - 1}") == [made[-1]]


def test_a_letter_that_many_words_begin_with_hides_nothing_while_one_types(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        silo = told(store, landmark="silo kata1")
        for turn in range(EXPAND_MOST + 20):
            told(store, landmark=f"kata{turn}")
        whole = told(store, landmark="k")
        caught_up(store)
        answer = asked(store, "silo k")
        assert [hit.incident for hit in answer.hits] == [silo] and answer.more
        answer = asked(store, "k")
        assert [hit.incident for hit in answer.hits] == [whole] and answer.more, "and it says that there may be others"
        assert incidents(store, "silo kat") == [silo] and incidents(store, "silo kax") == []


def test_the_words_of_calls_and_assignments_find_their_incident_once(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        offer = store.write(rings(number="081234567890")).result(10).value
        incident = store.write(opens("AMB-1-0009", offer)).result(10).value

        def plans(tx: Tx) -> None:
            body = {"incident": incident, "agency": "damkar", "channel": "", "unit": "Ambon 08123", "at": tx.now()}
            tx.append("assignment.planned", tx.uid(), body)

        store.write(plans).result(10)
        assert incidents(store, "08123") == [incident]
        assert pieces(store, "08123") == [("unit", ["08123"])], "the newest of what has it"
        assert incidents(store, "damkar") == [incident]
        assert incidents(store, "AMB-1-0009") == [incident]


def test_a_word_stands_for_codes_too(tmp_path: Path) -> None:
    def codes(word: str) -> list[str]:
        return ["fire_house", "81.71.02.1003"] if "kebakaran".startswith(word) else []

    with desk(tmp_path) as store:
        one = told(store, type="fire_house", landmark="Silo")
        two = told(store, village="81.71.02.1003")
        three = told(store, landmark="kebakaran")
        told(store, village="81.71.02.1004")
        answer = asked(store, "kebak", codes=codes)
        assert [hit.incident for hit in answer.hits] == [three, two, one]
        assert [hit.incident for hit in asked(store, "kebakaran silo", codes=codes).hits] == [one]


def test_what_was_erased_is_not_found_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(tmp_path) as store:
        found(store)
        indexed, fresh = told(store, caller_name="Rahasia"), told(store, caller_name="Rahasia")
        stays = told(store, caller_name="rahasia umum")
        caught_up(store)
        monkeypatch.setattr(writer_module, "IDLE_S", 3600)
        noted(store, fresh, "rahasia lagi")
        assert set(incidents(store, "rahasia")) == {indexed, fresh, stays}
        erase(store, indexed, fresh)
        wait_until(lambda: incidents(store, "rahasia") == [stays], 10, what="only what was not erased is found")


@pytest.mark.parametrize("indexed", [True, False])
def test_words_of_an_op_without_effect_find_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, indexed: bool
) -> None:
    if not indexed:
        monkeypatch.setattr(writer_module, "IDLE_S", 3600)
    with desks(tmp_path, 2) as (rogue, store):
        for each in (rogue, store):
            found(each)
        enrol_person(rogue, "lead", "lead")
        incident = told(rogue, village="Pasar Lama")
        exchange(rogue, store)
        settle(rogue, incident, "Pasar Sah", "lead").result(10)
        exchange(rogue, store)
        settle(rogue, incident, "Pasar Palsu", "lead").result(10)
        store.merge(forged(rogue, store, lambda op: op._replace(signature=b""))).result(10)
        if indexed:
            caught_up(store)
        assert incidents(store, "sah") == [incident]
        assert incidents(store, "palsu") == []
        assert incidents(store, "pasar") == [incident], "an op before it has the word"
        assert pieces(store, "pasar") == [("village", ["Pasar"])]
        assert asked(store, "pasar").hits[0].pieces[0].text == "Pasar Sah"


def many(store: Store, count: int, landmark: str) -> None:
    def act(tx: Tx) -> None:
        for turn in range(count):
            edits(opens(str(turn))(tx), landmark=landmark)(tx)

    store.write(act).result(60)


def test_a_search_reads_no_more_rows_than_its_bound(tmp_path: Path) -> None:
    """Words that never meet: every row of both would have to be read to know it."""
    with desk(tmp_path) as store:

        def act(tx: Tx) -> None:
            for turn in range(ROWS_MOST // 2 + 200):
                for word in ("ombak", "tanjung"):
                    edits(opens(str(turn))(tx), landmark=word)(tx)

        store.write(act).result(120)
        answer = asked(store, "ombak tanjung")
        assert answer.hits == () and answer.more and answer.read == ROWS_MOST


def test_a_common_word_reads_only_what_is_shown_and_a_rare_one_is_found_under_it(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        rare = told(store, landmark="ombak langka")
        many(store, 3000, "ombak besar")
        common = asked(store, "ombak ")
        assert len(common.hits) == 50 and common.more and common.read <= 51
        both = asked(store, "ombak langka")
        assert [hit.incident for hit in both.hits] == [rare]
        assert both.read < 100 and not both.more


def test_a_search_that_nobody_wants_any_more_is_given_up(tmp_path: Path) -> None:
    with desk(tmp_path) as store:

        def act(tx: Tx) -> None:
            for turn in range(1000):
                for word in ("ombak", "tanjung"):
                    edits(opens(str(turn))(tx), landmark=word)(tx)

        store.write(act).result(60)
        calls = []

        def stop() -> bool:
            calls.append(1)
            return len(calls) > 3

        with pytest.raises(Stopped):
            asked(store, "ombak tanjung", stop=stop)
        assert len(calls) == 4


HOSTILE = ("", " ", '"', '""', '"a', "NEAR(a b)", "a AND", "OR", "NOT x", "words:silo", "{words}:x", "^silo", "silo*",
           "*", "a\0b", "\0", "\ud800", "(", ")", "-", "a" * 100_000, "a " * 50_000, '" OR "', "';--", "\x01\x02",
           "%", "\u202e", "🔥")  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_an_error(tmp_path: Path, text: str) -> None:
    with desk(tmp_path) as store:
        told(store, landmark="Gereja Silo")
        caught_up(store)
        asked(store, text)


def test_a_nul_parts_words(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        incident = told(store, landmark="gereja silo")
        assert incidents(store, "gereja\0sil") == [incident] and incidents(store, "gereja\0pasar") == []


def test_operators_are_words(tmp_path: Path) -> None:
    with desk(tmp_path) as store:
        told(store, landmark="silo")
        both = told(store, landmark="silo or pasar")
        assert incidents(store, "silo OR pasar") == [both]
        assert incidents(store, "silo NOT pasar") == []


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=TEXT_MOST))
def test_any_text_that_was_written_is_found_again_or_has_no_words(text: str) -> None:
    with search.Scratch() as scratch:
        made = search.terms(scratch, text)
        assert len(made) <= TERMS_MOST
        db: Connection = scratch.db
        db.execute("insert into piece (rowid, words) values (7, ?)", [text])
        for term in made:
            assert db.execute("select rowid from piece where piece match ?", [term.loose()]).fetchall() == [(7,)]
