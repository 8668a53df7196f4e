"""The columns of the two tables of the calls page: abandoned by number, and all calls."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPen

from ui import figures
from ui.calls.words import about, call_icon, call_word, number_words, ring_ms, talk_ms
from ui.i18n import tr
from ui.widgets.deadline import left
from ui.widgets.incident_words import sync_word
from ui.widgets.pencil import CENTER, RIGHT, Pencil, Try
from ui.widgets.table import Column, Repaint
from workstation.domain.rows import AbandonedRow, CallRow
from workstation.service.desk import Desk

HOUR_MS = 3_600_000
CALL_BACK_MS = 60_000


def abandoned_columns() -> tuple[Column[AbandonedRow], ...]:
    """One row a number: how often, when within the last hour, the tries, and the call-back's clock."""
    return (
        Column("number", "calls.number", 168, _number, lambda r, _n: number_words(r.number), inset=12),
        Column("times", "calls.times", 42, _times, lambda r, _n: tr("calls.times_short", n=r.calls)),
        Column("hour", "calls.last_hour", 0, _hour, _say_hour, inset=14, repaint=Repaint.MINUTE, least=120, yields=1),
        Column("last", "calls.last", 92, _last, lambda r, _n: figures.wall(r.last_at)),
        Column("ring", "calls.ring", 62, _longest, lambda r, _n: figures.clock(r.longest_ring_s), RIGHT, yields=3),
        Column(
            "back", "calls.back", 96, _tries, lambda r, _n: "" if r.number else tr("calls.cannot"), inset=12, yields=2
        ),
        Column("due", "calls.due", 128, _due, _say_due, RIGHT, repaint=Repaint.TENTH),
    )


def call_columns(desk: Desk) -> tuple[Column[CallRow], ...]:
    """Every call: when, who, what it was, how long it rang and lasted, what it led to, where, and its data's state."""

    def time(pencil: Pencil, rect: QRectF, row: CallRow, _now: int) -> None:
        pencil.text(rect.adjusted(pencil.px(12), 0, 0, 0), figures.wall(row.rang_at), "body", "text2")

    def number(pencil: Pencil, rect: QRectF, row: CallRow, _now: int) -> None:
        pencil.text(_in(pencil, rect), number_words(row.number), "number", "text")

    def kind(pencil: Pencil, rect: QRectF, row: CallRow, _now: int) -> None:
        icon, icon_token = call_icon(row)
        word, token = call_word(desk, row)
        side = pencil.px(15)
        pencil.icon(rect.left() + pencil.px(6), rect.center().y() - side / 2, icon, icon_token, 15)
        pencil.text(rect.adjusted(pencil.px(30), 0, -pencil.px(4), 0), word, "number", token)

    def ring(pencil: Pencil, rect: QRectF, row: CallRow, now: int) -> None:
        pencil.text(_in(pencil, rect), figures.clock(ring_ms(row, now) / 1000), "body", "text2", RIGHT)

    def length(pencil: Pencil, rect: QRectF, row: CallRow, now: int) -> None:
        pencil.text(_in(pencil, rect), _length(row, now), "body", "text2", RIGHT)

    def led_to(pencil: Pencil, rect: QRectF, row: CallRow, _now: int) -> None:
        pencil.text(rect.adjusted(pencil.px(14), 0, -pencil.px(6), 0), about(desk, row), "body", "text2")

    def where(pencil: Pencil, rect: QRectF, row: CallRow, _now: int) -> None:
        pencil.text(rect, row.desk.removeprefix("Meja "), "body", "text2", CENTER)

    def data(pencil: Pencil, rect: QRectF, row: CallRow, _now: int) -> None:
        pencil.sync(rect.center(), row.sync)

    return (
        Column("time", "calls.time", 84, time, lambda r, _n: figures.wall(r.rang_at), inset=12),
        Column("number", "calls.number", 138, number, lambda r, _n: number_words(r.number)),
        Column("type", "calls.type", 150, kind, lambda r, _n: call_word(desk, r)[0]),
        Column("ring", "calls.ring", 60, ring, lambda r, n: figures.clock(ring_ms(r, n) / 1000), RIGHT, yields=3),
        Column("length", "calls.length", 60, length, _length, RIGHT, repaint=Repaint.TENTH, yields=2),
        Column("about", "calls.about", 0, led_to, lambda r, _n: about(desk, r), inset=14, least=150, yields=1),
        Column("desk", "calls.desk", 50, where, lambda r, _n: r.desk, CENTER, 0, yields=4),
        Column("data", "calls.data", 46, data, lambda r, _n: sync_word(r.sync), CENTER, 0),
    )


