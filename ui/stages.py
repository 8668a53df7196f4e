"""The six clocks of the call at hand, from record and form: answer, gate, where, what, agency, arrival."""

from __future__ import annotations

from collections.abc import Mapping

from ui.i18n import language, tr
from ui.session import LineSession
from ui.softphone.clocks import Stage
from workstation.domain.rows import IncidentView
from workstation.service.catalogue import Catalogue


def stages(
    session: LineSession, view: IncidentView | None, first_at: Mapping[str, int], catalogue: Catalogue
) -> tuple[Stage, ...]:
    """Targets are the catalogue's (NENA-STA-020.1, NFPA 1225, Permendagri 114/2018); arrival may be the type's own.

    Arrival runs from the report (the ring), not from the notification: that is how the regulation counts it.
    """
    rang, answered = session.rang_at, session.answered_at
    kind = view.row.type if view else ""
    told = [a.notified_at for a in view.assignments if a.notified_at is not None] if view else []
    there = [a.arrived_at for a in view.assignments if a.arrived_at is not None] if view else []
    where, what = first_at.get("village"), first_at.get("type")
    begun = answered if answered is not None else (view.row.opened_at if view else None)
    gate = session.gate_at or where or what

    def stage(key: str, from_at: int | None, to_at: int | None, words: str = "") -> Stage:
        return Stage(
            key, words or catalogue.targets[key].label(language()), catalogue.target_s(key, kind), from_at, to_at
        )

    made = [stage("answer", rang, answered), stage("gate", answered, gate)] if rang is not None else []
    made += [
        stage("where", begun, where),
        stage("what", begun, what),
        stage("notify", begun, min(told) if told else None),
        stage("arrive", (rang or begun) if kind else None, min(there) if there else None, _arrive(view, catalogue)),
    ]
    return tuple(made)


def _arrive(view: IncidentView | None, catalogue: Catalogue) -> str:
    """`Damkar tiba`: the first agency of the incident, or of its type's package."""
    agency = ""
    if view is not None:
        package = catalogue.package(view.row.type)
        agency = view.assignments[0].agency if view.assignments else package[0].agency if package else ""
    known = catalogue.agencies.get(agency)
    return tr("clocks.arrive", agency=known.short) if known else tr("clocks.arrive_any")
