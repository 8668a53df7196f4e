"""A call's life on the wire: repeated, cancelled, held, taken elsewhere, never acknowledged (RFC 3261)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.phone.desk import Told, desk, engine_log, settings_for
from tests.phone.raw import SDP, Dialog, Raw, field
from tests.waiting import wait_until
from workstation.demo.process import free_port
from workstation.phone import wire


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("calls")
    with desk(settings_for(folder, port=port, user="desk1", peers=("127.0.0.1",))) as up:
        yield up
    assert "Traceback" not in engine_log(folder), engine_log(folder)


@pytest.fixture
def raw(port: int, told: Told) -> Iterator[Raw]:
    with Raw(port) as peer:
        yield peer
    wait_until(lambda: not told.line.calls, 20, what="no call is left over")


def rung(told: Told, call: Dialog) -> bytes:
    """Send the INVITE, wait for the 180; the offer."""
    call.raw.send(call.invite())
    call.learn(call.raw.until("SIP/2.0 180"))
    return bytes.fromhex(told.wait(wire.Ringing, sip_call_id=call.call_id).offer)


def talking(told: Told, call: Dialog) -> bytes:
    offer = rung(told, call)
    told.line.answer(offer)
    call.raw.until("SIP/2.0 200")
    call.raw.send(call.request("ACK"))
    told.wait(wire.Answered, offer=offer.hex())
    return offer


def bye(told: Told, call: Dialog, offer: bytes) -> None:
    call.raw.send(call.next("BYE"))
    call.raw.until("SIP/2.0 200", cseq=f"{call.cseq} BYE")
    assert told.wait(wire.Ended, offer=offer.hex()).reason == "caller_hung_up"


def test_a_repeated_invite_rings_once_and_is_answered_again(told: Told, raw: Raw) -> None:
    call = raw.dialog()
    offer = rung(told, call)
    invite = Dialog.invite
    call.to_tag, tag = "", call.to_tag
    call.target = "sip:desk1@127.0.0.1"
    for _ in range(3):
        raw.send(invite(call))
        assert field(raw.until("SIP/2.0 180"), "To").endswith(tag)
    call.to_tag = tag
    assert len([r for r in told.all(wire.Ringing) if r.sip_call_id == call.call_id]) == 1
    told.line.hang_up(offer)
    raw.until("SIP/2.0 486")


def test_the_same_call_by_another_way_is_sent_back_and_rings_once(told: Told, raw: Raw) -> None:
    call = raw.dialog()
    offer = rung(told, call)
    target, branch = call.target, call.branch
    call.to_tag, call.branch = "", branch + "x"
    raw.send(call.invite())
    raw.until("SIP/2.0 482")
    call.target, call.branch = target, branch
    told.line.hang_up(offer)
    raw.until("SIP/2.0 486")


@pytest.mark.parametrize(
    ("reason", "ended"),
    [
        ("", "cancelled"),
        ('Reason: SIP;cause=200;text="Call completed elsewhere"', "answered_elsewhere"),
        ('Reason: Q.850;cause=26;text="Answered elsewhere", SIP;cause=0', "answered_elsewhere"),
        ('Reason: SIP;cause=487;text="ORIGINATOR_CANCEL"', "cancelled"),
    ],
)
def test_cancel(told: Told, raw: Raw, reason: str, ended: str) -> None:
    call = raw.dialog()
    offer = rung(told, call)
    call.to_tag = ""
    raw.send(call.request("CANCEL", [reason] if reason else []))
    agreed, gone = raw.each("SIP/2.0 200", "SIP/2.0 487")
    assert (field(agreed, "CSeq"), field(gone, "CSeq")) == (f"{call.cseq} CANCEL", f"{call.cseq} INVITE")
    raw.send(call.request("ACK"))
    assert told.wait(wire.Ended, offer=offer.hex()).reason == ended


def test_a_refusal_is_repeated_until_it_is_acknowledged(told: Told, raw: Raw) -> None:
    call = raw.dialog()
    offer = rung(told, call)
    told.line.hang_up(offer)
    first = raw.until("SIP/2.0 486")
    assert raw.until("SIP/2.0 486") == first
    raw.send(call.request("ACK"))
    raw.settled()
    assert raw.silent(1.2)  # timer G would have fired after 1 s


def test_an_answer_is_repeated_until_it_is_acknowledged(told: Told, raw: Raw) -> None:
    call = raw.dialog()
    offer = rung(told, call)
    told.line.answer(offer)
    first = raw.until("SIP/2.0 200")
    assert raw.until("SIP/2.0 200") == first
    raw.send(call.request("ACK"))
    bye(told, call, offer)


def test_the_desk_hangs_up(told: Told, raw: Raw) -> None:
    call = raw.dialog()
    offer = talking(told, call)
    told.line.hang_up()
    end = raw.until("BYE")
    assert field(end, "To").endswith(call.from_tag) and field(end, "From").endswith(call.to_tag)
    call.answer(end, b"")
    assert told.wait(wire.Ended, offer=offer.hex()).reason == "desk_hung_up"
    raw.settled()
    assert raw.silent(0.8)  # answered once, not repeated


def test_a_bye_waits_for_the_ack(told: Told, raw: Raw) -> None:
    call = raw.dialog()
    offer = rung(told, call)
    told.line.answer(offer)
    raw.until("SIP/2.0 200")
    told.line.hang_up()
    assert told.wait(wire.Ended, offer=offer.hex()).reason == "desk_hung_up"
    assert raw.until("SIP/2.0 200")  # the answer again, and no BYE before it
    assert not [line for line in raw.skipped if line.startswith(b"BYE")]
    raw.send(call.request("ACK"))
    call.answer(raw.until("BYE"), b"")


def test_hold_and_resume_by_the_desk(told: Told, raw: Raw) -> None:
    call = raw.dialog()
    offer = talking(told, call)
    told.line.hold()
    ask = raw.until("INVITE")
    assert b"a=sendonly" in ask
    call.answer(ask, SDP + b"a=recvonly\r\n")
    raw.until("ACK", cseq=field(ask, "CSeq").replace("INVITE", "ACK"))
    assert told.wait(wire.Held, offer=offer.hex()).by == "desk"
    wait_until(lambda: told.line.state.held, 10)
    told.line.resume()
    ask = raw.until("INVITE")
    assert b"a=sendrecv" in ask
    call.answer(ask)
    raw.until("ACK")
    assert told.wait(wire.Resumed, offer=offer.hex()).by == "desk"
    wait_until(lambda: not told.line.state.held, 10)
    bye(told, call, offer)


@pytest.mark.parametrize("way", [b"a=sendonly\r\n", b"a=inactive\r\n"])
def test_hold_and_resume_by_the_caller(told: Told, raw: Raw, way: bytes) -> None:
    call = raw.dialog()
    offer = talking(told, call)
    raw.send(call.next("INVITE", ["Content-Type: application/sdp"], SDP + way))
    ok = raw.until("SIP/2.0 200", cseq=f"{call.cseq} INVITE")
    assert (b"a=recvonly" if b"sendonly" in way else b"a=inactive") in ok
    raw.send(call.next("ACK"))
    assert told.wait(wire.Held, offer=offer.hex()).by == "caller"
    raw.send(call.next("INVITE", ["Content-Type: application/sdp"], SDP))
    assert b"a=sendrecv" in raw.until("SIP/2.0 200", cseq=f"{call.cseq} INVITE")
    raw.send(call.next("ACK"))
    assert told.wait(wire.Resumed, offer=offer.hex()).by == "caller"
    bye(told, call, offer)


@pytest.mark.promise("P7")
def test_a_second_call_while_talking_waits_and_is_answered_by_holding_the_first(told: Told, raw: Raw) -> None:
    first, second = raw.dialog(), raw.dialog()
    one = talking(told, first)
    assert not told.wait(wire.Ringing, offer=one.hex()).waiting
    two = rung(told, second)
    assert told.wait(wire.Ringing, offer=two.hex()).waiting
    told.line.answer(two)
    # Both go out at once, in either order.
    ask, _ = raw.each("INVITE", "SIP/2.0 200")
    first.answer(ask, SDP + b"a=recvonly\r\n")
    raw.until("ACK")
    raw.send(second.request("ACK"))
    told.wait(wire.Held, offer=one.hex())
    told.wait(wire.Answered, offer=two.hex())
    wait_until(lambda: told.line.state.talking == two, 10)
    told.line.hang_up()
    second.answer(raw.until("BYE"), b"")
    told.wait(wire.Ended, offer=two.hex())
    wait_until(lambda: (told.line.state.talking, told.line.state.held) == (one, True), 10)
    told.line.resume()
    ask = raw.until("INVITE")
    first.answer(ask)
    raw.until("ACK")
    bye(told, first, one)


def test_the_far_end_may_hang_up_from_an_address_that_is_no_peer(told: Told, raw: Raw, port: int) -> None:
    call = raw.dialog()
    offer = talking(told, call)
    with Raw(port, "127.0.0.3") as other:
        call.raw = other
        other.send(call.next("BYE"))
        other.until("SIP/2.0 200", cseq=f"{call.cseq} BYE")
    assert told.wait(wire.Ended, offer=offer.hex()).reason == "caller_hung_up"


def test_what_belongs_to_no_call_is_told_so(told: Told, raw: Raw) -> None:
    call = raw.dialog()
    call.to_tag = "nobody"
    raw.send(call.request("BYE"))
    raw.until("SIP/2.0 481")
    lone = raw.dialog()
    raw.send(lone.request("CANCEL"))
    raw.until("SIP/2.0 481")
    lone = raw.dialog()
    raw.send(lone.request("SUBSCRIBE"))
    assert "INVITE" in field(raw.until("SIP/2.0 405"), "Allow")


def test_a_request_without_its_call_id_is_refused(told: Told, raw: Raw) -> None:
    call = raw.dialog()
    raw.send(call.invite().replace(b"Call-ID:", b"X-Id:"))
    raw.until("SIP/2.0 400")


def test_mute_is_told_and_opens_again_after_the_call(told: Told, raw: Raw) -> None:
    call = raw.dialog()
    offer = talking(told, call)
    told.line.mute(True)
    wait_until(lambda: told.line.state.muted, 10)
    bye(told, call, offer)
    wait_until(lambda: not told.line.state.muted, 10)


def test_answering_what_rings_no_longer_changes_nothing(told: Told, raw: Raw) -> None:
    call = raw.dialog()
    offer = rung(told, call)
    call.to_tag = ""
    raw.send(call.request("CANCEL"))
    raw.until("SIP/2.0 487")
    told.line.answer(offer)
    told.line.hang_up(offer)
    told.line.hold()
    told.line.resume()
    asked = raw.dialog()
    raw.send(asked.request("OPTIONS"))
    raw.until("SIP/2.0 200")
    assert not [e for e in told.all(wire.Answered) if e.offer == offer.hex()]
