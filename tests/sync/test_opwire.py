"""One op's bytes: what is packed comes out again, nothing else comes in, and what is erased keeps its place."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.opwire import (
    DEPTH_LIMIT,
    GENESIS,
    OP_LIMIT,
    SALT_BYTES,
    ProtocolError,
    erase,
    next_head,
    pack,
    parse,
    seal,
    signed_message,
    split,
    unpack,
)
from tests.domain.histories import PLAIN
from workstation.domain.hlc import stamp
from workstation.domain.ops import Op
from workstation.signing import Key, verify

NOW = 1_767_225_600_000
ONE = Op(7, 1, stamp(NOW), b"e" * 16, "incident.noted", 1, b"", "AMB", NOW, {"text": "two hurt", "at": 1})
SALT = bytes(range(SALT_BYTES))
PERSON = Key(b"person".ljust(32))


@pytest.mark.promise("M1")
@given(st.dictionaries(st.text(max_size=5), PLAIN, max_size=4), st.sampled_from([b"", SALT]), st.integers(0, 5000))
def test_an_op_comes_out_as_it_went_in(body: dict[str, Any], salt: bytes, lag: int) -> None:
    op = ONE._replace(body=body, salt=salt, at=NOW - lag)
    raw = pack(op)
    again = unpack(raw)
    assert pack(again) == raw
    assert repr(again) == repr(op)
    first, header, rest = split(raw)
    assert bytes([first]) + header + rest == raw


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"replica": 1 << 32}, "replica|int"),
        ({"seq": 0}, "int"),
        ({"hlc": 1 << 63}, "int"),
        ({"entity": b"short"}, "length"),
        ({"kind": ""}, "length"),
        ({"kind": "x" * 65}, "length"),
        ({"person": b"p" * 17}, "length"),
        ({"salt": b"short"}, "a salt of 5"),
        ({"signature": b"s" * 65}, "length"),
        ({"body": {"x": "y" * OP_LIMIT}}, "the limit is"),
        ({"body": {"x": {1: 2}}}, "no text"),
        ({"body": {"x": object()}}, "does not fit"),
    ],
)
def test_an_op_outside_the_limits_is_not_sealed(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ProtocolError, match=named):
        seal(ONE._replace(**change))


def test_depth_is_bounded() -> None:
    body: Any = "end"
    for _ in range(DEPTH_LIMIT - 1):
        body = [body]
    seal(ONE._replace(body={"x": body}))
    with pytest.raises(ProtocolError, match="nested deeper"):
        seal(ONE._replace(body={"x": [body]}))
    _, header, _ = split(pack(ONE))
    with pytest.raises(ProtocolError):
        parse(b"\x92" + header + b"\x81\xa1x" + b"\x91" * 60_000 + b"\xc0")


def test_what_msgpack_has_beyond_plain_values_is_refused() -> None:
    _, header, _ = split(pack(ONE))
    timestamp = b"\xd6\xff" + struct.pack(">I", 1_700_000_000)
    extension = b"\xd4\x07\x00"
    for value in (timestamp, extension):
        with pytest.raises(ProtocolError, match="carries a"):
            parse(b"\x92" + header + b"\x81\xa1x" + value)


@given(st.binary(max_size=300))
def test_noise_is_refused_in_words(noise: bytes) -> None:
    for opening in (parse, split):
        with pytest.raises(ProtocolError):
            opening(noise)


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_damaged_op_is_refused_or_leads_to_another_head(at: int, byte: int) -> None:
    raw = bytearray(pack(ONE._replace(salt=SALT)))
    before = bytes(raw)
    raw[at % len(raw)] = byte
    try:
        parsed = parse(bytes(raw))
    except ProtocolError:
        return
    same = bytes(raw) == before
    assert (next_head(GENESIS, parsed, b"") == next_head(GENESIS, parse(before), b"")) is same


@pytest.mark.promise("M2")
@pytest.mark.parametrize("first", [True, False])
def test_an_erased_op_keeps_its_place_in_the_chain_and_tells_nothing(first: bool) -> None:
    parsed = parse(pack(ONE._replace(salt=SALT) if first else ONE))
    head = next_head(GENESIS, parsed, SALT)
    erased = erase(parsed, SALT)
    assert b"hurt" not in erased and SALT not in erased
    again = parse(erased)
    assert next_head(GENESIS, again, b"") == head, "without body and without salt"
    assert again.op._replace(erased=b"", body={}) == parsed.op._replace(body={}, salt=b"")
    assert pack(again.op) == erased == erase(again, b"")
    guessed = parse(pack(ONE))
    assert next_head(GENESIS, guessed, bytes(SALT_BYTES)) != head, "who guesses the body right still lacks the salt"


@pytest.mark.promise("S10", "M2")
def test_a_persons_signature_covers_all_of_an_op_and_outlives_its_body() -> None:
    op = ONE._replace(kind="incident.settled", person=b"p" * 16)
    raw, parsed = seal(op, PERSON.sign, SALT)
    assert verify(PERSON.public, parsed.op.signature, signed_message(parsed, SALT))
    assert verify(PERSON.public, parsed.op.signature, signed_message(parse(erase(parsed, SALT)), b""))
    for change in (
        {"replica": 8}, {"seq": 2}, {"hlc": stamp(NOW, 1)}, {"entity": b"f" * 16}, {"kind": "incident.edited"},
        {"person": b"q" * 16}, {"site": "TUAL"}, {"at": NOW - 1}, {"body": {"text": "two dead", "at": 1}},
    ):  # fmt: skip
        other = parse(pack(parsed.op._replace(**change)))  # type: ignore[arg-type]
        assert not verify(PERSON.public, other.op.signature, signed_message(other, SALT)), change
    assert len(raw) - len(pack(op)) == 66


@pytest.mark.promise("M8")
def test_fields_a_newer_program_adds_do_not_hurt() -> None:
    header, body = msgspec.msgpack.decode(pack(ONE))
    raw = msgspec.msgpack.encode([[*header, b"", {"hue": "red"}], body])
    parsed = parse(raw)
    assert parsed.op == ONE
    assert next_head(GENESIS, parsed, SALT) != next_head(GENESIS, parse(pack(ONE)), SALT), "and they are chained, too"
