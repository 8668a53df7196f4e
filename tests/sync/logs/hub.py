"""The hub's process on a database of a server, let in by a password that stands in a file alone."""

from __future__ import annotations

from pathlib import Path

import psycopg

from sync.hub.log.postgres import examine, open_log
from sync.hub.settings import key_for
from sync.hub.stores import HubLog
from tests.peers.postgres import OWNER, SECRET, Server
from tests.sync.hubs import HubProcess
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds


class PgHub(HubProcess):
    """`python -m sync.hub --store postgresql://…`; its key and its `.pgpass` lie in `folder`."""

    def __init__(self, folder: Path, server: Server, database: str, **more: object) -> None:
        self.server, self.database = server, database
        folder.mkdir(exist_ok=True)
        super().__init__(folder, **more)  # type: ignore[arg-type]

    @property
    def store_url(self) -> str:
        return f"postgresql://{OWNER}@127.0.0.1:{self.server.port}/{self.database}"

    @property
    def environment(self) -> dict[str, str]:
        return {"PGPASSFILE": str(self.folder / "pgpass")}

    def let_in(self) -> None:
        """Write down the password, where libpq looks for it."""
        secret = self.folder / "pgpass"
        secret.touch(0o600)
        secret.write_text(f"127.0.0.1:*:*:{OWNER}:{SECRET}\n")

    def found(self) -> None:
        self.let_in()
        super().found()

    def opened(self) -> HubLog:
        clock, ids = SystemClock(), SystemIds()
        url = self.server.url(self.database)
        key = key_for(self.folder / "hub.db.key", self.database, examine(url), ids)
        return open_log(url, key.value, clock=clock, ids=ids, site=self.site)

    def held(self) -> dict[int, int]:
        """How far the database has each replica's ops, asked of its rows alone."""
        with psycopg.connect(self.server.url(self.database)) as connection:
            return dict(connection.execute("select replica, max(seq) from op group by replica").fetchall())

    def told(self) -> str:
        """Everything it has said on either stream."""
        return (self.folder / "hub.log").read_text() + "".join(map(str, self.said))
