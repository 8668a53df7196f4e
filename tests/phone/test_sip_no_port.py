"""No port for the sound of a call: the caller goes on ringing, who talks goes on talking, and it is said."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.phone.desk import desk, settings_for
from tests.phone.raw import Raw
from tests.phone.test_sip_calls import rung, talking
from tests.waiting import wait_until
from workstation.demo.process import free_port
from workstation.domain.sentence import say
from workstation.phone import meeting, wire

NO_PORT = say("engine.no_rtp_port")


def free_pair() -> int:
    """An even port that is free together with the next one."""
    for _ in range(200):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as even,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as odd,
        ):
            even.bind(("127.0.0.1", 0))
            port: int = even.getsockname()[1]
            if port % 2 == 0 and port < 65534:
                try:
                    odd.bind(("127.0.0.1", port + 1))
                except OSError:
                    continue
                return port
    raise AssertionError("no free pair of ports")


@pytest.mark.promise("P7")
def test_without_a_port_for_its_sound_a_caller_rings_on_and_who_talks_is_not_held(tmp_path: Path) -> None:
    port, pair = free_port(), free_pair()
    settings = settings_for(tmp_path / "d", port=port, peers=("127.0.0.1",), rtp_ports=(pair, pair + 1))
    with desk(settings) as told, Raw(port) as one, Raw(port) as two:
        first, second = one.dialog(), two.dialog()
        up = talking(told, first)
        waits = rung(told, second)
        told.line.answer(waits)
        wait_until(lambda: told.line.state.sentence == NO_PORT, 5, what="the sentence")
        assert {c.offer: c.state for c in told.line.calls} == {up.hex(): "talking", waits.hex(): "ringing"}
        assert not told.all(wire.Held) and not told.all(wire.Ended)
        assert two.silent(0.2)
        # The pair is free again with the first call's end, and the caller is still there to be answered.
        one.send(first.next("BYE"))
        one.until("SIP/2.0 200")
        told.wait(wire.Ended, offer=up.hex())
        assert told.line.state.sentence != NO_PORT

        def taken() -> bool:
            told.line.answer(waits)
            return bool(told.all(wire.Answered)[1:])

        wait_until(taken, 5, what="the second caller is answered")
        two.until("SIP/2.0 200")
        two.send(second.request("ACK"))
        two.send(second.next("BYE"))
        two.until("SIP/2.0 200")
        assert told.wait(wire.Ended, offer=waits.hex()).reason == "caller_hung_up"


@pytest.mark.promise("P3")
def test_newer_settings_never_end_a_call_that_came_meanwhile(tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "d"
    with desk(settings_for(folder, port=port, peers=("127.0.0.1",))) as told, Raw(port) as raw:
        call = raw.dialog()
        offer = rung(told, call)
        # What a line says that saw no call in the engine's first words, a moment before this one rang.
        with meeting.connect(folder) as late:
            late.send_bytes(wire.pack(wire.Quit(idle=True)))

            def rings_still() -> bool:
                said = wire.read_event(late.recv_bytes())
                return isinstance(said, wire.Hello) and [c.offer for c in said.calls] == [offer.hex()]

            wait_until(rings_still, 5, what="the first words")
            wait_until(rings_still, 5, what="the engine says that it stays")
        told.line.answer(offer)
        raw.until("SIP/2.0 200")
        raw.send(call.request("ACK"))
        raw.send(call.next("BYE"))
        raw.until("SIP/2.0 200")
        assert told.wait(wire.Ended, offer=offer.hex()).reason == "caller_hung_up"
        assert told.line.started == 1
