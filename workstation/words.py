"""The program's words in its two languages: Indonesian first, English complete; read from TOML when first asked for.

`resources/i18n/{id,en}.toml` and `{id,en}-pages.toml` are the screen's own. `{id,en}-told.toml` are the sentences made
below the screen (`workstation.domain.sentence`) and said by whoever shows them: the screen in the language in force,
logs and the command line in English. A language nobody asks for is never read.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import resources
from workstation.domain.sentence import Sentence

LANGUAGES = ("id", "en")
FIRST = "id"
TOLD = "-told.toml"


@lru_cache(maxsize=len(LANGUAGES))
def screen(language: str) -> Mapping[str, Any]:
    """Every key of the screen in a language, flat: `section.key` -> text or {one, other}."""
    return _read([path for path in _files(language) if not path.name.endswith(TOLD)])


@lru_cache(maxsize=len(LANGUAGES))
def told(language: str) -> Mapping[str, Any]:
    """Every key of the sentences that are made below the screen; read with the first that is said."""
    return _read([path for path in _files(language) if path.name.endswith(TOLD)])


def _files(language: str) -> list[Path]:
    return sorted(resources.path("i18n").glob(f"{language}*.toml"))


def _read(files: list[Path]) -> Mapping[str, Any]:
    flat: dict[str, Any] = {}

    def lay(prefix: str, table: Mapping[str, Any]) -> None:
        for key, value in table.items():
            name = f"{prefix}{key}"
            if isinstance(value, dict) and set(value) != {"one", "other"}:
                lay(f"{name}.", value)
            else:
                flat[name] = value

    for path in files:
        lay("", tomllib.loads(path.read_text(encoding="utf-8")))
    return flat


def filled(entry: object, values: Mapping[str, object]) -> str:
    """An entry's text with its places filled in; the value `n` chooses between one and other."""
    if isinstance(entry, dict):
        entry = entry["one" if values.get("n") == 1 else "other"]
    return str(entry).format(**values) if values else str(entry)


def said(sentence: Sentence, language: str) -> str:
    """The sentence in a language, "" for nothing. A key nobody wrote shows as itself."""
    if not sentence:
        return ""
    values = {name: said(value, language) if isinstance(value, Sentence) else value for name, value in sentence.values}
    own = filled(_entry(sentence.key, language), values)
    return " ".join([own, *(said(each, language) for each in sentence.then)])


def _entry(key: str, language: str) -> object:
    for wanted in dict.fromkeys((language, FIRST)):
        for table in (told, screen):
            entry = table(wanted).get(key)
            if entry is not None:
                return entry
    return key


def english(sentence: Sentence) -> str:
    """The sentence as logs and the command line have it."""
    return said(sentence, "en")


class Spoken(Exception):
    """An error a person reads. `sentence` is for the screen; as text it is English, for logs and the command line."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence)
        self.sentence = sentence

    def __str__(self) -> str:
        return english(self.sentence)