def _length(row: CallRow, now: int) -> str:
    talked = talk_ms(row, now)
    return "–" if talked is None else figures.clock(talked / 1000)


def tries_of(row: AbandonedRow) -> tuple[Try, ...]:
    """The three attempts. Calling out is not part of this desk yet, so none can have been made from here."""
    return (Try.NEXT, Try.OPEN, Try.OPEN) if row.call_back_due_at is not None else (Try.OPEN, Try.OPEN, Try.OPEN)


def _number(pencil: Pencil, rect: QRectF, row: AbandonedRow, _now: int) -> None:
    pencil.text(rect.adjusted(pencil.px(12), 0, 0, 0), number_words(row.number), "board_type", "text")


def _times(pencil: Pencil, rect: QRectF, row: AbandonedRow, _now: int) -> None:
    pencil.text(_in(pencil, rect), tr("calls.times_short", n=row.calls), "strong", "text", RIGHT)


def _hour(pencil: Pencil, rect: QRectF, row: AbandonedRow, now: int) -> None:
    """The last hour as a line, each call a stroke on it, now at the right end."""
    line = rect.adjusted(pencil.px(14), 0, -pencil.px(14), 0)
    base = rect.center().y() + pencil.px(7)
    pencil.fill(QRectF(line.left(), base, line.width(), 1), "edge")
    pencil.painter.setPen(QPen(pencil.color("text2"), 1.6))
    for at in row.at:
        share = 1 - (now - at) / HOUR_MS
        if 0 <= share <= 1:
            x = line.left() + line.width() * share
            pencil.painter.drawLine(QPointF(x, base - pencil.px(12)), QPointF(x, base))


def _say_hour(row: AbandonedRow, now: int) -> str:
    return ", ".join(figures.wall(at) for at in row.at if now - at <= HOUR_MS)


def _last(pencil: Pencil, rect: QRectF, row: AbandonedRow, _now: int) -> None:
    pencil.text(_in(pencil, rect), figures.wall(row.last_at), "body", "text2")


def _longest(pencil: Pencil, rect: QRectF, row: AbandonedRow, _now: int) -> None:
    pencil.text(_in(pencil, rect), figures.clock(row.longest_ring_s), "body", "text2", RIGHT)


def _tries(pencil: Pencil, rect: QRectF, row: AbandonedRow, _now: int) -> None:
    x = rect.left() + pencil.px(12)
    if row.number:
        pencil.tries(x, rect.center().y(), tries_of(row))
    else:
        pencil.text(rect.adjusted(pencil.px(12), 0, 0, 0), "–", "body", "text3")


def _due(pencil: Pencil, rect: QRectF, row: AbandonedRow, now: int) -> None:
    inner = rect.adjusted(0, 0, -pencil.px(6), 0)
    due = row.call_back_due_at
    reading = left(now, None if due is None else due - CALL_BACK_MS, due)
    if reading is not None and row.number:
        pencil.clock(inner, reading)
        return
    words = tr("calls.no_due") if row.number else tr("calls.cannot")
    pencil.text(inner.adjusted(0, 0, -pencil.px(6), 0), words, "body", "text2", RIGHT)


def _say_due(row: AbandonedRow, now: int) -> str:
    due = row.call_back_due_at
    reading = left(now, None if due is None else due - CALL_BACK_MS, due)
    if reading is None or not row.number:
        return tr("calls.no_due") if row.number else tr("calls.cannot")
    return f"{reading.text}, {tr(f'pace.{reading.pace}')}"


def _in(pencil: Pencil, rect: QRectF) -> QRectF:
    return rect.adjusted(pencil.px(6), 0, -pencil.px(6), 0)
