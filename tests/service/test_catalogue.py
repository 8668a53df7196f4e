from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

import resources
from tests.service.desks import NOW
from workstation.domain.kinds import INCIDENT_REGISTERS
from workstation.service import clocks, views
from workstation.service.catalogue import Catalogue, CatalogueWrong, load
from workstation.service.desk import Desk

CATALOGUE = Catalogue.load()


def test_two_letters_choose_every_type_and_no_two_the_same() -> None:
    keys = [kind.keys for kind in CATALOGUE.types.values()]
    assert len(set(keys)) == len(keys) == 43
    assert all(len(key) == 2 for key in keys)
    fire = CATALOGUE.by_keys("bk")
    assert fire is not None and fire.id == "structure_fire" and fire.priority == 1


def test_one_fire_report_goes_to_four_agencies() -> None:
    assert [task.agency for task in CATALOGUE.package("structure_fire")] == ["damkar", "pln", "hospital", "dishub"]
    assert CATALOGUE.package("unheard of") == ()


def test_function_keys_mean_one_thing_each() -> None:
    keys = Counter(kind.key for kind in CATALOGUE.call_types.values() if kind.key)
    assert keys == Counter(["F5", "F6", "F7", "F8", "F9", "F10"])
    assert CATALOGUE.noise == {"prank", "silent", "wrong_number", "test", "dropped"}


def test_the_forms_fields_are_registers_of_an_incident() -> None:
    drawn_of_several = {"point", "note"}
    assert set(CATALOGUE.fields) - drawn_of_several <= set(INCIDENT_REGISTERS)
    assert [name for name, field in CATALOGUE.fields.items() if field.required] == ["village", "type"]
    letters = Counter(field.letter for field in CATALOGUE.fields.values() if field.letter)
    assert max(letters.values()) == 1


def test_cards_say_that_they_await_review() -> None:
    card = CATALOGUE.card("structure_fire")
    assert card is not None and card.review.id == "perlu tinjauan Dinkes"
    assert card.questions and card.say
    assert CATALOGUE.card("road") is None


def test_targets_are_settings() -> None:
    assert (CATALOGUE.target_s("notify"), CATALOGUE.target_s("arrive", "structure_fire")) == (60, 900)
    own = Catalogue.load({"notify": 45, "arrive.cardiac_arrest": 480}, {"pln": "0911000001"})
    assert (own.target_s("notify"), own.target_s("arrive", "cardiac_arrest")) == (45, 480)
    assert own.agencies["pln"].duty == "0911000001"
    for wrong in ({"hurry": 1}, {"arrive.nonsense": 1}, {"notify.structure_fire": 1}):
        with pytest.raises(CatalogueWrong, match=next(iter(wrong))):
            Catalogue.load(wrong)
    with pytest.raises(CatalogueWrong, match="unheard"):
        Catalogue.load({}, {"unheard": "1"})


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("types.toml", 'key = "N", id = "breathing"', 'key = "H", id = "breathing"', "breathing"),
        ("types.toml", 'package = "fire"', 'package = "smoke"', "smoke"),
        (
            "agencies.toml",
            '{ agency = "pln", task = { id = "padamkan jalur"',
            '{ agency = "pnl", task = { id = "x"',
            "pnl",
        ),
        ("agencies.toml", 'channel = "radio"', 'channel = "drum"', "channel"),
        ("calls.toml", 'en = "Prank"', 'fr = "Canular"', "prank"),
        ("targets.toml", "[target.answer]", "[target.answer", "targets.toml"),
    ],
)
def test_a_broken_catalogue_names_the_file_or_entry(tmp_path: Path, file: str, old: str, new: str, said: str) -> None:
    for folder in ("forms", "cards"):
        shutil.copytree(resources.path(folder), tmp_path / folder)
    broken = tmp_path / "forms" / file
    source = broken.read_text(encoding="utf-8")
    assert old in source
    broken.write_text(source.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CatalogueWrong, match=said):
        load(tmp_path)


def test_reads_know_the_clocks_of_the_desk_that_started(desk: Desk) -> None:
    assert desk.ask(clocks.kept).result() == clocks.of(desk.catalogue)
    assert desk.ask(lambda db: views.queue(db, NOW)).result().calls == 0
