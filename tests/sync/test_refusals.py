"""What the desk's loop does when the hub says no or nonsense, or something here fails: it waits, and loses nothing.

The hub is the real one; only the answer under test is put in front of it. That there is no busy loop is shown by time:
the n-th attempt can't come before the back-off's shortest waits have passed.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from starlette.responses import PlainTextResponse, Response

from sync.protocol import GAP, Ack, Page, Refusal, Welcome
from sync.serve import Limits
from tests.sync.desks import QUICK, Desk
from tests.sync.hubs import HubThread
from tests.waiting import wait_until
from workstation.demo.wire import Wire
from workstation.domain.rows import Sync
from workstation.domain.sentence import NOTHING, say
from workstation.service.leadviews import unsent
from workstation.service.status import travelled
from workstation.store import Store

ATTEMPTS = 7
LEAST_S = 0.5 * (0.05 + 0.1 + 4 * 0.2)
"""The shortest the waits between seven attempts can be together, after QUICK."""


@pytest.fixture
def hub(log: Store) -> Iterator[HubThread]:
    with HubThread(log, Limits(heartbeat_s=0.3)) as hub:
        yield hub


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Desk(tmp_path, "AMB-1") as desk:
        desk.notes(desk.open_incident("AMB-1-0001"), 300)
        yield desk


def refusal(status: int, error: str = "", *, vector: dict[int, int] | None = None, retry_after: int = 0) -> Response:
    headers = {"retry-after": str(retry_after)} if retry_after else {}
    return Response(msgspec.json.encode(Refusal("said the test", vector or {}, error)), status, headers)


def packed(answer: msgspec.Struct) -> Response:
    return Response(msgspec.msgpack.encode(answer))


def patient(hub: HubThread, path: str) -> None:
    """See that the attempts on `path` keep the back-off's distance, and that they do not cease."""
    before = hub.door.seen[path]
    wait_until(lambda: hub.door.seen[path] > before + ATTEMPTS, 30, what=f"{ATTEMPTS} attempts")
    took_s = hub.door.times[path][before + ATTEMPTS] - hub.door.times[path][before]
    assert took_s >= LEAST_S, f"{ATTEMPTS} attempts in {took_s:.2f} s"


@pytest.mark.promise("S4")
def test_each_attempt_waits_twice_as_long_up_to_the_longest(desk: Desk, hub: HubThread) -> None:
    timing = replace(QUICK, retry_least_s=0.4, retry_most_s=1.6)
    hub.door.answer("/v1/hello", refusal(503))
    desk.connect(hub.url, timing=timing)
    wait_until(lambda: hub.door.seen["/v1/hello"] >= 5, 30, what="five attempts")
    attempts = hub.door.times["/v1/hello"][:5]
    waited = [later - earlier for earlier, later in pairwise(attempts)]
    # Half of each pause is jitter. One that is left out takes the tenth of a second in which a session is made.
    least = [0.2, 0.4, 0.8, 0.8]
    assert all(took >= at_least for took, at_least in zip(waited, least, strict=True)), waited


def recovers(desk: Desk, hub: HubThread, log: Store) -> None:
    """Everything arrives once the hub is itself again, and the desk says so."""
    hub.door.open()
    wait_until(lambda: log.vector() == desk.store.vector() and desk.store.unsent() == (0, None), 20, what="all sent")
    wait_until(
        lambda: desk.status and (desk.status.state, desk.status.unsent, desk.status.sentence) == ("up", 0, NOTHING), 20
    )
    assert log.digest() == desk.store.digest()


