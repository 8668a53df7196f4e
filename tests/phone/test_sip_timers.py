"""What happens when the other side falls silent: timers of RFC 3261, run in small."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.phone.raw import SDP, Raw
from tests.waiting import wait_until
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds
from workstation.phone.engine.sip.agent import Agent
from workstation.phone.engine.sip.registration import Standing
from workstation.phone.engine.sip.sdp import Agreed
from workstation.phone.engine.sip.session import Session
from workstation.phone.engine.sip.transaction import Timers
from workstation.phone.settings import PhoneSettings

FAST = Timers(t1=0.02, t2=0.1, t4=0.1)
PATIENT = Timers(t1=0.1, t2=0.5, t4=0.5)
"""For calls that must live until the test has acknowledged them, on a busy machine too: 6.4 s."""
patient = pytest.mark.parametrize("small", [PATIENT], indirect=True, ids=["patient"])


class Told:
    """What the user agent told its owner."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.ends: list[tuple[str, str]] = []
        self.agreements: list[Agreed] = []
        self.strangers: list[str] = []

    def rang(self, session: Session) -> None:
        self.sessions.append(session)

    def agreed(self, session: Session, agreed: Agreed) -> None:
        self.agreements.append(agreed)

    def ended(self, session: Session, reason: str, detail: str) -> None:
        self.ends.append((reason, detail))

    def standing(self, standing: Standing) -> None:
        pass

    def scanner(self, source: str, method: str) -> None:
        self.strangers.append(source)


class Small:
    """A user agent on a loop of its own thread."""

    def __init__(self, folder: Path, timers: Timers) -> None:
        self.told = Told()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        settings = PhoneSettings(data_dir=str(folder), bind="127.0.0.1", peers=("127.0.0.1",), user="desk1")

        async def make() -> Agent:
            agent = Agent(settings, "", SystemClock(), SystemIds(), self.told, timers)
            await agent.start()
            return agent

        self.agent = self.do(make())

    def do(self, what: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(20)

    def call(self, act: Callable[[], Any]) -> Any:
        async def run() -> Any:
            return act()

        return self.do(run())

    def open(self) -> int:
        """Transactions kept."""
        layer = self.agent.transactions
        return len(layer._server) + len(layer._client)

    def close(self) -> None:
        self.do(self.agent.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()


@pytest.fixture
def small(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Small]:
    made = Small(tmp_path, getattr(request, "param", FAST))
    yield made
    made.close()


@pytest.fixture
def raw(small: Small) -> Iterator[Raw]:
    with Raw(small.agent.local[1]) as peer:
        yield peer


def accepted(small: Small, raw: Raw) -> Any:
    call = raw.dialog()
    raw.send(call.invite())
    call.learn(raw.until("SIP/2.0 180"))
    wait_until(lambda: small.told.sessions, 20)
    assert small.call(lambda: small.told.sessions[-1].accept("127.0.0.1", 40_002))
    raw.until("SIP/2.0 200")
    return call


def test_an_answer_nobody_acknowledges_ends_the_call(small: Small, raw: Raw) -> None:
    accepted(small, raw)
    raw.until("BYE")
    wait_until(lambda: small.told.ends == [("failed", "the answer was never acknowledged")], 20)
    wait_until(lambda: small.open() == 0, 20, what="nothing is kept for ever")


def test_a_refusal_nobody_acknowledges_is_given_up(small: Small, raw: Raw) -> None:
    call = raw.dialog()
    raw.send(call.invite())
    raw.until("SIP/2.0 180")
    small.call(lambda: small.told.sessions[-1].refuse(486, "refused"))
    raw.until("SIP/2.0 486")
    wait_until(lambda: small.open() == 0, 20, what="nothing is kept for ever")
    assert small.told.ends == [("refused", "")]


@patient
def test_a_hold_nobody_answers_ends_the_call(small: Small, raw: Raw) -> None:
    call = accepted(small, raw)
    raw.send(call.request("ACK"))
    wait_until(lambda: small.told.sessions[-1].state == "talking", 20)
    small.call(lambda: small.told.sessions[-1].hold(True))
    first = raw.until("INVITE")
    assert raw.until("INVITE") == first
    wait_until(lambda: small.told.ends == [("lost", "the caller's side doesn't answer")], 20)
    wait_until(lambda: small.open() == 0, 20, what="nothing is kept for ever")


@patient
def test_a_hold_refused_is_acknowledged_and_the_call_goes_on(small: Small, raw: Raw) -> None:
    call = accepted(small, raw)
    raw.send(call.request("ACK"))
    wait_until(lambda: small.told.sessions[-1].state == "talking", 20)
    small.call(lambda: small.told.sessions[-1].hold(True))
    ask = raw.until("INVITE")
    refusal = b"SIP/2.0 488 No\r\n" + b"\r\n".join(
        line for line in ask.split(b"\r\n") if line.split(b":")[0] in (b"Via", b"From", b"To", b"Call-ID", b"CSeq")
    )
    raw.send(refusal + b"\r\n\r\n")
    raw.until("ACK")
    assert small.told.ends == [] and small.told.sessions[-1].state == "talking"


@patient
def test_an_answer_in_the_ack_that_fits_nothing_ends_the_call(small: Small, raw: Raw) -> None:
    call = raw.dialog()
    raw.send(call.invite(body=b""))
    call.learn(raw.until("SIP/2.0 180"))
    small.call(lambda: small.told.sessions[-1].accept("127.0.0.1", 40_002))
    assert b"RTP/AVP 8 0 101" in raw.until("SIP/2.0 200")
    raw.send(call.request("ACK", body=SDP.replace(b"m=audio 40000", b"m=audio 0")))
    raw.until("BYE")
    wait_until(lambda: [reason for reason, _ in small.told.ends] == ["failed"], 20)


def test_an_answer_goes_to_the_port_the_via_names_unless_it_asks_otherwise(small: Small, raw: Raw) -> None:
    with Raw(small.agent.local[1]) as other:
        call = raw.dialog()
        asked = call.request("OPTIONS").replace(f":{raw.port};branch".encode(), f":{other.port};branch".encode(), 1)
        raw.send(asked)
        other.until("SIP/2.0 200")
        call = raw.dialog()
        asked = call.request("OPTIONS").replace(
            f":{raw.port};branch".encode(), f":{other.port};rport;branch".encode(), 1
        )
        raw.send(asked)
        assert f"rport={raw.port};received=127.0.0.1".encode() in raw.until("SIP/2.0 200")


def test_every_request_is_forgotten_in_the_end(small: Small, raw: Raw) -> None:
    for _ in range(50):
        raw.send(raw.dialog().request("OPTIONS"))
        raw.until("SIP/2.0 200")
    wait_until(lambda: small.open() == 0, 20, what="nothing is kept for ever")
