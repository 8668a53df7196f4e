"""Faults put into the product on purpose, one at a time: the simulation must see each, or it proves nothing.

A mutant names the function it changes and the piece of its source that is replaced. Where that piece is there no more
the mutant fails, by name: it would otherwise be "not caught" for ever, or, worse, nobody would miss it.
"""

from __future__ import annotations

import importlib
import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import CodeType, FunctionType
from typing import Any, Final

from msgspec import Struct

from sync.frame import open_frame
from sync.opwire import ProtocolError, parse
from tests.simulate.world import Outcome


class Gone(Exception):
    """What a mutant would change is not there any more; the text says which, and where."""


class Edit(Struct, frozen=True):
    """In `module:function` (dotted below the module), `old` becomes `new`; `old` stands there once."""

    where: str
    old: str
    new: str


class Mutant(Struct, frozen=True):
    """A fault by name."""

    name: str
    edits: tuple[Edit, ...]


def function_of(where: str) -> FunctionType:
    """The function a mutant speaks of. Raises Gone."""
    module, _, path = where.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for name in path.split("."):
            found = inspect.getattr_static(found, name) if inspect.isclass(found) else getattr(found, name)
    except (ImportError, AttributeError):
        raise Gone(f"{where} is not there any more: say where the mutant belongs now") from None
    found = getattr(found, "__func__", found)
    if not isinstance(found, FunctionType):
        raise Gone(f"{where} is no function")
    return found


def changed(function: FunctionType, where: str, edits: Sequence[Edit]) -> CodeType:
    """The code of the function with these edits made. Raises Gone."""
    source = textwrap.dedent(inspect.getsource(function))
    for edit in edits:
        if source.count(edit.old) != 1:
            raise Gone(f"{where}: {edit.old!r} stands there {source.count(edit.old)} times, not once")
        source = source.replace(edit.old, edit.new)
    names: dict[str, Any] = {}
    code = compile("from __future__ import annotations\n" + source, where, "exec")
    exec(code, function.__globals__, names)
    made: Any = getattr(names[function.__name__], "__func__", names[function.__name__])
    return made.__code__  # type: ignore[no-any-return]


@contextmanager
def mutated(mutant: Mutant) -> Iterator[None]:
    """While the block runs, the product has this fault, wherever the function is known. Raises Gone."""
    with ExitStack() as stack:
        for where in dict.fromkeys(edit.where for edit in mutant.edits):
            function = function_of(where)
            before = function.__code__
            function.__code__ = changed(function, where, [edit for edit in mutant.edits if edit.where == where])
            stack.callback(setattr, function, "__code__", before)
        yield


async def folded_again(log: Any, aside: Callable[..., Any], admit: Any, packed: bytes, *more: Any) -> Any:
    """Used by `duplicate_applied_twice`: what is known already is folded into the state once more."""
    ops = await aside(admit, packed, *more)
    try:
        frame = open_frame(packed)
    except ProtocolError:
        return ops
    vector = log.vector()
    known = [op for raw in _raws(frame) if (op := parse(raw).op).seq <= vector.get(op.replica, 0)]

    def act(tx: Any) -> None:
        for op in known:
            held = tx._batch.load([op.entity]).get(op.entity)
            if held is not None and not op.erased:
                held.state.apply(op)
                tx._batch.write([held])

    if known:
        log.write(act).result()
    return ops


def _raws(frame: Any) -> Sequence[bytes]:
    return frame.ops  # type: ignore[no-any-return]


_ADMISSION, _ARRIVING, _WRITER, _SESSION = (
    "sync.admission:_Admission",
    "workstation.store.arriving",
    "workstation.store.writer:Writer",
    "sync.replica.session:Session",
)
_NO_SEAL: Final = Edit(f"{_ADMISSION}._sealed", "if not self._trust.verify", "if False and not self._trust.verify")
_NO_CHAIN: Final = Edit(f"{_ARRIVING}:take_in", "if admitted.before != heads.get(replica, GENESIS):", "if False:")