@pytest.mark.promise("S4")
@pytest.mark.parametrize(
    ("path", "response", "words"),
    [
        ("/v1/knock", refusal(426, "protocol"), "Versi program"),
        ("/v1/enter", refusal(403, "stranger"), "tidak mengenal meja"),
        ("/v1/enter", refusal(403, "retired"), "tidak mengenal meja"),
        ("/v1/hello", refusal(404), "Alamat hub"),
        ("/v1/push", refusal(409, "chain"), "Riwayat"),
        ("/v1/push", refusal(409, GAP), "Riwayat"),
        ("/v1/push", refusal(413, "large"), "terlalu besar"),
    ],
)
@pytest.mark.expected_log("session ended: HTTP")
def test_a_no_for_which_somebody_must_do_something_is_borne_with_patience(
    desk: Desk, hub: HubThread, log: Store, path: str, response: Response, words: str
) -> None:
    desk.join(hub.url)
    hub.door.answer(path, response)
    desk.connect(hub.url)
    desk.told(words, state="refused")
    # A refused batch is first cut down to one op, by halves, at the speed of the link.
    if "terlalu besar" in words:
        wait_until(lambda: hub.door.seen[path] > 10, 20)
    patient(hub, path)
    recovers(desk, hub, log)


@pytest.mark.promise("S4")
@pytest.mark.parametrize(
    ("path", "response", "words"),
    [
        ("/v1/hello", refusal(401, "token"), "sibuk"),
        ("/v1/push", refusal(401, "token"), "sibuk"),
        ("/v1/push", refusal(429), "sibuk"),
        ("/v1/hello", refusal(500), "terganggu"),
        ("/v1/push", PlainTextResponse("Bad Gateway", 502), "terganggu"),
        ("/v1/push", refusal(503), "sibuk"),
        ("/v1/pull", refusal(500), "terganggu"),
        ("/v1/events", refusal(500), "terganggu"),
        ("/v1/hello", PlainTextResponse("<html>a stranger's page</html>"), "Hub tidak terjangkau"),
    ],
)
def test_a_no_that_passes_by_itself_is_borne_with_patience_and_without_a_warning(
    desk: Desk, hub: HubThread, log: Store, path: str, response: Response, words: str
) -> None:
    hub.door.answer(path, response)
    desk.connect(hub.url)
    desk.told(words, state="down")
    patient(hub, path)
    recovers(desk, hub, log)


@pytest.mark.promise("S4")
@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/v1/push", Ack(b"", {})),
        ("/v1/pull", Page(b"", {99: 5})),
        ("/v1/hello", Welcome(1, b"another", {})),
    ],
    ids=["acknowledges another life", "gives nothing", "is another in each answer"],
)
def test_a_hub_that_contradicts_itself_is_borne_with_patience(
    desk: Desk, hub: HubThread, log: Store, path: str, answer: msgspec.Struct
) -> None:
    hub.door.answer(path, packed(answer))
    desk.connect(hub.url)
    patient(hub, path)
    recovers(desk, hub, log)


@pytest.mark.promise("S2", "S4")
@pytest.mark.parametrize(
    "case",
    [
        pytest.param("ack", marks=pytest.mark.expected_log("acknowledged a push without")),
        pytest.param("page", marks=pytest.mark.expected_log("holds ops it does not give")),
        pytest.param("noise", marks=pytest.mark.expected_log("can't be taken")),
    ],
)
def test_a_hub_that_claims_what_is_not_is_not_believed(desk: Desk, hub: HubThread, log: Store, case: str) -> None:
    path, answer = {
        "ack": ("/v1/push", Ack(log.epoch, {})),
        "page": ("/v1/pull", Page(log.epoch, {99: 5})),
        "noise": ("/v1/pull", Page(log.epoch, {99: 5}, b"no frame")),
    }[case]
    hub.door.answer(path, packed(answer))
    desk.connect(hub.url)
    desk.told("Jawaban hub", state="refused")
    patient(hub, "/v1/hello")
    if case == "ack":
        assert desk.store.unsent()[0] == 301, "what the hub did not name is not sent"
    recovers(desk, hub, log)


