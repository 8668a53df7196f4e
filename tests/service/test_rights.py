"""One table says what each role may write, do and see; nothing is outside it, and the services keep it (S10, D6)."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.service.desks import a_desk, opened
from tests.store.sites import BY_SITE
from workstation import service
from workstation.domain.kinds import KINDS, ROLES
from workstation.domain.rights import DOES, EVERYONE, PERSONAL, PURPOSES, SEES, SIGNED, WRITES
from workstation.domain.rows import Person
from workstation.service import people, views
from workstation.service.desk import Desk, NotAllowed

PIN = "24681357"
ROOT = Path(__file__).parents[2]


def functions() -> dict[str, tuple[str, Callable[..., Any]]]:
    """Every public function of the services: its first parameter's type, and itself."""
    found = {}
    for module in pkgutil.iter_modules(service.__path__):
        room = importlib.import_module(f"workstation.service.{module.name}")
        for name, fn in vars(room).items():
            if inspect.isfunction(fn) and fn.__module__ == room.__name__ and not name.startswith("_"):
                first = next(iter(inspect.signature(fn).parameters.values()), None)
                found[f"{module.name}.{name}"] = (str(first.annotation) if first else "", fn)
    return found


ALL = functions()
ACTS = {name: fn for name, (first, fn) in ALL.items() if first == "Desk"}
READS = {name: fn for name, (first, fn) in ALL.items() if first == "Connection"}
NARROW = sorted(name for name in ACTS if DOES.get(name, EVERYONE) != EVERYONE)


def test_the_walk_finds_the_services() -> None:
    assert len(ACTS) > 40 and len(READS) > 15
    assert {"calls.rang", "intake.edit", "export.export", "retention.apply"} <= ACTS.keys()


@pytest.mark.promise("S10")
def test_every_kind_of_op_is_in_the_table() -> None:
    assert set(WRITES) == set(KINDS)
    for kind, right in WRITES.items():
        assert right.roles <= EVERYONE and right.devices <= {"desk", "hub"} and right.devices, kind
        assert right.signed or right.roles >= set(ROLES), f"{kind}: nobody could check who wrote it"
    assert {"hold.placed", "hold.lifted", "erasure.ordered", "record.erased", "record.exported"} <= SIGNED


@pytest.mark.promise("S10")
def test_every_service_function_is_in_the_table_and_nothing_else() -> None:
    assert set(DOES) - {"site.invite"} == set(ACTS)
    assert set(SEES) == {name.split(".")[1] for name in READS}
    assert len({name.split(".")[1] for name in READS}) == len(READS), "a view is known by its name alone"
    for roles in (*DOES.values(), *(sight.roles for sight in SEES.values())):
        assert roles and roles <= EVERYONE


SIGNS = {
    "retention.apply": ("erasure.ordered", "record.erased"),
    "retention.place_hold": ("hold.placed",),
    "retention.lift_hold": ("hold.lifted",),
    "export.export": ("record.exported",),
    "review.settle": ("incident.settled",),
    "review.bring_back": ("incident.settled",),
    "people.enrol": ("person.enrolled",),
    "site.invite": ("device.invited",),
}


@pytest.mark.promise("S10")
def test_who_may_call_a_function_may_sign_what_it_writes() -> None:
    assert {act for act, roles in DOES.items() if roles != EVERYONE} == set(SIGNS)
    for act, kinds in SIGNS.items():
        assert all(DOES[act] == WRITES[kind].roles for kind in kinds), act
    signed = {kind for kinds in SIGNS.values() for kind in kinds}
    assert signed <= SIGNED


def given(fn: Callable[..., Any], desk: Desk) -> list[Any]:
    """Arguments of the right types and no sense: who may not is refused before they are looked at."""
    made: list[Any] = []
    for name, parameter in list(inspect.signature(fn).parameters.items())[1:]:
        if parameter.default is not inspect.Parameter.empty:
            break
        of = str(parameter.annotation)
        made.append(
            b"x" * 16 if of == "Uid" else 1 if of == "int" else Path("x") if of == "Path" else () if "tuple" in of
            else [] if "Sequence" in of else "statistics" if name == "purpose" else "x"
        )  # fmt: skip
    return made


@pytest.mark.promise("S10")
@pytest.mark.parametrize("role", ["", *ROLES])
@pytest.mark.parametrize("act", NARROW)
def test_services_refuse_what_a_role_may_not(desk: Desk, act: str, role: str) -> None:
    if role in DOES[act]:
        return
    desk.person = Person(b"p" * 16, "x", "X", role, "Meja 3", 1) if role else None
    before = desk.store.vector()
    with pytest.raises(NotAllowed):
        ACTS[act](desk, *given(ACTS[act], desk)).result(10)
    assert desk.store.vector() == before


@pytest.mark.promise("D6")
@pytest.mark.parametrize("role", ["", *ROLES])
def test_views_refuse_what_a_role_may_not_see(desk: Desk, role: str) -> None:
    desk.person = Person(b"p" * 16, "x", "X", role, "Meja 3", 1) if role else None
    for name in views.__all__:
        view = getattr(views, name)
        if role not in SEES[name].roles:
            with pytest.raises(NotAllowed):
                desk.see(view).result(10)  # refused before it would miss its arguments
        else:
            assert desk.may_see(view)


def test_the_screen_asks_through_the_table() -> None:
    """`Desk.ask` is the services' own; the screen has it for the gazetteer, which is nobody's data."""
    past = [
        f"{path.relative_to(ROOT)}: {found}"
        for path in (ROOT / "ui").rglob("*.py")
        for found in re.findall(r"desk\.ask\(.*", path.read_text(encoding="utf-8"))
        if "gazetteer" not in found
    ]
    assert not past


@pytest.mark.usefixtures("quick_secrets")
def test_a_role_does_what_the_table_lets_it(tmp_path: Path) -> None:
    with a_desk(tmp_path) as desk:
        people.enrol(desk, "kepala1", "Kepala 1", "lead", PIN, BY_SITE).result(30)
        people.sign_in(desk, "kepala1", PIN).result(30)
        people.enrol(desk, "op1", "Operator 1", "operator", PIN).result(30)
        incident = opened(desk)
        assert desk.see(views.incident, incident).result(10) is not None
        people.sign_in(desk, "op1", PIN).result(30)
        with pytest.raises(NotAllowed, match="you are signed in as operator"):
            people.enrol(desk, "op2", "Operator 2", "operator", PIN).result(30)


def test_purposes_keep_no_more_than_there_is() -> None:
    for purpose in PURPOSES.values():
        assert purpose.stays <= PERSONAL and purpose.roles <= set(ROLES)
    assert PURPOSES["statistics"].stays == frozenset()
