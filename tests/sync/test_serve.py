"""The routes, asked by hand over HTTP: what they give, what they refuse and how."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import httpx_sse
import msgspec
import pytest
import zstandard

from sync import protocol
from sync.frame import open_frame, pack_frame
from sync.handshake import Answer, Enter, Knock, Meeting
from sync.opwire import unpack
from sync.protocol import Ack, Admitted, Hello, Page, Pull, Refusal, Stored, Welcome, event_id
from sync.replica.link import Link
from sync.serve import Limits
from tests.store.desks import admitted
from tests.store.sites import SITE_KEY
from tests.sync.desks import Desk
from tests.sync.hubs import HubThread
from tests.waiting import wait_until
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds
from workstation.signing import Key, verify
from workstation.store import Store


def entered(hub: HubThread, desk: Desk) -> dict[str, str]:
    """The header of who has entered as this desk."""

    async def enter() -> str:
        async with await Link.meet(hub.url) as link:
            await link.enter(desk.store, SystemIds().secret)
            return str(link._http.headers["authorization"])

    desk.join(hub.url)
    return {"authorization": asyncio.run(enter())}


class HeldLog:
    """A real store whose merges begin only when the test says so."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked, self.go = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def merge(self, ops: list[Admitted]) -> Future[Any]:
        done: Future[Any] = Future()

        def later() -> None:
            self.asked.set()
            self.go.wait(20)
            done.set_result(self._store.merge(ops).result())

        threading.Thread(target=later, daemon=True).start()
        return done


@pytest.fixture
def hub(log: Store) -> Iterator[HubThread]:
    with HubThread(log, Limits(heartbeat_s=0.2, listeners=2, body_s=0.5)) as hub:
        yield hub


@pytest.fixture
def http(hub: HubThread, desk: Desk) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=hub.url, headers=entered(hub, desk), trust_env=False, timeout=20) as http:
        yield http


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Desk(tmp_path, "AMB-1") as desk:
        incident = desk.open_incident("AMB-1-0001")
        desk.notes(incident, 9)
        yield desk


def reached(log: Store, desk: Desk) -> int:
    """How far the log has the desk's ops."""
    return log.vector().get(desk.store.replica, 0)


def take(log: Store, ops: list[Stored]) -> None:
    """Have the hub's log hold these, as if they had been pushed."""
    log.merge(admitted(log, ops)).result()


def ask(http: httpx.Client, path: str, message: object) -> httpx.Response:
    return http.post(path, content=msgspec.msgpack.encode(message))


def hello(**changes: Any) -> Hello:
    said: dict[str, Any] = {"protocol": protocol.PROTOCOL, "site": "AMB", "desk": "AMB-1", "replica": 1, "vector": {}}
    return Hello(**(said | changes))


def given(response: httpx.Response, kind: type[Any]) -> Any:
    assert response.status_code == 200, response.text
    return msgspec.msgpack.decode(response.content, type=kind)


