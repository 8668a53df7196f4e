"""A new screen that looks for its engine is held up by none that stands still (promise P3)."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing.connection import Listener, answer_challenge, deliver_challenge
from pathlib import Path

import pytest

from tests.phone.desk import Told, alive, settings_for
from tests.waiting import wait_until
from workstation.phone import meeting, wire

KEY = b"\x07" * 32
WITHIN_S = 0.3
HANDSHAKE_S = 5.0


@pytest.fixture
def address() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="tahuri-") as folder:
        yield f"{folder}/door"


@pytest.fixture
def folder(tmp_path: Path, address: str) -> Path:
    meeting.write_runtime(tmp_path, meeting.Runtime(address, KEY.hex(), 1, 1))
    return tmp_path


def nothing_found(folder: Path) -> None:
    began = time.monotonic()
    assert meeting.connect(folder, WITHIN_S) is None
    assert time.monotonic() - began < WITHIN_S + 10
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


@pytest.mark.promise("P3")
def test_who_accepts_and_says_nothing_is_no_engine(folder: Path, address: str) -> None:
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(address)
        door.listen(1)
        for _ in range(4):  # the later ones find its queue full
            nothing_found(folder)


@pytest.mark.promise("P3")
@pytest.mark.parametrize("words", [b"\x00", b"\x00\x00\x00\x10#CHALL"], ids=["a byte", "half a challenge"])
def test_who_stops_in_the_middle_of_its_words_is_no_engine(folder: Path, address: str, words: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(address)
        door.listen(1)
        visits: list[socket.socket] = []

        def speak() -> None:
            visits.append(door.accept()[0])
            with contextlib.suppress(OSError):  # the desk has left already
                visits[0].sendall(words)

        speaker = threading.Thread(target=speak)
        speaker.start()
        nothing_found(folder)
        speaker.join()
        visits[0].close()


@pytest.mark.promise("P3")
@pytest.mark.parametrize("key", [KEY, b"another"], ids=["ours", "another's"])
def test_the_deadline_ends_with_the_handshake(folder: Path, address: str, key: bytes) -> None:
    with Listener(address) as door:

        def answer() -> None:
            with door.accept() as visit:
                try:
                    deliver_challenge(visit, key)
                    answer_challenge(visit, key)
                    assert visit.recv_bytes() == b"later"
                    visit.send_bytes(b"heard")
                except Exception:  # the desk gave up, wherever that found us: the test looks at the desk
                    return

        engine = threading.Thread(target=answer)
        engine.start()
        connection = meeting.connect(folder, HANDSHAKE_S)
        assert (connection is not None) == (key == KEY)
        if connection is not None:
            with connection:
                assert not connection.poll(HANDSHAKE_S + 0.5), "quiet past the deadline, and still up"
                connection.send_bytes(b"later")
                assert connection.recv_bytes() == b"heard"
        engine.join()


@pytest.mark.promise("P3")
def test_a_real_engine_that_stands_still_is_found_once_it_moves(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    told = Told(settings_for(folder))
    told.line.start()
    pid = told.wait(wire.Hello, deadline_s=15).pid
    try:
        os.kill(pid, signal.SIGSTOP)
        nothing_found(folder)
        os.kill(pid, signal.SIGCONT)
        with wait_until(partial(meeting.connect, folder), 10, what="the engine answers again"):
            pass
    finally:
        told.line.stop()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not alive(pid), 5, what="the engine has ended")
        if runtime := meeting.read_runtime(folder):
            meeting.forget_address(runtime.address)
