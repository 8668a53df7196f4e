"""No value refuses an op: what fits no column shows empty, the bytes stay exact, and the log goes on (promise M8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.hub.log.postgres import PostgresLog
from sync.opwire import ProtocolError, pack, parse
from sync.protocol import Stored
from tests.domain.histories import PLAIN
from tests.store.desks import SALT, admitted, desk, wire
from tests.sync.logs.places import HubLog, Place, read, rows
from workstation.domain.hlc import HandClock, stamp
from workstation.domain.ids import SeededIds
from workstation.domain.kinds import INCIDENT_REGISTERS, KINDS, Effect
from workstation.domain.ops import NAME_LIMIT, Op
from workstation.store import reads

NOW = HandClock().now_ms()
HUGE = "x" * 16_000
NASTY: dict[str, Any] = {
    "word for a number": "d8",
    "beyond 64 bits": 1 << 63,
    "below 64 bits": -(1 << 63),
    "not a number": float("nan"),
    "infinite": float("-inf"),
    "beyond a float": 1.7e308,
    "NUL": "a\0b",
    "only NUL": "\0",
    "very long": HUGE,
    "long beyond letters": "🌋" * 4_000,
    "bytes": b"\0\xff" * 30,
    "nothing": None,
    "truth": True,
    "a list": [1, "\0", None],
    "a map": {"\0": [float("inf")]},
    "direction marks": "\u202e\u2066\ufeff\ufffe",
}


def of(entity: bytes, seq: int, kind: str, body: dict[str, Any], **more: Any) -> Op:
    op = Op(8, seq, stamp(NOW, seq), entity, kind, 1, b"", "AMB", NOW, body)
    return op._replace(**more)


@pytest.mark.promise("M8", "S7")
@pytest.mark.parametrize("name", NASTY)
def test_a_value_of_any_shape_anywhere_is_kept_and_the_rows_are_a_desks(tmp_path: Path, log: HubLog, name: str) -> None:
    """The same value as every field of every kind: stored, forwarded, folded, and shown alike on both."""
    value, ops = NASTY[name], []
    entities: dict[str, bytes] = {}
    for kind, row in KINDS.items():
        entity = entities.setdefault(row.entity, bytes([len(entities) + 1]) * 16)
        body = {field: value for field in (*row.required, *row.optional)} | {"desk": value}
        # A few fields at a time: an op has 64 KiB.
        for some in batched(body, 3):
            ops.append(of(entity, len(ops) + 1, kind, {field: body[field] for field in some}))
        for some in batched(INCIDENT_REGISTERS if row.effect is Effect.SET else (), 3):
            ops.append(of(entity, len(ops) + 1, kind, {"set": {field: [value, []] for field in some}}))
        ops.append(of(entity, len(ops) + 1, kind, {"set": value}))
    ops.append(of(b"r" * 16, len(ops) + 1, "offer.rang", {"number": "+62811", "key": value, "desk": "Meja 1"}))
    ops.append(of(b"s" * 16, len(ops) + 1, "offer.rang", {"number": value, "e164": "+62811", "key": value}))
    ops.append(of(b"i" * 16, len(ops) + 1, "incident.opened", {"number": value, "call": b"r" * 16, "at": value}))
    ops.append(of(b"l" * 16, len(ops) + 1, "link.made", {"from": b"i" * 16, "to": b"j" * 16, "kind": value}))
    ops.append(of(b"u" * 16, len(ops) + 1, str(value)[:60] or "?", {"x": value}, site=str(value)[:64]))
    given_ops = wire(*ops)
    with desk(tmp_path) as other:
        for target in (log, other):
            target.merge(admitted(target, given_ops)).result(20)  # type: ignore[arg-type]
        kept = [row["raw"] for row in rows(log, "select raw from op order by n")]
        assert kept == [stored.raw for stored in given_ops]
        assert read(log, reads.broken_chains) == {}
        assert log.digest() == other.digest()
        for table in ("entity", "incident", "link", "offer", "call", "assignment", "person"):
            ours, theirs = (rows(at, f"select * from {table} order by 1") for at in (log, other))  # type: ignore[arg-type]
            assert ours == [{key: shown(log, item) for key, item in row.items()} for row in theirs], table


def batched(names: Iterable[str], size: int) -> Iterator[list[str]]:
    listed = list(names)
    for start in range(0, len(listed), size):
        yield listed[start : start + size]


def shown(log: HubLog, value: Any) -> Any:
    """A text as PostgreSQL can store it."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) and isinstance(log, PostgresLog) else value