def refused(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, msgspec.json.decode(response.content, type=Refusal).error


@pytest.mark.promise("S1")
def test_hello_tells_the_life_the_vector_and_the_time(http: httpx.Client, log: Store, desk: Desk) -> None:
    take(log, desk.store.page({}, 100))
    welcome = given(ask(http, "/v1/hello", hello()), Welcome)
    assert (welcome.epoch, welcome.vector, welcome.digest) == (log.epoch, log.vector(), b"")
    assert welcome.vector[desk.store.replica] == 10
    assert abs(welcome.now_ms - SystemClock().now_ms()) < 10_000
    take(desk.store, log.page(desk.store.vector(), 100))
    assert given(ask(http, "/v1/hello", hello(digest=b"x")), Welcome).digest == desk.store.digest()


@pytest.mark.promise("S1", "S9")
@pytest.mark.parametrize("token", ["", "Bearer", "Bearer wrong", f"Bearer {'0' * 48}", "Basic x"])
def test_nothing_is_given_without_having_entered(hub: HubThread, token: str) -> None:
    with httpx.Client(base_url=hub.url, headers={"authorization": token} if token else {}, trust_env=False) as http:
        for path in ("/v1/hello", "/v1/push", "/v1/pull"):
            assert refused(ask(http, path, hello())) == (401, "token")
        assert refused(http.get("/v1/events")) == (401, "token")


def knocking(desk: Desk, **changes: Any) -> Knock:
    said: dict[str, Any] = {"newest": 2, "oldest": 1, "site": "AMB", "replica": desk.store.replica, "nonce": bytes(32)}
    return Knock(**(said | changes))


@pytest.mark.promise("S1", "S9")
def test_who_knocks_in_another_version_is_refused_and_one_back_is_spoken(http: httpx.Client, desk: Desk) -> None:
    assert refused(ask(http, "/v1/knock", knocking(desk, newest=99, oldest=98))) == (426, "protocol")
    assert refused(ask(http, "/v1/knock", knocking(desk, newest=0, oldest=0))) == (426, "protocol")
    assert given(ask(http, "/v1/knock", knocking(desk, newest=99)), Answer).protocol == protocol.PROTOCOL
    assert given(ask(http, "/v1/knock", knocking(desk, newest=1)), Answer).protocol == 1


@pytest.mark.promise("S9")
def test_only_the_device_itself_enters_and_a_nonce_serves_once(
    http: httpx.Client, hub: HubThread, log: Store, desk: Desk, tmp_path: Path
) -> None:
    def enter(knock: Knock, signer: Key) -> httpx.Response:
        answer = given(ask(http, "/v1/knock", knock), Answer)
        meeting = Meeting(knock.nonce, answer.nonce, knock.replica, answer.replica, b"")
        assert verify(log.device.public, answer.signature, meeting.by_server)
        proof = Enter(answer.nonce, signer.sign(meeting.by_asker))
        first = ask(http, "/v1/enter", proof)
        assert refused(ask(http, "/v1/enter", proof)) == (401, "nonce"), "whatever it was, the nonce is used"
        return first

    assert enter(knocking(desk), desk.store.device).status_code == 200
    assert refused(enter(knocking(desk), Key(bytes(32)))) == (403, "proof")
    assert refused(enter(knocking(desk, replica=77), desk.store.device)) == (403, "stranger")
    assert refused(enter(knocking(desk, site="TUAL"), desk.store.device)) == (403, "proof")
    answer = given(ask(http, "/v1/knock", knocking(desk)), Answer)
    elsewhere = Meeting(bytes(32), answer.nonce, desk.store.replica, answer.replica, b"another wire")
    stolen = Enter(answer.nonce, desk.store.device.sign(elsewhere.by_asker))
    assert refused(ask(http, "/v1/enter", stolen)) == (403, "proof"), "a proof for another wire is none for this"


@pytest.mark.promise("S9")
def test_a_device_is_out_from_its_retirement_on(http: httpx.Client, log: Store, desk: Desk) -> None:
    given(ask(http, "/v1/hello", hello()), Welcome)
    device = log.trust().rosters["AMB"].by_replica[desk.store.replica]
    body = {"replica": desk.store.replica, "upto": 0, "at": 1, "reason": "stolen"}
    log.append("device.retired", device.entity, body, signer=SITE_KEY).result()
    assert refused(ask(http, "/v1/hello", hello())) == (403, "retired")


@pytest.mark.promise("S1")
@pytest.mark.parametrize("path", ["/v1/hello", "/v1/pull"])
@pytest.mark.parametrize(
    "body", [b"", b"\xc1", b"\x81" * 60_000, msgspec.msgpack.encode({"protocol": 1}), b"\x91" * 1000]
)
def test_what_is_no_message_is_refused(http: httpx.Client, path: str, body: bytes) -> None:
    assert refused(http.post(path, content=body)) == (400, "message")


@pytest.mark.promise("S2")
def test_a_push_is_answered_only_after_the_commit(log: Store, desk: Desk) -> None:
    held = HeldLog(log)
    with (
        HubThread(held) as hub,  # type: ignore[arg-type]
        httpx.Client(base_url=hub.url, headers=entered(hub, desk), trust_env=False, timeout=20) as http,
        ThreadPoolExecutor(1) as pool,
    ):
        answer = pool.submit(http.post, "/v1/push", content=pack_frame(desk.store.page({}, 100)))
        assert held.asked.wait(10)
        for _ in range(20):  # the hub is alive and would have had time to answer
            assert desk.store.replica not in given(ask(http, "/v1/hello", hello()), Welcome).vector
        assert not answer.done(), "acknowledged before it was on disk"
        held.go.set()
        assert given(answer.result(20), Ack).vector == log.vector() and reached(log, desk) == 10


@pytest.mark.promise("S3")
def test_a_push_that_comes_again_changes_nothing(http: httpx.Client, log: Store, desk: Desk) -> None:
    frame = pack_frame(desk.store.page({}, 100))
    first = given(http.post("/v1/push", content=frame), Ack)
    digest = log.digest()
    assert given(http.post("/v1/push", content=frame), Ack) == first
    assert log.digest() == digest and reached(log, desk) == 10
    overlapping = pack_frame(desk.store.page({desk.store.replica: 4}, 100))
    assert given(http.post("/v1/push", content=overlapping), Ack) == first


@pytest.mark.promise("S3")
def test_a_gap_is_refused_with_the_vector(http: httpx.Client, log: Store, desk: Desk) -> None:
    given(http.post("/v1/push", content=pack_frame(desk.store.page({}, 3))), Ack)
    response = http.post("/v1/push", content=pack_frame(desk.store.page({desk.store.replica: 5}, 100)))
    said = msgspec.json.decode(response.content, type=Refusal)
    assert (response.status_code, said.error, said.vector) == (409, "gap", log.vector())
    assert reached(log, desk) == 3


@pytest.mark.promise("S3")
@pytest.mark.expected_log("a push was refused")
def test_another_history_is_refused_and_named(http: httpx.Client, log: Store, desk: Desk) -> None:
    ops = desk.store.page({}, 100)
    altered = [*ops[:-1], ops[-1]._replace(raw=ops[-1].raw.replace(b"catatan 8", b"catatan 7"))]
    response = http.post("/v1/push", content=pack_frame(altered))
    assert refused(response) == (409, "chain") and str(desk.store.replica) in response.text
    assert reached(log, desk) == 0


@pytest.mark.promise("S5")
@pytest.mark.expected_log("a hello was refused")
def test_two_pcs_that_wrote_one_replica_equally_far_are_found_at_the_hello(
    http: httpx.Client, log: Store, desk: Desk
) -> None:
    given(http.post("/v1/push", content=pack_frame(desk.store.page({}, 100))), Ack)
    replica, (vector, heads) = desk.store.replica, desk.store.reached()
    asked = {"replica": replica, "vector": vector}
    given(ask(http, "/v1/hello", hello(**asked, head=heads[replica])), Welcome)
    given(ask(http, "/v1/hello", hello(**asked)), Welcome)  # a program one version older does not say
    assert refused(ask(http, "/v1/hello", hello(**asked, head=bytes(32)))) == (409, "chain")


@pytest.mark.promise("S3")
@pytest.mark.expected_log("a push was refused")
@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"no frame",
        zstandard.compress(b"no frame"),
        zstandard.compress(bytes(200_000_000)),
        zstandard.compress(msgspec.msgpack.encode([99, [], []])),
        zstandard.compress(msgspec.msgpack.encode([2, b"", [], []])),
    ],
    ids=["empty", "noise", "packed noise", "bomb", "another protocol", "too short"],
)
def test_what_is_no_frame_is_refused(http: httpx.Client, log: Store, frame: bytes) -> None:
    before = log.vector()
    assert refused(http.post("/v1/push", content=frame)) == (400, "frame")
    assert log.vector() == before