@pytest.mark.promise("S4")
def test_a_hub_that_asks_for_peace_gets_it(desk: Desk, hub: HubThread, log: Store) -> None:
    hub.door.answer("/v1/push", refusal(429, retry_after=1), times=2)
    desk.connect(hub.url)
    wait_until(lambda: hub.door.seen["/v1/push"] >= 3, 20)
    times = hub.door.times["/v1/push"]
    assert times[1] - times[0] > 0.9 and times[2] - times[1] > 0.9
    recovers(desk, hub, log)


@pytest.mark.promise("S4")
def test_a_hub_that_takes_only_little_gets_little_at_a_time(desk: Desk, log: Store) -> None:
    with HubThread(log, Limits(frame_bytes=1_000, heartbeat_s=5)) as hub:
        desk.connect(hub.url, timing=replace(QUICK, poll_s=30))
        recovers(desk, hub, log)
        assert hub.door.seen["/v1/hello"] == 1, "no session was lost to it"
        assert hub.door.seen["/v1/push"] < 301, "it was not one op at a time"
        desk.disconnect()


@pytest.mark.promise("S3", "S4")
def test_a_gap_is_filled_from_the_vector_that_comes_with_it(desk: Desk, log: Store) -> None:
    with HubThread(log, Limits(heartbeat_s=5)) as hub:
        hub.door.answer("/v1/hello", packed(Welcome(1, log.epoch, {desk.store.replica: 200})), times=1)
        desk.connect(hub.url, timing=replace(QUICK, poll_s=30))
        wait_until(lambda: hub.door.seen["/v1/push"], 20)
        recovers(desk, hub, log)
        assert hub.door.seen["/v1/hello"] == 1 and hub.door.seen["/v1/push"] == 2
        desk.disconnect()


@pytest.mark.promise("S4", "S9")
def test_a_hub_that_forgot_who_entered_is_entered_again(desk: Desk, hub: HubThread, log: Store) -> None:
    """As after its restart: its tokens live in memory."""
    desk.connect(hub.url)
    recovers(desk, hub, log)
    hub.door.answer("/v1/push", refusal(401, "token"), times=1)
    desk.open_incident("AMB-1-0002")
    wait_until(lambda: hub.door.seen["/v1/enter"] == 2, 10)
    recovers(desk, hub, log)


@pytest.mark.promise("S4", "S9")
@pytest.mark.expected_log("session ended")
def test_a_desk_without_a_site_says_so_and_asks_nobody(desk: Desk, hub: HubThread) -> None:
    desk.connect(hub.url, joining=False)
    assert desk.until("refused").sentence == say("hub.unenrolled")
    assert not hub.door.seen


@pytest.mark.promise("S4")
def test_a_stream_that_falls_silent_is_noticed(desk: Desk, hub: HubThread, log: Store) -> None:
    """A half-open link on which nothing is asked: only the missing heartbeats can tell."""
    with Wire(hub.address) as wire:
        desk.connect(wire.url, timing=replace(QUICK, poll_s=60))
        recovers(desk, hub, log)
        wire.half_open()
        before = hub.door.seen["/v1/events"]
        wait_until(lambda: hub.door.seen["/v1/events"] > before, 10, what="the desk listens anew")
        recovers(desk, hub, log)
        desk.disconnect()


