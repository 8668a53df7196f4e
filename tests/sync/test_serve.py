"""The routes, asked by hand over HTTP: what they give, what they refuse and how."""

from __future__ import annotations

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
from sync.protocol import Ack, Hello, Page, Pull, Refusal, Stored, Welcome, event_id, pack_frame
from sync.serve import Limits
from tests.sync.desks import Desk
from tests.sync.hubs import TOKEN, HubThread
from tests.waiting import wait_until
from workstation.domain.hlc import SystemClock
from workstation.store import Store

BEARER = {"authorization": f"Bearer {TOKEN}"}


class HeldLog:
    """A real store whose merges begin only when the test says so."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked, self.go = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def merge(self, ops: list[Stored]) -> Future[Any]:
        done: Future[Any] = Future()

        def later() -> None:
            self.asked.set()
            self.go.wait(20)
            done.set_result(self._store.merge(ops).result())

        threading.Thread(target=later, daemon=True).start()
        return done


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "hub.db", bytes(32)) as store:
        yield store


@pytest.fixture
def hub(log: Store) -> Iterator[HubThread]:
    with HubThread(log, Limits(heartbeat_s=0.2, listeners=2, body_s=0.5)) as hub:
        yield hub


@pytest.fixture
def http(hub: HubThread) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=hub.url, headers=BEARER, trust_env=False, timeout=20) as http:
        yield http


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Desk(tmp_path, "AMB-1") as desk:
        incident = desk.open_incident("AMB-1-0001")
        desk.notes(incident, 9)
        yield desk


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
    log.merge(desk.store.page({}, 100)).result()
    welcome = given(ask(http, "/v1/hello", hello()), Welcome)
    assert (welcome.epoch, welcome.vector, welcome.digest) == (log.epoch, desk.store.vector(), b"")
    assert abs(welcome.now_ms - SystemClock().now_ms()) < 10_000
    assert given(ask(http, "/v1/hello", hello(digest=b"x")), Welcome).digest == desk.store.digest()


@pytest.mark.promise("S1")
@pytest.mark.parametrize("token", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN])
def test_nothing_is_given_without_the_token(hub: HubThread, token: str) -> None:
    with httpx.Client(base_url=hub.url, headers={"authorization": token} if token else {}, trust_env=False) as http:
        for path in ("/v1/hello", "/v1/push", "/v1/pull"):
            assert refused(ask(http, path, hello())) == (401, "token")
        assert refused(http.get("/v1/events?replica=1")) == (401, "token")


@pytest.mark.promise("S1")
def test_another_protocol_is_refused_by_name(http: httpx.Client) -> None:
    assert refused(ask(http, "/v1/hello", hello(protocol=99))) == (426, "protocol")
    assert refused(ask(http, "/v1/hello", {"protocol": 99, "shape": "of another time"})) == (426, "protocol")


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
        httpx.Client(base_url=hub.url, headers=BEARER, trust_env=False, timeout=20) as http,
        ThreadPoolExecutor(1) as pool,
    ):
        answer = pool.submit(http.post, "/v1/push", content=pack_frame(desk.store.page({}, 100)))
        assert held.asked.wait(10)
        for _ in range(20):  # the hub is alive and would have had time to answer
            assert given(ask(http, "/v1/hello", hello()), Welcome).vector == {}
        assert not answer.done(), "acknowledged before it was on disk"
        held.go.set()
        assert given(answer.result(20), Ack).vector == desk.store.vector() == log.vector()


@pytest.mark.promise("S3")
def test_a_push_that_comes_again_changes_nothing(http: httpx.Client, log: Store, desk: Desk) -> None:
    frame = pack_frame(desk.store.page({}, 100))
    first = given(http.post("/v1/push", content=frame), Ack)
    digest = log.digest()
    assert given(http.post("/v1/push", content=frame), Ack) == first
    assert log.digest() == digest == desk.store.digest()
    overlapping = pack_frame(desk.store.page({desk.store.replica: 4}, 100))
    assert given(http.post("/v1/push", content=overlapping), Ack) == first


@pytest.mark.promise("S3")
def test_a_gap_is_refused_with_the_vector(http: httpx.Client, log: Store, desk: Desk) -> None:
    given(http.post("/v1/push", content=pack_frame(desk.store.page({}, 3))), Ack)
    response = http.post("/v1/push", content=pack_frame(desk.store.page({desk.store.replica: 5}, 100)))
    said = msgspec.json.decode(response.content, type=Refusal)
    assert (response.status_code, said.error, said.vector) == (409, "gap", {desk.store.replica: 3})
    assert log.vector() == {desk.store.replica: 3}


@pytest.mark.promise("S3")
@pytest.mark.expected_log("a push was refused")
def test_another_history_is_refused_and_named(http: httpx.Client, log: Store, desk: Desk) -> None:
    ops = desk.store.page({}, 100)
    altered = [*ops[:-1], ops[-1]._replace(raw=ops[-1].raw.replace(b"catatan 8", b"catatan 7"))]
    response = http.post("/v1/push", content=pack_frame(altered))
    assert refused(response) == (409, "chain") and str(desk.store.replica) in response.text
    assert log.vector() == {}


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
    ],
    ids=["empty", "noise", "packed noise", "bomb", "another protocol"],
)
def test_what_is_no_frame_is_refused(http: httpx.Client, log: Store, frame: bytes) -> None:
    assert refused(http.post("/v1/push", content=frame)) == (400, "frame")
    assert log.vector() == {}


@pytest.mark.promise("S3", "S4")
def test_a_body_beyond_the_bound_is_refused_declared_or_not(http: httpx.Client) -> None:
    large = bytes(protocol.FRAME_BYTES + protocol.FRAME_OVERHEAD + 1)
    assert refused(http.post("/v1/push", content=large)) == (413, "large")
    assert refused(http.post("/v1/push", content=iter([large[:1_000_000], large[1_000_000:]]))) == (413, "large")
    assert refused(http.post("/v1/hello", content=bytes(64 * 1024 + 1))) == (413, "large")


@pytest.mark.promise("S4")
def test_a_body_that_never_comes_is_given_up(hub: HubThread) -> None:
    head = f"POST /v1/push HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: 100\r\n\r\n"
    with socket.create_connection(hub.address, timeout=10) as raw:
        raw.sendall(head.encode() + b"x")
        assert b"408" in raw.recv(4096).split(b"\r\n")[0]


@pytest.mark.promise("S1", "S3")
def test_a_pull_gives_page_after_page_in_order_of_arrival(http: httpx.Client, log: Store, desk: Desk) -> None:
    log.merge(desk.store.page({}, 100)).result()
    have: dict[int, int] = {}
    heads: dict[int, bytes] = {}
    pages = 0
    while (page := given(ask(http, "/v1/pull", Pull(have, 4, "AMB")), Page)).frame:
        ops = protocol.open_frame(page.frame, have, heads)
        assert 0 < len(ops) <= 4
        have |= {op.replica: op.seq for op in ops}
        heads |= {op.replica: op.head for op in ops}
        pages += 1
    assert have == page.vector == desk.store.vector() and pages == 3


@pytest.mark.promise("S1")
def test_a_pull_for_a_site_that_is_not_kept_here_is_refused(log: Store) -> None:
    with HubThread(log, site="AMB") as hub, httpx.Client(base_url=hub.url, headers=BEARER, trust_env=False) as http:
        assert refused(ask(http, "/v1/pull", Pull({}, 4, "TUAL"))) == (403, "scope")
        given(ask(http, "/v1/pull", Pull({}, 4, "AMB")), Page)


class Listener:
    """A stream of events read on a thread of its own."""

    def __init__(self, url: str, replica: int, last_id: str = "") -> None:
        self.heard: list[tuple[str, str]] = []
        self.status = 0
        self._http = httpx.Client(base_url=url, headers=BEARER, trust_env=False, timeout=5)
        self._path = f"/v1/events?replica={replica}"
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
    with Listener(hub.url, 1) as listener:
        wait_until(lambda: listener.words().count("beat") >= 3)
        assert listener.words()[0] == "new", "who comes without an id is told at once"
        log.merge(desk.store.page({}, 100)).result()
        wait_until(lambda: ("new", event_id(log.epoch, log.vector())) in listener.heard)


@pytest.mark.promise("S1")
def test_events_resume_where_they_stopped(hub: HubThread, log: Store, desk: Desk) -> None:
    log.merge(desk.store.page({}, 5)).result()
    seen = event_id(log.epoch, log.vector())
    with Listener(hub.url, 1, seen) as listener:
        wait_until(lambda: len(listener.heard) >= 2)
        assert "new" not in listener.words(), "nothing was missed"
    log.merge(desk.store.page(log.vector(), 100)).result()
    with Listener(hub.url, 1, seen) as listener:
        wait_until(lambda: listener.heard)
        assert listener.words()[0] == "new", "what came in between is told at once"
    with Listener(hub.url, 1, f"{'00' * 16}-10") as listener:
        wait_until(lambda: listener.heard)
        assert listener.words()[0] == "new", "an id of another life says nothing about this one"


@pytest.mark.promise("S1")
def test_listeners_are_bounded_and_a_desk_has_one_place(hub: HubThread) -> None:
    with Listener(hub.url, 1) as first, Listener(hub.url, 2) as second:
        wait_until(lambda: first.heard and second.heard)
        with httpx.Client(base_url=hub.url, headers=BEARER, trust_env=False) as http:
            with http.stream("GET", "/v1/events?replica=3") as response:
                assert response.status_code == 503 and int(response.headers["retry-after"]) > 0
                response.read()
            assert refused(response) == (503, "full")
            assert refused(http.get("/v1/events?replica=none")) == (400, "replica")
        with Listener(hub.url, 1) as again:
            wait_until(lambda: again.heard)
            wait_until(lambda: not first.thread.is_alive(), what="the desk's older stream ends")


@pytest.mark.expected_log("/v1/hello failed")
def test_a_fault_inside_is_logged_and_not_shown(log: Store) -> None:
    class Broken(HeldLog):
        def vector(self) -> dict[int, int]:
            raise RuntimeError("what only the log may know")

    with HubThread(Broken(log)) as hub, httpx.Client(base_url=hub.url, headers=BEARER, trust_env=False) as http:  # type: ignore[arg-type]
        response = ask(http, "/v1/hello", hello())
    assert refused(response) == (500, "fault") and "only the log" not in response.text
