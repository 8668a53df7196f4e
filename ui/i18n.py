"""The screen's words: Indonesian first, English complete, switchable at once.

Words lie in `resources/i18n/{id,en}.toml` (the desk) and `{id,en}-pages.toml` (the other pages) as sections of keys;
`tr("strip.ready")`. `{name}` is filled in from the values given. A key whose English needs a plural is
written as `{one = "…", other = "…"}` and chosen by the value `n`.
Sentences made below the screen come as `Sentence` and are said here, whenever they are shown: `said(status.sentence)`.
What people typed is never translated.
"""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication

from workstation import words as _words
from workstation.domain.sentence import Sentence

LANGUAGES = _words.LANGUAGES
words = _words.screen
_state = {"language": _words.FIRST}


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
        entry = words(_words.FIRST).get(key, key)
    return _words.filled(entry, values)


def known(key: str) -> bool:
    return key in words(_words.FIRST)


def said(sentence: Sentence) -> str:
    """A sentence made below the screen, in the language in force; "" for nothing. Say it anew on LanguageChange."""
    return _words.said(sentence, _state["language"])


def sentence_of(error: BaseException) -> Sentence | str:
    """What an error says to the person at the desk: its sentence, or the words a program's own error came with."""
    if isinstance(error, _words.Spoken):
        return error.sentence
    return str(error) or type(error).__name__
