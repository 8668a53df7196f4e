"""Everything a person can do, once: id, words, keys, where, who may. Overlay, shortcuts and tests read this.

A key means one thing on a page: `where` is "any" or a page's name; two actions whose places overlap never share a key.
Text of an action: `action.<id>` in the word files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from ui.i18n import tr

ALL = ("operator", "lead", "it", "")  # "" = nobody is signed in: ringing and answering need no sign-in (promise P2)
STAFF = ("operator", "lead")
PAGES = ("desk", "calls", "board", "map", "search", "shift", "handover", "unsent")


class Action(Struct, frozen=True):
    """One thing a person can do. `keys` in Qt's portable words ("Ctrl+Return"); `group` is its place in the overlay."""

    id: str
    keys: str
    group: str
    where: str = "any"
    who: tuple[str, ...] = ALL

    @property
    def key(self) -> str:
        return f"action.{self.id}"

    @property
    def cap(self) -> str:
        """The keys as they stand on the cap: `Ctrl ↵`, `Alt 1`, `F5`."""
        return cap(self.keys)


def cap(keys: str) -> str:
    shown = keys.replace("Return", "↵").replace("Down", "↓").replace("Escape", "Esc")
    return shown if shown.endswith("+") else shown.replace("+", " ")


def _noise(name: str, key: str) -> Action:
    return Action(name, key, "gate")


TABLE: tuple[Action, ...] = (
    Action("help", "F1", "line"),
    Action("answer", "F2", "line"),
    Action("hold", "F3", "line"),
    Action("mute", "F4", "line"),
    _noise("prank", "F5"),
    _noise("silent", "F6"),
    _noise("wrong_number", "F7"),
    _noise("test", "F8"),
    Action("information", "F9", "talk"),
    Action("report", "F10", "talk"),
    Action("hang_up", "F12", "talk"),
    Action("notify", "Ctrl+Return", "save", "desk"),
    Action("save", "Ctrl+S", "save", "desk"),
    Action("priority_1", "Ctrl+1", "save", "desk"),
    Action("priority_2", "Ctrl+2", "save", "desk"),
    Action("priority_3", "Ctrl+3", "save", "desk"),
    Action("priority_4", "Ctrl+4", "save", "desk"),
    Action("undo", "Ctrl+Z", "save"),
    Action("done", "Ctrl+D", "save", "desk"),
    Action("new", "Ctrl+N", "save", "desk"),
    Action("where", "Alt+L", "form", "desk"),
    Action("landmark", "Alt+P", "form", "desk"),
    Action("rt_rw", "Alt+R", "form", "desk"),
    Action("type", "Alt+J", "form", "desk"),
    Action("people", "Alt+O", "form", "desk"),
    Action("hazards", "Alt+H", "form", "desk"),
    Action("needs", "Alt+U", "form", "desk"),
    Action("call_back", "Alt+T", "form", "desk"),
    Action("name", "Alt+N", "form", "desk"),
    Action("notes", "Alt+C", "form", "desk"),
    Action("conflict", "Alt+Down", "form", "desk"),
    Action("agencies", "Alt+I", "panel", "desk"),
    Action("card", "Alt+K", "panel", "desk"),
    Action("attachments", "Alt+F", "panel", "desk"),
    Action("similar", "Alt+D", "panel", "desk"),
    Action("map", "Alt+M", "panel", "desk"),
    Action("board", "Alt+B", "panel", "desk"),
    Action("turn", "Alt+A", "panel", "desk"),
    Action("abandoned", "Alt+T", "panel", "calls"),
    Action("every_call", "Alt+S", "panel", "calls"),
    Action("backs", "Alt+A", "panel", "calls"),
    Action("queue", "Alt+B", "panel", "shift", STAFF),
    Action("settle", "Alt+V", "panel", "shift", ("lead",)),
    Action("courier_export", "Alt+E", "panel", "unsent"),
    Action("courier_import", "Alt+I", "panel", "unsent"),
    Action("who", "Alt+O", "panel", "sign_in"),
    *(Action(f"page_{name}", f"Alt+{n}", "page") for n, name in enumerate(PAGES, 1)),
    Action("find", "Ctrl+F", "page"),
    Action("page_check", "Alt+9", "page"),
    Action("palette", "Alt+W", "screen"),
    Action("larger", "Ctrl++", "screen"),
    Action("smaller", "Ctrl+-", "screen"),
    Action("language", "Ctrl+Shift+L", "screen"),
    Action("sign_in", "Ctrl+Shift+M", "screen"),
    Action("sign_out", "Ctrl+Shift+K", "screen", who=("operator", "lead", "it")),
)

BY_ID: Mapping[str, Action] = {action.id: action for action in TABLE}


def caps(name: str) -> str:
    """The key cap of an action, for a button that does it."""
    return BY_ID[name].cap


def overlap(one: Action, other: Action) -> bool:
    """Whether two actions can be reached from one page."""
    return "any" in (one.where, other.where) or one.where == other.where


def collisions(table: Iterable[Action] = TABLE) -> list[tuple[str, str]]:
    """Pairs of actions that share a key on some page; there must be none (promise U2)."""
    rows = list(table)
    found = []
    for at, one in enumerate(rows):
        for other in rows[at + 1 :]:
            same = QKeySequence(one.keys) == QKeySequence(other.keys)
            if same and overlap(one, other):
                found.append((one.id, other.id))
    return found


class Deeds:
    """The table made alive on one window: a QAction for each id, on or off by place, person and moment."""

    def __init__(self, window: QWidget) -> None:
        self.window = window
        self.made: dict[str, QAction] = {}
        self._can: dict[str, Callable[[], bool]] = {}
        self._page = "desk"
        self._role = ""

    def bind(self, name: str, do: Callable[[], object], can: Callable[[], bool] | None = None) -> QAction:
        """Give action `name` its handler and, where it isn't always possible, the question whether it is now."""
        row = BY_ID[name]
        action = QAction(tr(row.key), self.window)
        action.setObjectName(name)
        action.setShortcut(QKeySequence(row.keys))
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.setAutoRepeat(False)
        action.triggered.connect(lambda _checked=False: do())
        self.window.addAction(action)
        self.made[name] = action
        if can is not None:
            self._can[name] = can
        return action

    def refresh(self, page: str | None = None, role: str | None = None) -> None:
        """Switch every action on or off for the page shown, the person signed in and the moment."""
        self._page = self._page if page is None else page
        self._role = self._role if role is None else role
        for name, action in self.made.items():
            action.setEnabled(self.possible(name))

    def here(self, name: str) -> bool:
        """Whether an action belongs to the page shown."""
        return BY_ID[name].where in ("any", self._page)

    def possible(self, name: str) -> bool:
        row = BY_ID[name]
        if name not in self.made or row.where not in ("any", self._page) or self._role not in row.who:
            return False
        question = self._can.get(name)
        return question is None or bool(question())

    def retranslate(self) -> None:
        for name, action in self.made.items():
            action.setText(tr(BY_ID[name].key))
