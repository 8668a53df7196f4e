"""The fold: any order, any repetition, one state; rivals kept until somebody who saw them replaces them."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.histories import INCIDENTS, PLAIN, STEPS, played
from workstation.domain.hlc import stamp
from workstation.domain.kinds import KINDS
from workstation.domain.merge import State, entry_of, fold, join
from workstation.domain.narrative import corrected_text, corrections, narrative
from workstation.domain.ops import Op
from workstation.domain.standing import closing, disposition

ONE = INCIDENTS[0]


ENCODER = msgspec.msgpack.Encoder(order="deterministic")


def bytes_of(state: State) -> bytes:
    return ENCODER.encode(state)


def all_bytes(ops: list[Op]) -> dict[bytes, bytes]:
    return {uid: bytes_of(state) for uid, state in fold(ops).items()}


def op(replica: int, seq: int, kind: str, body: dict[str, Any], ms: int = 1000, entity: bytes = ONE) -> Op:
    return Op(replica, seq, stamp(ms), entity, kind, 1, b"", "AMB", ms, body)


def edit(replica: int, seq: int, value: Any, replaces: list[tuple[int, int]], ms: int = 1000) -> Op:
    return op(replica, seq, "incident.edited", {"set": {"village": [value, [list(dot) for dot in replaces]]}}, ms)


@pytest.mark.promise("M3", "M8")
@given(STEPS, st.randoms(use_true_random=False))
def test_state_is_a_function_of_the_set_of_ops(steps: Any, chance: random.Random) -> None:
    log = played(steps)
    expected = all_bytes(log)
    again = log + chance.choices(log, k=len(log)) if log else []
    chance.shuffle(again)
    assert all_bytes(again) == expected


@pytest.mark.promise("M8")
@given(STEPS, st.randoms(use_true_random=False))
def test_stored_states_go_on(steps: Any, chance: random.Random) -> None:
    """A state that was written down and read again takes further ops like the one that never was."""
    log = played(steps)
    halves: tuple[list[Op], list[Op]] = ([], [])
    for one in log:
        halves[chance.randint(0, 1)].append(one)
    left = fold(halves[0])
    for uid, state in fold(log).items():
        resumed = msgspec.msgpack.decode(bytes_of(left.get(uid, State())), type=State)
        for one in halves[1]:
            if one.entity == uid:
                resumed.apply(one)
        assert bytes_of(resumed) == bytes_of(state)


@pytest.mark.promise("M8")
@given(STEPS, st.randoms(use_true_random=False))
def test_what_was_written_on_one_offer_of_a_call_replaces_what_was_on_another(
    steps: Any, chance: random.Random
) -> None:
    """Each write lands on one of three offers; joined they say what one entity with all of them would."""
    log = [one for one in played(steps) if one.entity == ONE]
    parts: dict[int, list[Op]] = {}
    for one in log:
        parts.setdefault(chance.randint(0, 2), []).append(one)
    states = [fold(part)[ONE] for part in parts.values()]
    whole = fold(log).get(ONE, State())
    chance.shuffle(states)
    joined = join(states)
    assert {name: live for name, live in joined.registers.items() if live} == {
        name: live for name, live in whole.registers.items() if live
    }
    assert (joined.created, joined.entries) == (whole.created, whole.entries)


@pytest.mark.promise("M3")
@given(STEPS)
def test_live_values_are_those_nobody_replaced(steps: Any) -> None:
    """Against the definition, written down a second time without registers."""
    log = played(steps)
    for uid, state in fold(log).items():
        for name in ("village", "priority", "landmark"):
            writes = {
                one.dot: (one.hlc, one.replica, one.seq, one.body["set"][name][0])
                for one in log
                if one.entity == uid and one.kind == "incident.edited" and name in one.body["set"]
            }
            replaced = {
                tuple(dot)
                for one in log
                if one.entity == uid and one.kind == "incident.edited" and name in one.body["set"]
                for dot in one.body["set"][name][1]
            }
            live = sorted((write for dot, write in writes.items() if dot not in replaced), reverse=True)
            assert [(w.hlc, w.replica, w.seq, w.value) for w in state.live(name)] == live
            assert state.face(name) == (live[0][3] if live else None)


@pytest.mark.promise("M3")
def test_a_write_replaced_before_it_arrives_never_lives() -> None:
    first, second = edit(1, 1, "Batu Merah", []), edit(2, 1, "Hative Kecil", [(1, 1)], ms=500)
    state = fold([second, first, first])[ONE]
    assert [write.value for write in state.live("village")] == ["Hative Kecil"]  # though its clock was behind


@pytest.mark.promise("M4")
def test_rivals_are_kept_until_an_op_replaces_them_all() -> None:
    base = edit(1, 1, "Batu Merah", [])
    left, right = edit(1, 2, "Waihaong", [(1, 1)], ms=2000), edit(2, 1, "Urimessing", [(1, 1)], ms=1500)
    state = fold([base, left, right])[ONE]
    assert [write.value for write in state.live("village")] == ["Waihaong", "Urimessing"]
    assert state.rivals == ["village"]
    half = edit(3, 1, "Silale", [(1, 2)], ms=3000)  # its author had not seen the other rival
    state = fold([base, left, right, half])[ONE]
    assert {write.value for write in state.live("village")} == {"Silale", "Urimessing"}
    settled = op(4, 1, "incident.settled", {"set": {"village": ["Urimessing", [[2, 1], [3, 1]]]}}, ms=1)
    state = fold([settled, half, right, left, base])[ONE]
    assert [write.value for write in state.live("village")] == ["Urimessing"]
    assert state.rivals == []


@pytest.mark.promise("M4")
def test_two_desks_that_wrote_the_same_do_not_disagree() -> None:
    state = fold([edit(1, 1, "Silale", []), edit(2, 1, "Silale", [])])[ONE]
    assert len(state.live("village")) == 2
    assert state.rivals == []
    assert fold([edit(1, 1, 1, []), edit(2, 1, True, [])])[ONE].rivals == ["village"]  # Python's 1 == True


@pytest.mark.promise("M5")
def test_a_correction_names_the_old_entry_and_removes_nothing() -> None:
    note = op(1, 1, "incident.noted", {"text": "two hurt", "at": 10})
    first = op(2, 1, "entry.corrected", {"entry": [1, 1], "text": "three hurt", "reason": "misheard"}, ms=2000)
    second = op(1, 2, "entry.corrected", {"entry": [2, 1], "text": "four hurt", "reason": ""}, ms=1500)
    told = narrative([second, first, note])
    assert corrected_text(entry_of(note), told) == "four hurt"
    assert [entry.body["text"] for entry in told] == ["two hurt", "four hurt", "three hurt"]
    assert [entry.dot for entry in corrections((1, 1), told)] == [(2, 1)]


@pytest.mark.promise("M5")
def test_a_stamp_keeps_its_first_time_unless_corrected() -> None:
    uid = b"a" * 16
    early = op(1, 1, "assignment.notified", {"at": 100, "proof": "call"}, entity=uid)
    late = op(2, 1, "assignment.notified", {"at": 200, "proof": "call"}, entity=uid)
    assert fold([late, early])[uid].stamp("assignment.notified") == 100
    corrected = op(2, 2, "entry.corrected", {"entry": [1, 1], "at": 150, "reason": "clock"}, entity=uid)
    state = fold([corrected, late, early])[uid]
    assert state.stamp("assignment.notified") == 150
    assert state.stamp("assignment.departed") is None


def test_corrections_that_name_each_other_end() -> None:
    forged = [
        op(1, 1, "entry.corrected", {"entry": [1, 2], "text": "a", "reason": ""}),
        op(1, 2, "entry.corrected", {"entry": [1, 1], "text": "b", "reason": ""}),
    ]
    assert corrected_text(entry_of(forged[0]), [entry_of(one) for one in forged]) in ("a", "b")
    assert narrative(forged) == [], "no line at the end of it"


@pytest.mark.promise("M3")
def test_a_close_loses_against_a_reopening_it_has_not_seen() -> None:
    close = op(1, 1, "incident.closed", {"at": 10, "disposition": "handled", "seen": []})
    reopen = op(2, 1, "incident.reopened", {"at": 20, "reason": "again", "seen": [[1, 1]]})
    later = op(1, 2, "incident.closed", {"at": 90, "disposition": "false", "seen": [[1, 1]]}, ms=9000)  # concurrent
    assert disposition(fold([close])[ONE]) == "handled"
    assert closing(fold([close, reopen])[ONE]) is None
    assert closing(fold([later, reopen, close])[ONE]) is None  # greater clock or not
    seen = op(1, 3, "incident.closed", {"at": 95, "disposition": "done", "seen": [[2, 1], [1, 2]]}, ms=1)
    assert disposition(fold([seen, later, reopen, close])[ONE]) == "done"


@pytest.mark.promise("M8")
def test_unknown_kinds_and_fields_change_nothing_known() -> None:
    known = [op(1, 1, "incident.opened", {"number": "AMB-1-1", "call": b"", "desk": "Meja 1", "at": 5, "hue": "red"})]
    alien = op(2, 1, "incident.beamed", {"set": {"village": ["x", [[1, 1]]]}})
    state = fold([*known, alien])[ONE]
    assert bytes_of(state) == bytes_of(fold(known)[ONE])
    assert state.facts["hue"] == "red"
    new_field = op(2, 2, "incident.edited", {"set": {"altitude": [12, []]}})
    assert fold([new_field])[ONE].face("altitude") == 12


@pytest.mark.promise("M8")
@given(st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.dictionaries(st.sampled_from(
    ["set", "at", "entry", "text", "seen", "desk", "call", "incident", "reason", "number", "lat"]), PLAIN, max_size=4)),
    max_size=12), st.randoms(use_true_random=False))  # fmt: skip
def test_no_body_breaks_the_fold(bodies: list[tuple[str, dict[str, Any]]], chance: random.Random) -> None:
    log = [op(1, seq, kind, body, ms=seq) for seq, (kind, body) in enumerate(bodies, 1)]
    expected = all_bytes(log)
    chance.shuffle(log)
    assert all_bytes(log) == expected
    for state in fold(log).values():
        for entry in state.entries:
            state.corrected_at(entry)
    for entry in (told := narrative(log)):
        corrected_text(entry, told)


def test_a_person_signs_in_a_thousand_times_and_stays_small() -> None:
    uid = b"p" * 16
    log = [
        op(
            1,
            seq,
            "person.signed_in" if seq % 2 else "person.signed_out",
            {"desk": f"Meja {seq % 3}", "at": seq},
            seq,
            uid,
        )
        for seq in range(1, 1001)
    ]
    expected = bytes_of(fold(log)[uid])
    assert bytes_of(fold(reversed(log))[uid]) == expected
    assert len(fold(log)[uid].entries) <= 6
