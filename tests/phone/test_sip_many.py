"""Many calls: what is over takes no room from what rings, and what is remembered of it is bounded (promise P1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.phone.desk import desk, engine_log, settings_for
from tests.phone.raw import Dialog, Raw
from workstation.demo.process import free_port
from workstation.phone.engine.sip.agent import SESSIONS_MOST
from workstation.phone.engine.sip.ended import ENDED_MOST

TOO_MANY = "calls at once"


def rings(raw: Raw) -> Dialog:
    call = raw.dialog()
    raw.send(call.invite())
    call.learn(raw.until("SIP/2.0 180"))
    return call


def given_up(raw: Raw) -> Dialog:
    """A caller who rings and hangs up before anybody answers."""
    call = rings(raw)
    acknowledged = call.request("ACK")
    raw.send(call.next("BYE"))
    raw.until("SIP/2.0 487")
    raw.send(acknowledged)
    return call


@pytest.mark.promise("P1")
def test_calls_that_are_over_never_send_a_caller_away(tmp_path: Path) -> None:
    port = free_port()
    with desk(settings_for(tmp_path, port=port, user="desk1", peers=("127.0.0.1",))), Raw(port) as raw:
        over = [given_up(raw) for _ in range(ENDED_MOST + 10)]
        raw.send(over[-1].next("BYE"))
        raw.until("SIP/2.0 200")
        raw.send(over[0].next("BYE"))
        raw.until("SIP/2.0 481")  # forgotten: the oldest gave way
        rings(raw)
        assert TOO_MANY not in engine_log(tmp_path)


@pytest.mark.promise("P1")
def test_as_many_as_may_ring_at_once_do_and_one_that_ends_makes_room(tmp_path: Path) -> None:
    port = free_port()
    with desk(settings_for(tmp_path, port=port, user="desk1", peers=("127.0.0.1",))), Raw(port) as raw:
        up = [rings(raw) for _ in range(SESSIONS_MOST)]
        one_more = raw.dialog()
        raw.send(one_more.invite())
        raw.until("SIP/2.0 486")
        raw.send(one_more.request("ACK"))
        assert f"{SESSIONS_MOST} {TOO_MANY}" in engine_log(tmp_path)
        raw.send(up[0].next("BYE"))
        raw.until("SIP/2.0 200")
        rings(raw)