@pytest.mark.promise("M8")
def test_names_nobody_could_look_up_are_none(tmp_path: Path, log: HubLog) -> None:
    """Too long for an index, or with what no text holds: such a number joins nothing, on every database alike."""
    fine, long = "1" * NAME_LIMIT, "1" * (NAME_LIMIT + 1)
    ops = []
    for at, (number, key) in enumerate([(fine, ""), (fine, ""), (long, ""), (long, ""), ("", long), ("", "k\0")]):
        body = {"number": number, "e164": number, "key": key, "desk": "Meja 1", "at": NOW + at}
        ops.append(of(bytes([at + 1]) * 16, at + 1, "offer.rang", body))
    log.merge(admitted(log, wire(*ops))).result(10)
    found = rows(log, "select caller, key, number from offer order by rang_at")
    assert [(row["caller"], row["key"]) for row in found] == [(fine, "")] * 2 + [("", "")] * 4
    assert [row["number"] for row in found][2:4] == [long, long], "shown all the same"
    assert [row["offers"] for row in rows(log, "select offers from call order by rang_at")] == [2, 1, 1, 1, 1]


def test_a_lone_surrogate_is_no_text_for_anybody(log: HubLog) -> None:
    """msgpack carries UTF-8, which has none; were one to come in another way, the databases would not fail on it."""
    with pytest.raises(ProtocolError):
        pack(of(b"e" * 16, 1, "incident.noted", {"text": "\ud800", "at": 1}))
    raw = pack(of(b"e" * 16, 1, "incident.noted", {"text": "??", "at": 1}))
    with pytest.raises(ProtocolError):
        parse(raw.replace(b"\xa2??", b"\xa3\xed\xa0\x80"))
    with pytest.raises(ProtocolError):
        log.append("incident.noted", b"e" * 16, {"text": "\udfff", "at": 1}).result(10)
    assert log.vector() == {}


@pytest.mark.promise("M8", "S7")
def test_anything_a_body_may_carry_is_kept_as_it_is(tmp_path: Path, place: Place) -> None:
    """One log for all examples: what an earlier one wrote must not stop a later one."""
    with place.open() as log, desk(tmp_path, 2) as other:
        ids = SeededIds(5)
        kinds = st.sampled_from([*KINDS, "incident.beamed", "a\0b"])
        bodies = st.dictionaries(st.text(max_size=6) | st.sampled_from(["set", "at", "desk", "number"]), PLAIN,
                                 max_size=4)  # fmt: skip

        @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
        @given(kinds, bodies, st.sampled_from([b"a" * 16, b"b" * 16, None]))
        def takes(kind: str, body: dict[str, Any], entity: bytes | None) -> None:
            seq = log.vector().get(8, 0) + 1
            op = of(entity or ids.uid(), seq, kind, body)
            had = log.salts([(8, op.entity)])
            try:
                raw = pack(op if had else op._replace(salt=SALT))
            except ProtocolError:
                return  # wider than msgpack's own numbers
            stored = Stored(8, seq, raw, bytes(64))
            try:
                parse(raw)
            except ProtocolError:
                return  # nested deeper than allowed
            for target in (log, other):
                target.merge(admitted(target, [stored])).result(10)  # type: ignore[arg-type]
            assert log.page({8: seq - 1}, 10)[0].raw == raw

        takes()
        assert log.digest() == other.digest() and log.vector() == other.vector()
        assert read(log, reads.broken_chains) == {}
        assert msgspec.msgpack.decode(log.page({}, 1)[0].raw)
