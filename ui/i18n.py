"""The screen's words: Indonesian first, English complete, switchable at once.

Words lie in `resources/i18n/{id,en}.toml` (the desk) and `{id,en}-pages.toml` (the other pages) as sections of keys;
`tr("strip.ready")`. `{name}` is filled in from the values given. A key whose English needs a plural is
written as `{one = "…", other = "…"}` and chosen by the value `n`.
What people typed is never translated.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication

import resources

LANGUAGES = ("id", "en")
_state = {"language": "id"}


@lru_cache(maxsize=len(LANGUAGES))
def words(language: str) -> Mapping[str, Any]:
    """Every key of a language, flat: `section.key` -> text or {one, other}."""
    flat: dict[str, Any] = {}

    def lay(prefix: str, table: Mapping[str, Any]) -> None:
        for key, value in table.items():
            name = f"{prefix}{key}"
            if isinstance(value, dict) and set(value) != {"one", "other"}:
                lay(f"{name}.", value)
            else:
                flat[name] = value

    for path in sorted(resources.path("i18n").glob(f"{language}*.toml")):
        lay("", tomllib.loads(path.read_text(encoding="utf-8")))
    return flat


def language() -> str:
    return _state["language"]


def use(language: str) -> None:
    """Switch the language; every open window gets a LanguageChange event, which Qt hands on to all its children."""
    if language not in LANGUAGES:
        raise ValueError(f"no language {language!r}; there are {', '.join(LANGUAGES)}")
    _state["language"] = language
    app = QCoreApplication.instance()
    if isinstance(app, QApplication):
        for window in app.topLevelWidgets():
            QCoreApplication.sendEvent(window, QEvent(QEvent.Type.LanguageChange))


def tr(key: str, /, **values: object) -> str:
    """The text of `key` in the language in force. A key nobody wrote shows as itself."""
    entry = words(_state["language"]).get(key)
    if entry is None:
        entry = words("id").get(key, key)
    if isinstance(entry, dict):
        entry = entry["one" if values.get("n") == 1 else "other"]
    text = str(entry)
    return text.format(**values) if values else text


def known(key: str) -> bool:
    return key in words("id")
