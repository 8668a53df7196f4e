"""Which handler belongs to which action of the table, for the main window."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ui.actions import PAGES
from ui.session import NOISE

if TYPE_CHECKING:
    from ui.board.panel import BoardPanel
    from ui.main_window import MainWindow

FIELDS = {
    "where": "village", "landmark": "landmark", "rt_rw": "rt", "type": "type", "people": "injured",
    "hazards": "hazards",
    "needs": "needs", "call_back": "callback", "name": "caller_name", "notes": "note",
}  # fmt: skip


def bind(window: MainWindow) -> None:
    """Give every action its handler, and where it is not always possible the question whether it is now."""
    deeds, session = window.deeds, window.session
    deeds.bind("help", window.toggle_help)
    deeds.bind("answer", session.answer, session.can_answer)
    deeds.bind("hold", session.hold, session.is_talking)
    deeds.bind("mute", session.mute, session.is_talking)
    deeds.bind("hang_up", session.hang_up, session.is_talking)
    for name in (*NOISE, "information", "report"):
        deeds.bind(name, _press(window, name), session.can_type)
    deeds.bind("undo", lambda: _undo(window), lambda: window.undo.running or _can_bring_back(window))
    deeds.bind(
        "notify",
        lambda: window.desk_page.agencies.next_step(),
        lambda: window.busy and window.desk_page.agencies.can_go(),
    )
    deeds.bind("save", window.save, lambda: window.busy)
    deeds.bind("done", window.done, lambda: window.busy and not session.is_talking())
    deeds.bind("new", window.new_incident, lambda: not window.busy and window.may_look)
    for n in (1, 2, 3, 4):
        deeds.bind(f"priority_{n}", _priority(window, n), lambda: window.busy)
    for name, field in FIELDS.items():
        deeds.bind(name, _field(window, field), lambda: window.busy)
    deeds.bind(
        "conflict",
        lambda: window.desk_page.form.open_rivals(),
        lambda: window.pages.made("desk") and bool(window.desk_page.form.rival_names()),
    )
    deeds.bind("agencies", lambda: _to(window, "agencies", window.desk_page.agencies.take_focus), lambda: window.busy)
    deeds.bind("card", lambda: _to(window, "card", window.desk_page.card.take_focus), lambda: window.busy)
    deeds.bind(
        "attachments", lambda: _to(window, "agencies", window.desk_page.attachments.take_focus), lambda: window.busy
    )
    deeds.bind(
        "similar",
        lambda: _to(window, "similar", window.desk_page.similar.table.setFocus),
        lambda: window.busy and window.may_look,
    )
    deeds.bind("map", lambda: _to(window, "map", window.desk_page.map.setFocus), lambda: window.may_look)
    deeds.bind("board", lambda: _board(window).table.setFocus(), lambda: window.may_look)
    deeds.bind("turn", lambda: window.desk_page.turn.table.setFocus(), lambda: not window.busy and window.may_look)
    # These work on their page only, so the page is there by then.
    deeds.bind("abandoned", lambda: window.calls_page.abandoned.setFocus())
    deeds.bind("every_call", lambda: window.calls_page.calls.setFocus())
    deeds.bind("backs", lambda: window.calls_page.waiting.setFocus())
    deeds.bind("queue", lambda: window.shift_page.queue.setFocus(), lambda: _lead_looks(window))
    deeds.bind("settle", lambda: window.shift_page.settle.setFocus(), lambda: _lead_looks(window))
    deeds.bind("courier_export", lambda: window.unsent_page.courier.choose_folder(), lambda: window.may_look)
    deeds.bind("courier_import", lambda: window.unsent_page.courier.choose_file(), lambda: window.may_look)
    deeds.bind("who", window.sign_in_page.focus_people)
    for name in PAGES:
        deeds.bind(f"page_{name}", _page(window, name), lambda: window.may_look)
    deeds.bind("find", _page(window, "search"), lambda: window.may_look)
    deeds.bind("page_check", _page(window, "check"), lambda: window.may_look)
    deeds.bind("palette", window.next_palette)
    deeds.bind("larger", lambda: window.step_text(1))
    deeds.bind("smaller", lambda: window.step_text(-1))
    deeds.bind("language", window.next_language)
    deeds.bind("sign_in", window.show_sign_in, lambda: window.desk.person is None)
    deeds.bind("sign_out", window.sign_out, lambda: window.desk.person is not None)


def _lead_looks(window: MainWindow) -> bool:
    return window.page == "shift" and window.shift_page.is_open


def _can_bring_back(window: MainWindow) -> bool:
    return window.page == "shift" and window.shift_page.can_undo


def _undo(window: MainWindow) -> None:
    """Ctrl+Z: the type of the call while that can be taken back, else the lead's last decision on the lead's page."""
    if window.undo.running:
        window.session.take_back()
    elif _can_bring_back(window):
        window.shift_page.undo()


def _press(window: MainWindow, name: str) -> Callable[[], None]:
    return lambda: window.session.press(name, window.desk_page.form.filled)


def _priority(window: MainWindow, n: int) -> Callable[[], None]:
    return lambda: window.desk_page.form.priority.choose(n)


def _field(window: MainWindow, field: str) -> Callable[[], None]:
    return lambda: _to(window, "form", lambda: window.desk_page.form.go(field))


def _page(window: MainWindow, name: str) -> Callable[[], None]:
    return lambda: window.show_page(name)


def _board(window: MainWindow) -> BoardPanel:
    return window.desk_page.board if window.busy else window.desk_page.idle_board


def _to(window: MainWindow, tab: str, focus: Callable[[], object]) -> None:
    """Bring the panel's tab to the front where there are tabs, then give it the focus."""
    window.desk_page.show_tab(tab)
    focus()
