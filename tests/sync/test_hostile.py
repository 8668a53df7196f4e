"""A hub on a hostile network: who idles, trickles or crowds at its door is cut, and desks synchronise meanwhile."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from sync.protocol import PROTOCOL, Hello, Refusal
from sync.replica.faults import Refused
from sync.serve import Limits
from tests.sync.desks import QUICK, Desk, until_in_step
from tests.sync.hubs import HubProcess, HubThread
from tests.sync.test_serve import entered
from tests.waiting import wait_until
from workstation.store import Store

HEAD = "POST /v1/hello HTTP/1.1\r\nHost: hub\r\n"
CROWDED = "connections at the door show no token"


@contextlib.contextmanager
def connections(address: tuple[str, int], count: int) -> Iterator[list[socket.socket]]:
    """That many connections which say nothing by themselves."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection(address, 10)) for _ in range(count)]


def ended(sock: socket.socket) -> bool:
    """Whether the hub has ended this connection; what it said before is thrown away."""
    sock.setblocking(False)
    try:
        while sock.recv(4096):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


class Trickle:
    """Sends bytes one by one, for ever, until the hub cuts it."""

    def __init__(self, address: tuple[str, int], first: str) -> None:
        self._sock = socket.create_connection(address, 10)
        self._sock.sendall(first.encode("latin1"))
        self._leave = threading.Event()
        self.heard = b""
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        self._sock.settimeout(0.02)
        while not self._leave.is_set():
            try:
                self._sock.sendall(b"x")
                if not (said := self._sock.recv(4096)):
                    return
                self.heard += said
            except TimeoutError:
                continue
            except OSError:
                return

    def __enter__(self) -> Trickle:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.set()
        self.thread.join(10)
        self._sock.close()

    def cut(self) -> None:
        wait_until(lambda: not self.thread.is_alive(), 10, what="the hub cuts who trickles")


@pytest.mark.promise("S4")
def test_idle_connections_by_the_hundred_keep_no_desk_out(tmp_path: Path) -> None:
    """The command as it is started at a site, with the bounds it has there."""
    with HubProcess(tmp_path) as hub, Desk(tmp_path, "AMB-1") as desk, Desk(tmp_path, "AMB-2") as other:
        with connections(hub.address, 300) as idle:
            for each in (desk, other):
                each.connect(hub.url)
            desk.notes(desk.open_incident("AMB-1-0001"), 20)
            until_in_step([desk, other])
            wait_until(lambda: sum(map(ended, idle)) >= 300 - Limits().strangers, 5, what="the oldest are cut")
            desk.until("up")
            # A desk that listens has its place, whoever crowds at the door.
            with connections(hub.address, 100):
                desk.open_incident("AMB-1-0002")
                until_in_step([desk, other])
        assert CROWDED in (tmp_path / "hub.log").read_text()


@pytest.mark.promise("S4")
@pytest.mark.parametrize(
    "first",
    ["", "PO", HEAD + "X-Long: ", HEAD + "Content-Length: 5000\r\n\r\n", "GET / HTTP/1.1\r\nHost: hub\r\n\r\n"],
    ids=["nothing", "method", "header", "body", "next-request"],
)
def test_a_stranger_has_no_longer_than_its_time(log: Store, tmp_path: Path, first: str) -> None:
    """Whatever it sends meanwhile: bytes of a header, a body nobody reads, the beginning of another request."""
    with HubThread(log, Limits(heartbeat_s=0.2, stranger_s=0.4)) as hub, Desk(tmp_path, "AMB-1") as desk:
        with Trickle(hub.address, first) as trickle:
            desk.connect(hub.url)
            desk.open_incident("AMB-1-0001")
            until_in_step([desk])
            trickle.cut()
        desk.told(state="up", unsent=0)
        wait_until(lambda: log.vector() == desk.store.vector(), 10)