@pytest.mark.promise("S3", "S4")
def test_a_body_beyond_the_bound_is_refused_declared_or_not(http: httpx.Client) -> None:
    large = bytes(protocol.FRAME_BYTES + protocol.FRAME_OVERHEAD + 1)
    assert refused(http.post("/v1/push", content=large)) == (413, "large")
    assert refused(http.post("/v1/push", content=iter([large[:1_000_000], large[1_000_000:]]))) == (413, "large")
    assert refused(http.post("/v1/hello", content=bytes(64 * 1024 + 1))) == (413, "large")


@pytest.mark.promise("S4")
def test_a_body_that_never_comes_is_given_up(hub: HubThread, desk: Desk) -> None:
    shown = entered(hub, desk)["authorization"]
    head = f"POST /v1/push HTTP/1.1\r\nhost: hub\r\nauthorization: {shown}\r\ncontent-length: 100\r\n\r\n"
    with socket.create_connection(hub.address, timeout=10) as raw:
        raw.sendall(head.encode() + b"x")
        assert b"408" in raw.recv(4096).split(b"\r\n")[0]


@pytest.mark.promise("S1", "S3")
@pytest.mark.parametrize("spoken", [1, 2])
def test_a_pull_gives_page_after_page_in_order_of_arrival(
    hub: HubThread, log: Store, desk: Desk, spoken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in range(10):  # ten pushes, each sealed
        take(log, desk.store.page({desk.store.replica: each}, 1))
    monkeypatch.setattr(protocol, "PROTOCOL", spoken)
    with httpx.Client(base_url=hub.url, headers=entered(hub, desk), trust_env=False, timeout=20) as http:
        have = {log.replica: log.vector()[log.replica]}
        pages = 0
        while (page := given(ask(http, "/v1/pull", Pull(have, 4, "AMB")), Page)).frame:
            frame = open_frame(page.frame)
            assert frame.protocol == spoken
            ops = [unpack(raw) for raw in frame.ops]
            assert 0 < len(ops) <= 4
            have |= {op.replica: op.seq for op in ops}
            pages += 1
        assert have == page.vector == log.vector() and pages == 3


@pytest.mark.promise("S1", "S11")
def test_what_was_sealed_together_comes_together(http: httpx.Client, log: Store, desk: Desk) -> None:
    take(log, desk.store.page({}, 100))
    page = given(ask(http, "/v1/pull", Pull({log.replica: log.vector()[log.replica]}, 4)), Page)
    assert len(open_frame(page.frame).ops) == 10, "a run that was signed as one is not torn apart"


class Listener:
    """A stream of events read on a thread of its own."""

    def __init__(self, url: str, headers: dict[str, str], last_id: str = "") -> None:
        self.heard: list[tuple[str, str]] = []
        self.status = 0
        self._http = httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=5)
        self._path = "/v1/events"
        self._headers = {"last-event-id": last_id} if last_id else {}
        self._leave = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        with self._http, httpx_sse.connect_sse(self._http, "GET", self._path, headers=self._headers) as source:
            self.status = source.response.status_code
            if self.status == 200:
                for event in source.iter_sse():
                    self.heard.append((event.event, event.id))
                    if self._leave.is_set():
                        return

    def words(self) -> list[str]:
        return [word for word, _ in self.heard]

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.set()
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.mark.promise("S1")
def test_events_tell_of_a_commit_and_otherwise_beat(hub: HubThread, log: Store, desk: Desk) -> None:
    with Listener(hub.url, entered(hub, desk)) as listener:
        wait_until(lambda: listener.words().count("beat") >= 3)
        assert listener.words()[0] == "new", "who comes without an id is told at once"
        take(log, desk.store.page({}, 100))
        wait_until(lambda: ("new", event_id(log.epoch, log.vector())) in listener.heard)


