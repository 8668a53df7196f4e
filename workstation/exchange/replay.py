"""Replay: another system's call records through the services a person's typing goes through, a transaction a call."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct, field

from workstation.domain.ids import Uid
from workstation.exchange.mapping import TableMap
from workstation.exchange.table import CallRecord, Rejected, Response, read
from workstation.service import calls, dispatch, intake
from workstation.service.desk import Desk, Edit, Pending, Refused
from workstation.service.dispatch import Plan
from workstation.store import StoreFailed

IN_FLIGHT = 32
"""Calls handed to the writer ahead of the oldest not yet on disk; the writer commits those that wait together."""
TOLD_EVERY_S = 0.5


class Outcome(Struct):
    """What a replay did. `rows` counts good and rejected ones; `rejected` rows stay out of the record.

    `already` are calls an earlier run brought; units it had not are added to them and counted in `assignments`.
    """

    rows: int = 0
    calls: int = 0
    incidents: int = 0
    assignments: int = 0
    already: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, object]:
        """Give it as it is printed."""
        return {
            "rows": self.rows,
            "calls": self.calls,
            "incidents": self.incidents,
            "assignments": self.assignments,
            "already": self.already,
            "rejected": [{"row": item.row, "reason": item.reason} for item in self.rejected],
            "seconds": round(self.seconds, 3),
        }


class Written(Struct, frozen=True):
    """What one call brought into the record."""

    calls: int = 0
    incidents: int = 0
    assignments: int = 0
    already: int = 0


class CutOff(Exception):
    """The record could not be written further; `outcome` is what stands in it so far, the text says why."""

    def __init__(self, why: str, outcome: Outcome) -> None:
        super().__init__(why)
        self.outcome = outcome


class Step(Struct, frozen=True):
    """How far a replay is: `done` of `calls`, for whoever shows it."""

    done: int
    calls: int
    rows: int
    seconds: float


def replay(
    desk: Desk,
    file: Path,
    mapping: TableMap,
    *,
    speed: float = 0.0,
    told: Callable[[Step], None] = lambda step: None,
    pause: Callable[[float], None] = lambda seconds: None,
) -> Outcome:
    """Feed a file of call records to a desk.

    One transaction a call holds all its ops and the checkpoint, so that a run that was cut off goes on where it stopped
    and a second run imports nothing twice. A corrected file, or a corrected mapping, brings what was left out. `speed`
    0 = as fast as the disk; else record seconds that pass in one second, kept by `pause(seconds)`. Raises OSError,
    `MappingWrong`, and `CutOff` where the machine could not keep the record; a refused row or call is in `rejected`.
    """
    start_s = desk.clock.monotonic_s()
    table = read(file, mapping)
    outcome = Outcome(rows=table.rows, rejected=list(table.rejected))
    checkpoint = checkpoint_of(table.digest, mapping)
    outcome.already = min(int(desk.kept(checkpoint, 0).result()), len(table.calls))
    start = outcome.already
    halt = threading.Event()
    waiting: deque[tuple[CallRecord, Pending[Written]]] = deque()
    told_s = start_s
    try:
        for place in range(start, len(table.calls)):
            call = table.calls[place]
            if speed and place > start:
                pause((call.received - table.calls[place - 1].received) / 1000 / speed)
            pending = desk.together(_whole(call, mapping, checkpoint, place + 1, halt))
            pending.add_done_callback(lambda done: _halted(done, halt))
            waiting.append((call, pending))
            if len(waiting) >= IN_FLIGHT:
                _settle(desk, mapping, *waiting.popleft(), outcome)
            now_s = desk.clock.monotonic_s()
            if now_s - told_s >= TOLD_EVERY_S:
                told_s = now_s
                told(Step(place + 1, len(table.calls), outcome.assignments, now_s - start_s))
        while waiting:
            _settle(desk, mapping, *waiting.popleft(), outcome)
    except StoreFailed as error:
        # What was committed beside it counts; what came after was not begun.
        for call, pending in waiting:
            with suppress(StoreFailed, _NotBegun):
                _settle(desk, mapping, call, pending, outcome)
        outcome.seconds = desk.clock.monotonic_s() - start_s
        raise CutOff(str(error), outcome) from error
    outcome.rejected.sort(key=lambda item: item.row)
    outcome.seconds = desk.clock.monotonic_s() - start_s
    told(Step(len(table.calls), len(table.calls), outcome.assignments, outcome.seconds))
    return outcome


def checkpoint_of(digest: str, mapping: TableMap) -> str:
    """Under what name it is kept how far a file has come, by its digest; read by another mapping it is another file."""
    read_as = hashlib.sha256(msgspec.json.encode(mapping, enc_hook=str)).hexdigest()
    return f"replay.{mapping.name}.{digest}.{read_as}"


class _NotBegun(Exception):
    """A call whose turn came after the record could not be written."""


def _halted(done: Pending[Written], halt: threading.Event) -> None:
    """Let no later call pass one that the machine could not keep: the checkpoint would leave it out for ever."""
    if not done.cancelled() and isinstance(done.exception(), StoreFailed):
        halt.set()


def _settle(desk: Desk, mapping: TableMap, call: CallRecord, pending: Pending[Written], outcome: Outcome) -> None:
    try:
        made = pending.result()
    except Refused as error:
        outcome.rejected += [Rejected(unit.row, str(error)) for unit in _missing(desk, call, mapping)]
        return
    outcome.already += made.already
    outcome.calls += made.calls
    outcome.incidents += made.incidents
    outcome.assignments += made.assignments


def _whole(
    call: CallRecord, mapping: TableMap, checkpoint: str, done: int, halt: threading.Event
) -> Callable[[Desk], Written]:
    def write(desk: Desk) -> Written:
        if halt.is_set():
            raise _NotBegun
        try:
            desk.keep(checkpoint, done)
            # Publications overlap, and are corrected: of a call that is there only its missing units are new.
            if desk.knows(_uid(mapping.name, "call", call)).result():
                return _complete(desk, call, mapping)
            return write_call(desk, call, mapping)
        except Refused:
            raise
        except Exception:  # disk or record, whatever it was: the calls behind it may be in the same commit
            halt.set()
            raise

    return write


def write_call(desk: Desk, call: CallRecord, mapping: TableMap) -> Written:
    """Write one call as a desk would have: ring, answer, type, incident, assignments; gives what the record then has.

    Inside `Desk.together`: what is counted is read back from the transaction that holds it.
    """
    offer = _uid(mapping.name, "call", call)
    incident = _uid(mapping.name, "incident", call)
    entered = max(call.received, call.entry or call.received)
    key = f"{mapping.name}:{call.number}"
    calls.rang(desk, calls.Ring(offer, "", call.received, key=key))
    calls.answered(desk, offer, call.received)
    calls.classify(desk, offer, mapping.call_type)
    calls.ended(desk, offer, "desk_hung_up", entered)
    intake.open_incident(desk, incident, offer, at=entered)
    intake.edit(desk, incident, _edits(call, mapping))
    intake.note(desk, incident, _story(call), at=entered)
    assigned = _write_units(desk, incident, call, mapping, entered, call.units)
    if all(unit.available is not None for unit in call.units):
        ended = max(unit.available or 0 for unit in call.units)
        how = mapping.dispositions.get(call.words["disposition"], mapping.disposition)
        intake.close(desk, incident, how, at=max(ended, entered))
    return Written(_there(desk, offer), _there(desk, incident), len(set(assigned)))


def _there(desk: Desk, entity: Uid) -> int:
    """1 where the record speaks of it."""
    return int(desk.knows(entity).result())


def _complete(desk: Desk, call: CallRecord, mapping: TableMap) -> Written:
    """Add the units a call that is there has not yet; all else of it is left as it stands.

    An incident that was closed in between stays so: its record says when and how, and people may have written on it.
    """
    units = _missing(desk, call, mapping)
    if not units:
        return Written(already=1)
    entered = max(call.received, call.entry or call.received)
    added = _write_units(desk, _uid(mapping.name, "incident", call), call, mapping, entered, units)
    return Written(assignments=len(set(added)), already=1)


def _missing(desk: Desk, call: CallRecord, mapping: TableMap) -> list[Response]:
    return [unit for unit in call.units if not desk.knows(_unit_uid(unit, call, mapping)).result()]


def _write_units(
    desk: Desk, incident: Uid, call: CallRecord, mapping: TableMap, entered: int, units: Sequence[Response]
) -> list[Uid]:
    """Write units and their stamps; gives those the record then has."""
    plans = []
    for unit in units:
        agency = mapping.agencies.get(unit.unit_type, mapping.agency)
        plans.append(Plan(agency, mapping.channel, unit.unit, _unit_uid(unit, call, mapping)))
    # A unit dispatched before its call was entered was planned no later than that.
    dispatch.plan(desk, incident, plans, at=min([entered, *(unit.dispatch or entered for unit in units)]))
    there = []
    for item, unit in zip(plans, units, strict=True):
        if desk.knows(item.uid).result():  # else someone at a desk has sent that unit already
            _stamp(desk, item.uid, unit)
            there.append(item.uid)
    return there


def _unit_uid(unit: Response, call: CallRecord, mapping: TableMap) -> Uid:
    return _uid(mapping.name, f"unit {unit.unit}", call)


def _stamp(desk: Desk, uid: Uid, unit: Response) -> None:
    if unit.dispatch is not None:
        dispatch.notified(desk, uid, "receipt", at=unit.dispatch)
    if unit.response is not None:
        dispatch.departed(desk, uid, at=unit.response)
    if unit.on_scene is not None:
        dispatch.arrived(desk, uid, at=unit.on_scene)
    if unit.available is not None:
        dispatch.done(desk, uid, at=unit.available)


def _edits(call: CallRecord, mapping: TableMap) -> dict[str, Edit]:
    words = call.words
    values: dict[str, object] = {
        "type": mapping.types.get(words["type"]),
        "priority": mapping.priorities.get(words["priority"]),
        "street": words["address"] or None,
        "place": ", ".join(word for word in (words["district"], words["city"]) if word) or None,
    }
    if call.point is not None:
        values |= {"lat": call.point[0], "lon": call.point[1], "point_source": "import"}
    return {name: Edit(value) for name, value in values.items() if value is not None}


def _story(call: CallRecord) -> str:
    """Their own words, so that nothing the mapping does not know is lost."""
    return " · ".join(word for word in (call.words[name] for name in ("type", "group", "disposition")) if word)


def _uid(source: str, what: str, call: CallRecord) -> Uid:
    """Name an imported thing: the same record gives the same name on every desk and in every run, in order of time."""
    digest = hashlib.sha256(f"{source}\n{call.number}\n{what}".encode()).digest()
    return call.received.to_bytes(6, "big") + digest[:10]
