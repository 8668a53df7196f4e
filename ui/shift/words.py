"""A register's value as a lead reads it: names for codes, lists joined, an empty value said."""

from __future__ import annotations

from ui import figures
from ui.i18n import language, tr
from workstation.service.desk import Desk


def field_name(desk: Desk, field: str) -> str:
    """The form's own word for a field."""
    known = desk.catalogue.fields.get(field)
    return known.label(language()) if known else field


def value_words(desk: Desk, field: str, value: object) -> str:
    """What a value says. Never shortened: a lead decides on the whole of it."""
    if value is None or value == "" or value == []:
        return tr("settle.empty_value")
    if isinstance(value, list | tuple):
        return ", ".join(value_words(desk, field, part) for part in value)
    if isinstance(value, float):
        return figures.number(value, 4)
    if field == "priority" and value in (1, 2, 3, 4):
        return f"{value} {tr(f'priority.{value}')}"
    text = str(value)
    if field == "type" and text in desk.catalogue.types:
        return desk.catalogue.types[text].label(language())
    if field == "village" and text:
        return desk.gazetteer.label(text)
    known = desk.catalogue.fields.get(field)
    chip = next((c for c in known.chips if c.id == text), None) if known else None
    return chip.label(language()) if chip else figures.plain(text, 400)