def test_a_beat_costs_an_idle_desk_next_to_nothing(hub: HubThread, log: Store, desk: Desk) -> None:
    """Twelve of them a minute, and a desk that is idle may take 600 bytes."""
    shown = entered(hub, desk) | {"last-event-id": event_id(log.epoch, log.vector())}
    client = httpx.Client(base_url=hub.url, headers=shown, trust_env=False, timeout=5)
    with client as http, http.stream("GET", "/v1/events") as stream:
        pieces = stream.iter_raw()
        beats = [next(pieces) for _ in range(3)]
    assert len(beats[-1]) <= 16 and b"beat" in beats[-1]


@pytest.mark.promise("S1")
def test_events_resume_where_they_stopped(hub: HubThread, log: Store, desk: Desk) -> None:
    shown = entered(hub, desk)
    take(log, desk.store.page({}, 5))
    seen = event_id(log.epoch, log.vector())
    with Listener(hub.url, shown, seen) as listener:
        wait_until(lambda: len(listener.heard) >= 2)
        assert "new" not in listener.words(), "nothing was missed"
    take(log, desk.store.page(log.vector(), 100))
    with Listener(hub.url, shown, seen) as listener:
        wait_until(lambda: listener.heard)
        assert listener.words()[0] == "new", "what came in between is told at once"
    with Listener(hub.url, shown, f"{'00' * 16}-10") as listener:
        wait_until(lambda: listener.heard)
        assert listener.words()[0] == "new", "an id of another life says nothing about this one"


