"""The line at a real registrar with real callers: Kamailio and SIPp."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.peers.caller import NUMBER, sipp
from tests.peers.fixtures import USERS
from tests.peers.registrar import Pbx, kamailio
from tests.phone.desk import desk, engine_log, settings_for
from tests.waiting import wait_until
from workstation.demo.process import free_port
from workstation.domain.hlc import SystemClock
from workstation.phone import wire
from workstation.words import said


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_registers_with_digest_and_proves_that_a_call_can_come_in(tmp_path: Path, algorithm: str) -> None:
    with kamailio(tmp_path, USERS, algorithm=algorithm) as pbx, desk(settings_for(tmp_path / "d", pbx)) as told:
        told.registered()
        wait_until(lambda: told.line.state.may_ring, 10, what="a request came in by the registrar")
        proof = [e for e in told.all(wire.Registration) if e.inbound_at is not None][-1]
        assert abs((proof.inbound_at or 0) - SystemClock().now_ms()) < 10_000
    # Signed off at the end: a caller must not be sent to an empty desk.
    assert pbx.log().count("in REGISTER") >= 3


def test_without_a_qualify_the_line_proves_itself_by_calling_itself(tmp_path: Path) -> None:
    with kamailio(tmp_path, USERS, qualify_s=3600) as pbx, desk(settings_for(tmp_path / "d", pbx, probe_s=1)) as told:
        told.registered()
        wait_until(lambda: told.line.state.may_ring, 10, what="our own OPTIONS came back to us")
        assert re.search(rf"in OPTIONS sip:desk1@{pbx.domain}", pbx.log())


def test_a_wrong_password_is_told_as_such(tmp_path: Path, pbx: Pbx) -> None:
    with desk(settings_for(tmp_path / "d", pbx, secret="wrong")) as told:
        failed = told.wait(wire.Registration, state="failed")
        reason = said(failed.reason, "id")
        assert "phone.secret_file" in reason and "401" in reason
        assert told.line.state.line == "failed" and not told.line.state.may_ring
    assert "wrong" not in engine_log(tmp_path / "d")


def test_an_expired_nonce_is_renewed_without_a_gap(tmp_path: Path) -> None:
    with kamailio(tmp_path, USERS, nonce_s=1) as pbx, desk(settings_for(tmp_path / "d", pbx, expires_s=10)) as told:
        told.registered()
        before = pbx.log().count("in REGISTER")
        wait_until(lambda: pbx.log().count("in REGISTER") >= before + 2, 15, what="refreshed after the nonce expired")
        told.registered()
        assert [e.state for e in told.all(wire.Registration) if e.state != "registered"] in ([], ["trying"])


def test_a_lost_registrar_is_noticed_and_found_again_within_five_seconds(tmp_path: Path) -> None:
    port = free_port()
    clock = SystemClock()
    with kamailio(tmp_path, USERS, port=port) as pbx:
        settings = settings_for(tmp_path / "d", pbx, probe_s=1)
        with desk(settings) as told:
            told.registered()
            pbx.process.stop()
            lost = clock.monotonic_s()
            wait_until(lambda: told.line.state.line == "trying", 15, what="the loss is noticed")
            assert clock.monotonic_s() - lost <= 12.0
            assert told.line.state.sentence.key == "exchange.no_answer"
            with kamailio(tmp_path / "again", USERS, port=port):
                back = clock.monotonic_s()
                told.registered()
                assert clock.monotonic_s() - back <= 12.0


def test_rings_answers_and_ends_with_the_caller(tmp_path: Path, pbx: Pbx) -> None:
    with desk(settings_for(tmp_path / "d", pbx)) as told:
        told.registered()
        with sipp(pbx, tmp_path, asserted="+62811", talk_ms=500) as caller:
            ring = told.wait(wire.Ringing)
            assert (ring.number, ring.dialled, ring.display) == ("+62811", "112", "")
            state = told.line.state
            assert [r.offer.hex() for r in state.ringing] == [ring.offer] and state.talking is None
            told.line.answer(bytes.fromhex(ring.offer))
            caller.answered()
            answered = told.wait(wire.Answered, offer=ring.offer)
            assert ring.at <= answered.at
            wait_until(lambda: told.line.state.talking == bytes.fromhex(ring.offer), 3)
            assert told.line.state.talking_since_at == answered.at
            ended = told.wait(wire.Ended, offer=ring.offer)
            assert ended.reason == "caller_hung_up" and ended.at >= answered.at
            caller.wait_over()
        assert told.line.state.talking is None and told.line.state.ringing == ()


def test_the_desk_ends_the_call_and_the_caller_hears_of_it(tmp_path: Path, pbx: Pbx) -> None:
    with desk(settings_for(tmp_path / "d", pbx)) as told:
        told.registered()
        with sipp(pbx, tmp_path, number=None) as caller:
            ring = told.wait(wire.Ringing)
            assert (ring.number, ring.identity) == ("", "withheld")
            told.line.answer(bytes.fromhex(ring.offer))
            caller.answered()
            told.line.hang_up()
            caller.wait_over()
            assert told.wait(wire.Ended, offer=ring.offer).reason == "desk_hung_up"


def test_a_caller_who_gives_up_is_a_cancelled_offer(tmp_path: Path, pbx: Pbx) -> None:
    with desk(settings_for(tmp_path / "d", pbx)) as told:
        told.registered()
        with sipp(pbx, tmp_path, scenario="gives_up"):
            ring = told.wait(wire.Ringing)
            assert ring.number == NUMBER
            assert told.wait(wire.Ended, offer=ring.offer).reason == "cancelled"


@pytest.mark.parametrize("reason", [False, True])
def test_two_desks_ring_and_one_answers(tmp_path: Path, reason: bool) -> None:
    with kamailio(tmp_path, USERS, reason=reason, join_header="X-Linkedid") as pbx:
        one = settings_for(tmp_path / "1", pbx, join_header="X-Linkedid")
        two = settings_for(tmp_path / "2", pbx, "desk2", "uji-desk2", join_header="X-Linkedid")
        with desk(one) as left, desk(two) as right:
            left.registered()
            right.registered()
            with sipp(pbx, tmp_path, talk_ms=300) as caller:
                here, there = left.wait(wire.Ringing), right.wait(wire.Ringing)
                assert here.key and here.key == there.key and here.offer != there.offer
                left.line.answer(bytes.fromhex(here.offer))
                caller.answered()
                lost = right.wait(wire.Ended)
                assert lost.reason == ("answered_elsewhere" if reason else "cancelled")
                assert left.wait(wire.Ended).reason == "caller_hung_up"
                caller.wait_over()


def test_rings_over_tcp(tmp_path: Path, pbx: Pbx) -> None:
    with desk(settings_for(tmp_path / "d", pbx, transport="tcp")) as told:
        told.registered()
        with sipp(pbx, tmp_path, talk_ms=300) as caller:
            ring = told.wait(wire.Ringing)
            told.line.answer(bytes.fromhex(ring.offer))
            caller.answered()
            assert told.wait(wire.Ended).reason == "caller_hung_up"
            caller.wait_over()
