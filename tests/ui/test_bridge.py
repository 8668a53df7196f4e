"""The way across threads: news and answers arrive on the screen's thread, whatever thread sent them."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from tests.screens.seat import Seat
from ui.bridge import Asked, Bridge, Question
from workstation.domain.changes import Changes


@pytest.mark.promise("U4")
def test_news_from_another_thread_is_told_on_the_screens(qtbot: QtBot, bridge: Bridge) -> None:
    heard: list[tuple[object, threading.Thread]] = []

    class Ear(QLabel):
        def hear(self, changes: object) -> None:
            heard.append((changes, threading.current_thread()))

    ear = Ear()
    qtbot.addWidget(ear)
    bridge.changed.connect(ear.hear)
    news = Changes(local=True)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(bridge.tell_changed, news).result()
    qtbot.waitUntil(lambda: bool(heard))
    assert heard == [(news, threading.main_thread())]


@pytest.mark.promise("U4")
def test_an_answer_comes_later_on_the_screens_thread(qtbot: QtBot, bridge: Bridge, seat: Seat) -> None:
    told: list[tuple[int, threading.Thread]] = []
    bridge.ask(seat.desk.ask(lambda db: 42), lambda n: told.append((n, threading.current_thread())))
    assert told == [], "nothing is waited for"
    qtbot.waitUntil(lambda: bool(told))
    assert told == [(42, threading.main_thread())]
    assert bridge.waiting == 0


@pytest.mark.expected_log("an answer failed")
def test_an_error_goes_to_who_asked_else_to_the_window(qtbot: QtBot) -> None:
    bridge = Bridge()
    own: list[BaseException] = []
    window: list[BaseException] = []
    bridge.failed.connect(window.append)
    for failed in (own.append, None):
        future: Future[int] = Future()
        bridge.ask(future, None, failed)
        future.set_exception(OSError("disk full"))
    qtbot.waitUntil(lambda: bool(own) and bool(window))
    assert [str(e) for e in (*own, *window)] == ["disk full", "disk full"]
    bridge.close()


def test_a_deleted_widget_is_not_called(qtbot: QtBot, bridge: Bridge) -> None:
    import shiboken6

    class Gone(QLabel):
        def hear(self, _n: int) -> None:
            raise AssertionError("called after it was deleted")

    gone = Gone()
    futures: list[Future[int]] = [Future(), Future()]
    bridge.ask(futures[0], gone.hear)
    bridge.ask(futures[1], lambda n: gone.hear(n))
    shiboken6.delete(gone)
    for future in futures:
        future.set_result(1)
    qtbot.waitUntil(lambda: bridge.waiting == 0)


def test_nothing_is_told_to_a_closed_screen(qtbot: QtBot) -> None:
    bridge = Bridge()
    heard: list[object] = []
    bridge.changed.connect(heard.append)
    bridge.close()
    bridge.tell_changed(Changes())
    qtbot.wait(1)
    assert heard == []


@pytest.mark.expected_log("an answer failed")
def test_news_during_a_question_are_asked_for_once_more_also_after_a_failure(qtbot: QtBot, bridge: Bridge) -> None:
    asked: list[Future[int]] = []
    told: list[int] = []
    failed: list[BaseException] = []

    def ask() -> Asked | None:
        asked.append(Future())
        return asked[-1], told.append

    question = Question(bridge, ask, failed.append)
    for _ in range(3):
        question.put()
    assert len(asked) == 1, "one question at a time"
    asked[0].set_result(1)
    qtbot.waitUntil(lambda: len(asked) == 2)
    asked[1].set_exception(OSError("disk full"))
    qtbot.waitUntil(lambda: bool(failed))
    assert (told, len(asked)) == ([1], 2)
    question.put()
    asked[2].set_result(3)
    qtbot.waitUntil(lambda: told == [1, 3])
    assert len(asked) == 3


def test_where_there_is_nothing_to_ask_the_next_question_is_free(bridge: Bridge) -> None:
    asked: list[int] = []

    def ask() -> Asked | None:
        asked.append(1)
        return None

    question = Question(bridge, ask)
    question.put()
    question.put()
    assert len(asked) == 2