@pytest.mark.promise("S1")
def test_listeners_are_bounded_and_a_desk_has_one_place(hub: HubThread, desk: Desk, tmp_path: Path) -> None:
    with Desk(tmp_path, "AMB-2") as two, Desk(tmp_path, "AMB-3") as three:
        shown = entered(hub, desk)
        with Listener(hub.url, shown) as first, Listener(hub.url, entered(hub, two)) as second:
            wait_until(lambda: first.heard and second.heard)
            with httpx.Client(base_url=hub.url, headers=entered(hub, three), trust_env=False) as http:
                with http.stream("GET", "/v1/events") as response:
                    assert response.status_code == 503 and int(response.headers["retry-after"]) > 0
                    response.read()
                assert refused(response) == (503, "full")
            with Listener(hub.url, shown) as again:
                wait_until(lambda: again.heard)
                wait_until(lambda: not first.thread.is_alive(), what="the desk's older stream ends")


@pytest.mark.promise("S4")
def test_pushes_beyond_those_that_can_wait_are_told_to_come_back(log: Store, desk: Desk) -> None:
    held = HeldLog(log)
    with (
        HubThread(held, Limits(pushes=2)) as hub,  # type: ignore[arg-type]
        httpx.Client(base_url=hub.url, headers=entered(hub, desk), trust_env=False, timeout=20) as http,
        ThreadPoolExecutor(2) as pool,
    ):
        frame = pack_frame(desk.store.page({}, 100))
        waiting = [pool.submit(http.post, "/v1/push", content=frame) for _ in range(2)]
        assert held.asked.wait(10)
        wait_until(lambda: hub.door.seen["/v1/push"] == 2)
        response = http.post("/v1/push", content=frame)
        assert refused(response) == (503, "busy") and response.headers["retry-after"] == "1"
        held.go.set()
        assert all(given(answer.result(20), Ack) for answer in waiting)


@pytest.mark.expected_log("/v1/hello failed")
def test_a_fault_inside_is_logged_and_not_shown(log: Store, desk: Desk) -> None:
    class Broken(HeldLog):
        def sealed(self) -> dict[int, int]:
            raise RuntimeError("what only the log may know")

    with (
        HubThread(Broken(log)) as hub,
        httpx.Client(  # type: ignore[arg-type]
            base_url=hub.url, headers=entered(hub, desk), trust_env=False
        ) as http,
    ):
        response = ask(http, "/v1/hello", hello())
    assert refused(response) == (500, "fault") and "only the log" not in response.text