@pytest.mark.promise("S4")
@pytest.mark.parametrize(("head", "answer"), [("Content-Length: 5000\r\n\r\n", b"408"), ("", b"200")])
def test_a_desk_that_trickles_is_cut_too(log: Store, tmp_path: Path, head: str, answer: bytes) -> None:
    """The body of its first request; then, after an answer, the header of its next."""
    body = msgspec.msgpack.encode(Hello(PROTOCOL, "AMB", "AMB-1", 1, {}))
    whole = f"Content-Length: {len(body)}\r\n\r\n" + body.decode("latin1")
    limits = Limits(heartbeat_s=0.2, stranger_s=5.0, request_s=0.6, body_s=0.2)
    with HubThread(log, limits) as hub, Desk(tmp_path, "AMB-1") as desk:
        bearer = f"Authorization: {entered(hub, desk)['authorization']}\r\n"
        with Trickle(hub.address, HEAD + bearer + (head or whole)) as trickle:
            trickle.cut()
        assert trickle.heard.startswith(b"HTTP/1.1 " + answer)


@pytest.mark.promise("S4")
def test_a_desk_at_work_outlives_both_deadlines(log: Store, tmp_path: Path) -> None:
    limits = Limits(heartbeat_s=0.5, stranger_s=1, request_s=1)
    with HubThread(log, limits) as hub, Desk(tmp_path, "AMB-1") as desk:
        desk.connect(hub.url)
        incident = desk.open_incident("AMB-1-0001")
        until_in_step([desk])
        before = len(desk.statuses)
        contact = desk.until("up").last_contact_at
        wait_until(lambda: ((desk.status and desk.status.last_contact_at) or 0) > (contact or 0) + 2500, 20)
        desk.note(incident, "masih tersambung")
        until_in_step([desk])
        assert {status.state for status in desk.statuses[before:]} == {"up"}
        assert hub.door.seen["/v1/events"] == 1, "one stream all the while"


@pytest.mark.promise("S2", "S4")
def test_who_finds_no_place_is_told_to_come_back_and_loses_nothing(log: Store, tmp_path: Path) -> None:
    limits = Limits(heartbeat_s=0.2, connections=3)
    with HubThread(log, limits) as hub, Desk(tmp_path, "AMB-1") as desk:
        bearer = f"Authorization: {entered(hub, desk)['authorization']}\r\n"
        with contextlib.ExitStack() as stack:
            for _ in range(3):  # desks of the site that sit on their connections
                sock = stack.enter_context(socket.create_connection(hub.address, 10))
                sock.sendall((HEAD + bearer + "Content-Length: 9\r\n\r\n").encode())
            with httpx.Client(base_url=hub.url, trust_env=False) as http:
                response = http.post("/v1/hello", content=b"")
            assert (response.status_code, response.headers["retry-after"]) == (503, "5")
            assert msgspec.json.decode(response.content, type=Refusal).error == "busy"
            desk.connect(hub.url)
            desk.notes(desk.open_incident("AMB-1-0001"), 20)
            told = Refused(503, Refusal("")).sentence
            wait_until(lambda: desk.status and (desk.status.sentence, desk.status.unsent) == (told, 21), 10)
            assert desk.status is not None and desk.status.state == "down"
        until_in_step([desk], 20)
        wait_until(lambda: log.vector() == desk.store.vector(), 10)


@pytest.mark.promise("S4")
def test_a_desk_for_whom_no_stream_is_left_still_gives_and_gets(log: Store, tmp_path: Path) -> None:
    limits = Limits(heartbeat_s=0.2, listeners=1)
    with HubThread(log, limits) as hub, Desk(tmp_path, "AMB-1") as desk, Desk(tmp_path, "AMB-2") as other:
        desk.connect(hub.url)
        desk.notes(desk.open_incident("AMB-1-0001"), 20)
        until_in_step([desk])
        other.notes(other.open_incident("AMB-2-0001"), 20)
        other.connect(hub.url)
        wait_until(lambda: hub.door.seen["/v1/events"] >= 2, 10)
        until_in_step([desk, other], 30)


def test_quick_is_quicker_than_the_hubs_word() -> None:
    assert QUICK.retry_most_s < 5, "what the tests above wait for is the hub's Retry-After"