class Failing:
    """A desk's real store of which single calls fail as the test says."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.faults: dict[str, int] = {}

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if self.faults.get(name, 0) > 0:
            self.faults[name] -= 1
            return self._broken
        return method

    @staticmethod
    def _broken(*_: object) -> Any:
        raise RuntimeError("the disk is gone for a moment")


class Hanging(Failing):
    @staticmethod
    def _broken(*_: object) -> Any:
        return Future()  # never done


@pytest.mark.promise("S4")
@pytest.mark.parametrize(
    "call",
    [
        pytest.param("page", marks=pytest.mark.expected_log("a session failed")),
        pytest.param("acked", marks=pytest.mark.expected_log("a session failed")),
        pytest.param("acked_vector", marks=pytest.mark.expected_log("the sync loop failed")),
        pytest.param("unsent", marks=pytest.mark.expected_log("could not be told")),
    ],
)
def test_a_failure_on_this_side_does_not_end_the_loop(desk: Desk, hub: HubThread, log: Store, call: str) -> None:
    real = desk.store
    failing = Failing(real)
    failing.faults[call] = 2
    desk.store = failing  # type: ignore[assignment]
    desk.connect(hub.url)
    desk.store = real
    wait_until(lambda: failing.faults[call] == 0, 10)
    recovers(desk, hub, log)


@pytest.mark.promise("S4")
@pytest.mark.expected_log("could not be told")
def test_a_screen_that_fails_does_not_end_the_loop(desk: Desk, hub: HubThread, log: Store) -> None:
    class Screen(list[Any]):
        def append(self, status: Any) -> None:
            super().append(status)
            if len(self) < 3:
                raise RuntimeError("the screen is gone")

    desk.statuses = Screen()
    desk.connect(hub.url)
    recovers(desk, hub, log)


@pytest.mark.promise("S4")
def test_the_watchdog_ends_a_session_that_makes_no_step(desk: Desk, hub: HubThread, log: Store) -> None:
    real = desk.store
    hanging = Hanging(real)
    hanging.faults["acked"] = 1
    desk.store = hanging  # type: ignore[assignment]
    desk.connect(hub.url, timing=replace(QUICK, watchdog_s=2.5))
    desk.store = real
    recovers(desk, hub, log)
    assert hub.door.seen["/v1/hello"] >= 2


@pytest.mark.promise("S4")
@pytest.mark.expected_log("session ended: HTTP")
def test_an_op_the_hub_refuses_is_named_with_its_reason_and_the_ones_before_it_are_sent(
    desk: Desk, hub: HubThread, log: Store
) -> None:
    """The rest waits behind it, for a replica's ops have no gaps; the desk says which and why."""
    incident = desk.open_incident("AMB-1-0001")
    desk.connect(hub.url)
    desk.told(state="up", unsent=0)
    hub.door.answer("/v1/push", refusal(400, "frame"))
    desk.notes(incident, 20)
    refused = desk.told(state="refused", deadline_s=20)
    assert refused.unsent == 20
    wait_until(lambda: desk.store.read(travelled).result().refused, 20, what="the op it is")
    far = desk.store.read(travelled).result()
    assert (far.refused, far.why) == (far.acked + 1, "frame") and far.row(far.refused) is Sync.REFUSED
    (row,) = desk.store.read(unsent).result()
    assert (row.kind, row.sync, row.why, row.count) == ("incident.noted", Sync.REFUSED, "frame", 20)
    hub.door.open()
    desk.told(state="up", unsent=0, deadline_s=20)
    assert desk.store.read(travelled).result().row(far.refused) is Sync.SERVER


@pytest.mark.promise("S4")
def test_a_desk_without_a_stream_asks_often_and_one_with_it_seldom(desk: Desk, log: Store) -> None:
    timing = replace(QUICK, poll_s=0.2, greet_s=600)
    with HubThread(log, Limits(heartbeat_s=0.3)) as hub:
        hub.door.answer("/v1/events", refusal(503))
        desk.connect(hub.url, timing=timing)
        wait_until(lambda: hub.door.seen["/v1/hello"] >= 3, 20, what="it asks although nothing happens")
        desk.disconnect()
        hub.door.open()
        desk.connect(hub.url, timing=timing)
        wait_until(lambda: hub.door.seen["/v1/events"] and desk.store.unsent() == (0, None), 20)
        before, mark = hub.door.seen["/v1/hello"], len(desk.statuses)
        wait_until(lambda: len({status.last_contact_at for status in desk.statuses[mark:]}) >= 5, 20, what="beats")
        assert hub.door.seen["/v1/hello"] <= before + 1
        desk.disconnect()
