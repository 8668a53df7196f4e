"""What a service asks of an entity's state before it writes: live values and the dots a write replaces (promise M3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from workstation.domain.ids import Uid
from workstation.domain.merge import State
from workstation.domain.ops import Dot, as_count, as_number
from workstation.domain.sentence import Sentence, say
from workstation.service.desk import BadValue, Edit, NotFound, named, text
from workstation.store import Tx

NAMES_MOST, NAME_MOST = 64, 100


def replaced(own: int, state: State, field: str, seen: Iterable[Dot]) -> list[list[int]]:
    """Give the dots a write of this desk replaces: those its form showed, and the desk's own that live meanwhile.

    The form is saved while it is typed in, so the desk's own last value may be younger than what the form was given.
    """
    younger = [dot for dot in state.seen_dots(field) if dot[0] == own]
    return [list(dot) for dot in sorted({(int(replica), int(seq)) for replica, seq in (*seen, *younger)})]


def writes(own: int, state: State, values: Mapping[str, tuple[Any, tuple[Dot, ...]]]) -> dict[str, list[Any]]:
    """Give the `set` of an op of replica `own` for the values that are news; what is there already is left out."""
    made: dict[str, list[Any]] = {}
    for field, (value, seen) in values.items():
        live = state.live(field)
        if len(live) == 1 and live[0].value == value and type(live[0].value) is type(value):
            continue
        if not live and value in (None, "", [], ()):
            continue
        made[field] = [value, replaced(own, state, field, seen)]
    return made


def known(tx: Tx, entity: Uid, what: str) -> State:
    """Give the state of an entity this desk has heard of; raises `NotFound`."""
    state = tx.state(entity)
    if state is None or state.created is None:
        raise NotFound(say("refused.not_here", what=Sentence(f"thing.{what}")))
    return state


def fitted(kinds: Mapping[str, str], edits: Mapping[str, Edit]) -> dict[str, tuple[Any, tuple[Dot, ...]]]:
    """Give each edit's value as its register takes it; None clears a field. Raises `BadValue`."""
    made = {}
    for field, edit in edits.items():
        if field not in kinds:
            raise BadValue(say("refused.no_field", field=named(field)))
        made[field] = (None if edit.value is None else _fit(kinds[field], field, edit.value), edit.seen)
    return made


def _fit(kind: str, field: str, value: object) -> Any:
    if kind == "count":
        number = as_count(value)
        if number is None or number < 0:
            raise BadValue(say("refused.whole_number", field=named(field)))
        return number
    if kind == "number":
        place = as_number(value)
        if place is None:
            raise BadValue(say("refused.number", field=named(field)))
        return place
    if kind == "names":
        if not isinstance(value, list | tuple | set | frozenset) or not all(isinstance(name, str) for name in value):
            raise BadValue(say("refused.names", field=named(field)))
        if len(value) > NAMES_MOST or any(len(name) > NAME_MOST for name in value):
            raise BadValue(say("refused.too_many_names", field=named(field), most=NAMES_MOST, length=NAME_MOST))
        return sorted(set(value))
    return text(value, field)
