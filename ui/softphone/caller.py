"""Who is on the line, in the words of the strip: number, its kind, whether it can be called back, earlier calls."""

from __future__ import annotations

from ui import figures
from ui.i18n import tr

NO_CALL_BACK = ("no_sim", "withheld")


def number(raw: str, identity: str, e164: str = "") -> str:
    """The number as it is read aloud, or that there is none."""
    if identity in NO_CALL_BACK or not raw:
        return tr("caller.no_number")
    return figures.phone(raw)


def can_call_back(raw: str, identity: str) -> bool:
    return bool(raw) and identity not in NO_CALL_BACK


def kind(identity: str) -> str:
    return tr(f"caller.kind.{identity}") if identity else tr("caller.kind.unknown")


def face(raw: str, identity: str, dialled: str, earlier_24h: int | None) -> str:
    """The line under the number: `Seluler · ke 112 · 2 panggilan dalam 24 jam`."""
    parts = [kind(identity)]
    if not can_call_back(raw, identity):
        parts.append(tr("caller.cannot_call_back"))
    if dialled:
        parts.append(tr("caller.to", number=figures.plain(dialled, 24)))
    if earlier_24h is not None and can_call_back(raw, identity):
        parts.append(tr("caller.first") if earlier_24h == 0 else tr("caller.earlier", n=earlier_24h))
    return " · ".join(parts)