MUTANTS: Final[tuple[Mutant, ...]] = (
    Mutant("accept_a_gap", (
        Edit(f"{_ADMISSION}._unknown", "if seq != have + 1:", "if False:"),
        Edit(f"{_ARRIVING}:gap_in", "if seq != have + 1:", "if False:"), _NO_SEAL, _NO_CHAIN,
    )),
    Mutant("chain_not_checked", (_NO_SEAL,)),
    Mutant("arrival_wins", (
        Edit("workstation.domain.merge:State._write", "live.sort(key=order, reverse=True)",
             "live.insert(0, live.pop())"),
    )),
    Mutant("rival_dropped", (
        Edit("workstation.domain.merge:State._write", "live.append(write)",
             "live[:] = [max([*live, write], key=order)]"),
    )),
    Mutant("replaced_write_comes_back", (
        Edit("workstation.domain.merge:State._write", "if not self._named_before(name, (write.replica, write.seq)):",
             "if True:"),
    )),
    Mutant("hlc_not_merged", (
        Edit("workstation.domain.hlc:Hlc.merge", "self.last = max(self.last, min(remote, stamp(now_ms + LEAD_MS)))",
             "pass"),
    )),
    Mutant("hlc_merged_without_limit", (
        Edit("workstation.domain.hlc:Hlc.merge", "min(remote, stamp(now_ms + LEAD_MS))", "remote"),
    )),
    Mutant("checkpoint_before_acknowledgement", (
        Edit(f"{_SESSION}._push", "ack, self._prepared = await",
             "await self._learn({**peer.vector, **{o.replica: o.seq for o in ops}})\n"
             "        ack, self._prepared = await"),
    )),
    Mutant("kept_told_before_commit", (
        Edit(f"{_WRITER}._commit_acts", 'self._db.execute("commit")',
             'self._publish(changes, settled)\n        settled = []\n        self._db.execute("commit")'),
    )),
    Mutant("acknowledge_before_commit", (
        Edit("sync.serve:Service._take", "await asyncio.shield(asyncio.wrap_future(self._log.merge(ops)))",
             "self.__dict__['claimed'] = {a.op.replica: a.op.seq for a in ops}; "
             "asyncio.get_running_loop().call_later(2.0, self._log.merge, ops)"),
        Edit("sync.serve:Service._push", "self._visible(visitor)",
             "{**self._visible(visitor), **self.__dict__.pop('claimed', {})}"),
    )),
    Mutant("cursor_before_ops", (
        Edit(f"{_SESSION}._pull", "own = self._log.vector()",
             "own = self._log.vector(); cursor = self._log.__dict__.setdefault('_cursor', {})"),
        Edit(f"{_SESSION}._pull", "protocol.Pull(own,",
             "protocol.Pull({r: max(own.get(r, 0), cursor.get(r, 0)) for r in {*own, *cursor}},"),
        Edit(f"{_SESSION}._pull", "self._fruitless = 0", "self._fruitless = 0; cursor.update(page.vector)"),
    )),
    Mutant("restored_hub_not_noticed", (
        Edit(f"{_SESSION}._learn", "peer.learn(vector)",
             "old = peer.vector; vector = {r: max(vector.get(r, 0), old.get(r, 0))"
             " for r in {*vector, *old}}; peer.learn(vector)"),
    )),
    Mutant("order_by_replica", (
        Edit("workstation.store.reads:_lacking", "order by op.n limit ?", "order by op.replica, op.seq limit ?"),
    )),
    Mutant("duplicate_applied_twice", (
        Edit("sync.log:admitted", "return await asyncio.to_thread(",
             "from tests.simulate.mutants import folded_again\n    return await folded_again(log, asyncio.to_thread, "),
    )),
    Mutant("cascade_forgotten", (
        Edit("workstation.store.incidentrows:_row", "closed, how = _closed(head)", "closed, how = _closed(held)"),
    )),
    Mutant("neighbours_not_repainted", (
        Edit("workstation.store.incidentrows:IncidentRows.write", "if apart := {*assigned, *tied}:",
             "if apart := set(assigned):"),
    )),
    Mutant("role_not_checked_on_ingest", (
        Edit("workstation.store.authority:Authority.judge",
             "return roster is not None and roster.grants(event, self.verify)", "return True"),
    )),
    Mutant("erased_body_comes_back", (
        Edit("workstation.store.batch:Batch.add", "if held.erased and not op.erased:", "if False:"),
    )),
    Mutant("queue_never_resumes", (
        Edit("sync.replica.worker:Replica._sessions", "failures += 1",
             "failures += 1\n        if self._reporter._state == 'refused':\n            return"),
    )),
    Mutant("fork_of_equal_length_not_noticed", (
        Edit("sync.serve:Service._same_history", "if asked.head and seq", "if False and seq"),
    )),
    Mutant("parted_replica_pushed_again", (
        Edit(f"{_SESSION}._next", "self._peer.left_out", "set()"),
    )),
    Mutant("parted_replica_pulled_again", (
        Edit(f"{_SESSION}._pull", "out = sorted(self._peer.left_out)", "out = []"),
    )),
    Mutant("altered_taken_for_another_history", (
        Edit("sync.replica.parting:shared", "elif not found or low == before:\n            return None",
             "else:\n            return low"),
    )),
    Mutant("other_history_not_said", (
        Edit("sync.replica.report:Reporter._parted", "sorted(self._peer.parted)", "[]"),
    )),
    Mutant("clock_forgets_what_it_saw", (
        Edit("workstation.store.identity:newest_stamp", "or not skewed(op.hlc, now_ms)", "or False"),
    )),
)  # fmt: skip


def caught(mutant: Mutant, run: Callable[[int], Outcome], seeds: Sequence[int]) -> int | None:
    """The seed that shows the fault, None where none does."""
    with mutated(mutant):
        return next((seed for seed in seeds if not run(seed).good), None)
