"""The thread that hears of commits by other processes, and keeps asking for the database while it is away (S7)."""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import threading
from collections.abc import Callable
from typing import Final

import psycopg

from sync.hub.log.pg.connection import Database
from sync.log import LogAway

log = logging.getLogger("sync")
LOOK_S: Final = 15.0
"""How often the connection is tried although nothing was heard: a dead one must not be taken for a quiet one."""
RETRY_LEAST_S, RETRY_MOST_S = 0.25, 5.0


class Listening:
    """Listens on `channel`; `heard` is called with the connection whenever somebody but `me` has committed.

    It is called after each connecting too: what was said meanwhile was said to nobody.
    """

    def __init__(
        self, connect: Callable[[], Database], channel: str, me: str, heard: Callable[[Database], None]
    ) -> None:
        self._connect, self._channel, self._me, self._heard = connect, channel, me, heard
        self._ear, self._mouth = socket.socketpair()
        self._closing = threading.Event()
        self._others = False
        self.away = False
        """Whether the database could not be reached the last time."""
        self._thread = threading.Thread(target=self._run, name="log-listener", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread. Harmless when repeated."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._mouth.send(b"x")
        self._thread.join()
        self._ear.close()
        self._mouth.close()

    def _run(self) -> None:
        wait_s = RETRY_LEAST_S
        while not self._closing.is_set():
            try:
                with contextlib.closing(self._connect()) as db:
                    db.raw.add_notify_handler(self._note)
                    db.execute(f"listen {self._channel}")
                    self._heard(db)
                    if self.away:
                        log.warning("The database answers again.")
                    self.away, wait_s = False, RETRY_LEAST_S
                    while not self._closing.is_set():
                        if self._told(db):
                            self._heard(db)
            except (LogAway, psycopg.Error, OSError) as error:
                if not self.away:
                    log.warning(
                        "The database does not answer: desks keep what they write, and it is asked again until it "
                        "does; look whether PostgreSQL is running and can be reached."
                    )
                log.debug("listening: %s", error.__cause__ or error)
                self.away = True
                self._closing.wait(wait_s)
                wait_s = min(RETRY_MOST_S, wait_s * 2)
            except Exception:  # whatever it was, this thread goes on listening: without it no desk hears of news
                log.exception("what another process wrote could not be read; tried again")
                self._closing.wait(RETRY_MOST_S)

    def _told(self, db: Database) -> bool:
        """Wait for news; whether there is any of another process."""
        connection = db.raw.pgconn
        if not self._others:  # else it came while something was read
            ready, _, _ = select.select([connection.socket, self._ear.fileno()], [], [], LOOK_S)
            if not ready:
                db.execute("select 1")
            elif connection.socket in ready:
                connection.consume_input()
                while note := connection.notifies():
                    self._others = self._others or note.extra.decode() != self._me
        others, self._others = self._others, False
        return others

    def _note(self, note: psycopg.Notify) -> None:
        """What comes while a statement runs is given here."""
        self._others = self._others or note.payload != self._me
