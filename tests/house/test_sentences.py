"""Every sentence made below the screen is written in both languages, with the same places to fill in (promise U3)."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path
from typing import NamedTuple

import pytest

from sync.courier.bundle import PARTS
from workstation import words
from workstation.domain.kinds import ROLES
from workstation.service.desk import NAMED

pytestmark = pytest.mark.promise("U3")

ROOT = Path(__file__).resolve().parents[2]
CODE = ("workstation", "sync", "ui")
FAMILIES = {
    "field.": NAMED,
    "role.": {*ROLES, "lead_or_it", "operator_or_lead", "operator_or_lead_or_it"},
    "thing.": {"call", "incident", "assignment", "entry", "hold"},
    "step.": {"copy", "look", "rebuild", "courier_give", "courier_look", "courier_take"},
    "courier.part.": set(PARTS),
}
"""Keys that are put together where they are used: the beginning, and every end it can have."""
BY_THE_SCREEN = {"action."}
"""The same, of the screen's own words; tests/a11y looks at each."""
INDONESIAN = re.compile(r"\b(tidak|periksa|sambungkan|jalankan|pasang|panggilan|sentral|belum|minta|dicoba)\b", re.I)


class Said(NamedTuple):
    where: str
    key: str
    places: frozenset[str]


def calls(name: str, *folders: str) -> list[tuple[str, ast.Call]]:
    found = []
    for path in sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                found.append((f"{path.relative_to(ROOT)}:{node.lineno}", node))
    return found


def every_say() -> list[Said]:
    made = []
    for where, call in calls("say", *CODE):
        key = call.args[0]
        assert isinstance(key, ast.Constant) and isinstance(key.value, str), f"{where}: the key is no plain text"
        made.append(Said(where, key.value, frozenset(word.arg or "**" for word in call.keywords)))
    return made


def places(entry: object) -> set[str]:
    texts = entry.values() if isinstance(entry, dict) else [entry]
    return {name for text in texts for _, name, _, _ in string.Formatter().parse(str(text)) if name}


def written(language: str) -> dict[str, object]:
    return {**words.screen(language), **words.told(language)}


def test_every_sentence_is_written_in_both_languages_with_the_places_it_is_given() -> None:
    wrong = []
    for said in every_say():
        for language in words.LANGUAGES:
            entry = written(language).get(said.key)
            if entry is None:
                wrong.append(f"{said.where}: {said.key} is not written in {language}")
            elif places(entry) - said.places or said.places - places(entry) - {"n"}:
                wrong.append(f"{said.where}: {said.key} is given {set(said.places)}, {language} has {places(entry)}")
    assert not wrong, "\n".join(wrong)
    assert len(every_say()) > 70


def test_keys_that_are_put_together_are_written_for_every_end_they_can_have() -> None:
    for where, call in calls("Sentence", *CODE):
        if call.args and isinstance(call.args[0], ast.JoinedStr):
            begins = call.args[0].values[0]
            assert isinstance(begins, ast.Constant), where
            assert begins.value in {*FAMILIES, *BY_THE_SCREEN}, where
    for begins, ends in FAMILIES.items():
        for language in words.LANGUAGES:
            there = {key.removeprefix(begins) for key in words.told(language) if key.startswith(begins)}
            assert there == set(ends), (begins, language)


def test_both_languages_have_the_same_sentences_and_none_that_nobody_says() -> None:
    first, second = words.told("id"), words.told("en")
    assert set(first) == set(second)
    assert not set(first) & set(words.screen("id")), "one key, two texts"
    for key, entry in first.items():
        assert places(entry) == places(second[key]), key
        assert str(entry).strip() and str(second[key]).strip(), key
    used = {said.key for said in every_say()}
    assert {key for key in first if not key.startswith(tuple(FAMILIES))} - used == set()


def test_no_indonesian_stands_in_the_code_below_the_screen() -> None:
    """Words in one language only would pass by the switch; the demonstration speaks to its caller in Indonesian."""
    found = []
    for path in sorted(path for folder in ("workstation", "sync") for path in (ROOT / folder).rglob("*.py")):
        if path.is_relative_to(ROOT / "workstation" / "demo"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and INDONESIAN.search(node.value):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.value[:60]}")
    assert not found, "\n".join(found)


def test_a_sentence_is_said_with_what_is_filled_in_and_what_comes_after() -> None:
    from workstation.domain.sentence import NOTHING, Sentence, one_after_another, say

    lost, found = say("sound.lost", name="Headset {x}"), say("sound.not_opened", name="Mic")
    both = one_after_another([lost, found, lost])
    assert words.english(both) == f"{words.english(lost)} {words.english(found)}"
    assert "'Headset {x}' is gone" in words.english(both), "text from outside is never read as a template"
    inside = say("refused.too_long", field=Sentence("field.note"), length=9, most=8)
    assert words.said(inside, "id").startswith("catatan: 9 huruf")
    assert words.said(Sentence("nobody.wrote"), "en") == "nobody.wrote"
    assert one_after_another([]) == NOTHING and not NOTHING and words.english(NOTHING) == ""
    assert len({lost, say("sound.lost", name="Headset {x}"), found}) == 2


@pytest.mark.promise("U1")
@pytest.mark.parametrize(("language", "claim"), [("en", r"\brecord(ed|ing|ings)\b"), ("id", r"rekam")])
def test_no_sentence_says_that_sound_is_recorded(language: str, claim: str) -> None:
    """Calls are noted down; what is said on the line is kept nowhere."""
    texts = {key: str(entry) for key, entry in written(language).items()}
    assert len(texts) > 300
    assert not {key: text for key, text in texts.items() if re.search(claim, text, re.I)}


def test_an_error_a_person_sees_is_english_as_text_and_knows_its_sentence() -> None:
    from workstation.domain.sentence import say
    from workstation.store import StoreFailed

    error = StoreFailed(say("record.full"))
    assert str(error).startswith("the disk is full") and words.said(error.sentence, "id").startswith("disk penuh")


def test_sentences_pass_the_engines_wire_whole() -> None:
    from workstation.domain.sentence import Sentence, one_after_another, say
    from workstation.phone import wire

    inside = say("refused.too_long", field=Sentence("field.note"), length=9, most=8)
    sentence = one_after_another([say("exchange.refused", answer='401 "no"\n'), inside])
    event = wire.Notice(sentence=sentence)
    assert wire.read_event(wire.pack(event)) == event


def test_the_second_language_is_not_read_before_it_is_asked_for() -> None:
    import subprocess
    import sys

    look = (
        "from ui import i18n; from workstation import words; i18n.tr('strip.ready'); "
        "print(words.screen.cache_info().currsize, words.told.cache_info().currsize)"
    )
    done = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "0"]
