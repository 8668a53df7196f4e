"""Stores for the tests: in a temp folder, with a clock moved by hand and seeded names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sync.opwire import GENESIS, SALT_BYTES, next_head, pack, parse
from sync.protocol import Admitted, Stored
from tests.waiting import wait_until
from workstation.domain.hlc import HandClock
from workstation.domain.ids import SeededIds, Uid
from workstation.domain.ops import Op
from workstation.store import Changes, Connection, Store, Tx

Piece = tuple[int, str]
"""An op's number of arrival and one of its words."""
KEY = bytes(range(32))
SALT = bytes(range(SALT_BYTES))
WHOLE_DISK = 4_294_967_294
"""Pages; SQLite's own bound."""


@contextmanager
def desks(folder: Path, count: int = 1, **more: Any) -> Iterator[list[Store]]:
    """That many open stores, replicas 1, 2, …, whose clocks start alike."""
    with ExitStack() as stack:
        yield [stack.enter_context(desk(folder, number, **more)) for number in range(1, count + 1)]


def desk(
    folder: Path, number: int = 1, *, clock: HandClock | None = None, key: bytes | None = KEY, **more: Any
) -> Store:
    """One store, replica `number`."""
    clock = clock or HandClock()
    path = folder / f"desk-{number}.db"
    return Store.open(path, key, replica=number, clock=clock, ids=SeededIds(number, clock), site="AMB", **more)


def rings(
    desk_name: str = "Meja 1", number: str = "+628111", key: str = "", at: int | None = None
) -> Callable[[Tx], Uid]:
    """An act: an offer rings."""

    def act(tx: Tx) -> Uid:
        offer = tx.uid()
        body = {"number": number, "e164": number, "identity": "mobile" if number else "withheld", "display": "",
                "dialled": "112", "key": key, "sip_call_id": "x", "desk": desk_name, "at": at or tx.now()}  # fmt: skip
        tx.append("offer.rang", offer, body)
        return offer

    return act


def opens(number: str = "AMB-1-0001", call: Uid = b"") -> Callable[[Tx], Uid]:
    """An act: an incident is opened."""

    def act(tx: Tx) -> Uid:
        incident = tx.uid()
        tx.append("incident.opened", incident, {"number": number, "call": call, "desk": "Meja 1", "at": tx.now()})
        return incident

    return act


def edits(incident: Uid, **values: Any) -> Callable[[Tx], None]:
    """An act: fields are written by somebody who sees what this store shows."""

    def act(tx: Tx) -> None:
        state = tx.state(incident)
        seen = {name: state.seen_dots(name) if state else [] for name in values}
        tx.append("incident.edited", incident, {"set": {name: [value, seen[name]] for name, value in values.items()}})

    return act


def admitted(target: Store, ops: Sequence[Stored]) -> list[Admitted]:
    """Ops as `target` takes them in, chained and believed: who signed them is the admission's to ask."""
    vector, heads = target.reached()
    made: list[Admitted] = []
    salts: dict[tuple[int, Uid], bytes] = {}
    for stored in ops:
        parsed = parse(stored.raw)
        op = parsed.op
        if op.seq <= vector.get(op.replica, 0):
            continue
        pair = (op.replica, op.entity)
        salt = op.salt or salts.get(pair) or target.salts([pair]).get(pair, b"")
        salts[pair] = salt
        before = heads.get(op.replica, GENESIS)
        heads[op.replica] = next_head(before, parsed, salt)
        made.append(Admitted(op, stored.raw, before, heads[op.replica], stored.seal, salt))
    return made


def wire(*ops: Op, had: Iterable[tuple[int, Uid]] = ()) -> list[Stored]:
    """Ops as they lie in a peer's log, sealed somehow; each replica's first on an entity, but for `had`, has a salt."""
    had = set(had)
    made = []
    for op in ops:
        fresh = (op.replica, op.entity) not in had and not op.salt
        had.add((op.replica, op.entity))
        raw = pack(op._replace(salt=SALT) if fresh else op)
        made.append(Stored(op.replica, op.seq, raw, bytes(64)))
    return made


def merge(target: Store, *ops: Op) -> Changes:
    """Have `target` take these ops of peers in."""
    had = target.salts((op.replica, op.entity) for op in ops)
    return target.merge(admitted(target, wire(*ops, had=had))).result(10)


def exchange(*stores: Store) -> None:
    """Let all hear of all, twice, so that everything has gone everywhere."""
    for _ in range(2):
        for source in stores:
            for target in stores:
                if source is not target:
                    target.merge(admitted(target, source.page(target.vector(), 10_000))).result(10)


def rows(store: Store, sql: str, *values: Any) -> list[dict[str, Any]]:
    """Rows as the screen's reader sees them."""

    def named(db: Connection) -> list[dict[str, Any]]:
        cursor = db.execute(sql, list(values))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    return store.read(named).result(10)


@contextmanager
def with_room(store: Store, pages: int) -> Iterator[None]:
    """A disk that has room for so many more pages of this record, and then none."""

    def at_most(count: int) -> None:
        store.write(lambda tx: tx.db.execute(f"pragma max_page_count = {count}").fetchone()).result(10)

    at_most(pages + store.write(lambda tx: tx.db.execute("pragma page_count").fetchone()[0]).result(10).value)
    try:
        yield
    finally:
        at_most(WHOLE_DISK)


def indexed(store: Store) -> Counter[Piece]:
    """How often each word stands under each (newest 32 bits of the) row of the index."""

    def look(tx: Tx) -> Counter[Piece]:
        tx.db.execute("create virtual table if not exists temp.words using fts5vocab(main, search, instance)")
        found = tx.db.execute("select doc & 4294967295, term from temp.words").fetchall()
        return Counter((n, term) for n, term in found)

    return store.write(look).result(10).value


def behind(db: Connection) -> int:
    """How many ops' words the file says are not in the index."""
    sql = "select (select coalesce(max(n), 0) from op) - (select v from meta where k = 'searched')"
    return int(db.execute(sql).fetchone()[0])


def caught_up(store: Store) -> Counter[Piece]:
    wait_until(lambda: store.read(behind).result(10) == 0, 10, what="the index has every op")
    return indexed(store)
