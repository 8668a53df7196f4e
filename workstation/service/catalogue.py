"""The catalogue: types, agencies, packages, clocks, fields and cards, read once from the forms' TOML and frozen."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

import resources

CHANNELS = ("app", "phone", "whatsapp", "sms", "radio", "in_person")


class CatalogueWrong(Exception):
    """A catalogue file that cannot be used; the text names the file and the entry."""


class Label(Struct, frozen=True):
    """A word in both languages: `label.id`, `label.en`, or `label("en")`."""

    id: str
    en: str

    def __call__(self, language: str) -> str:
        return self.en if language == "en" else self.id


class Task(Struct, frozen=True):
    """One agency of a package, and the word that is said with it."""

    agency: str
    task: Label


class IncidentType(Struct, frozen=True):
    """A type of incident: `keys` are its two letters, `category` the city's own word for the branch."""

    id: str
    keys: str
    category: str
    label: Label
    priority: int
    package: tuple[Task, ...]
    card: str
    arrive_s: int | None


class Category(Struct, frozen=True):
    """Level 1 of the type tree: its letter and its types in order."""

    id: str
    key: str
    label: Label
    types: tuple[IncidentType, ...]


class Agency(Struct, frozen=True):
    """Who is notified; `channel` is the usual way, `short` fits a board row, `travels` says it comes on scene."""

    id: str
    label: Label
    short: str
    channel: str
    duty: str
    travels: bool


class Target(Struct, frozen=True):
    """A clock: `s` seconds from the stamp `since`, met by `share` percent."""

    id: str
    label: Label
    s: int
    since: str
    share: int
    source: str


class CallType(Struct, frozen=True):
    """What a call was; `key` is the function key that types it, "" = none."""

    id: str
    label: Label
    key: str
    noise: bool


class Choice(Struct, frozen=True):
    """A named choice: a disposition, a chip, a priority (`id` "1" to "4"), a group of the form."""

    id: str
    label: Label


class FormField(Struct, frozen=True):
    """One field of the intake form, in the form's order."""

    name: str
    group: str
    kind: str
    label: Label
    letter: str
    required: bool
    chips: tuple[Choice, ...]


class Card(Struct, frozen=True):
    """Key questions and lines to read out; `review` says they still await the health service's word."""

    id: str
    version: int
    title: Label
    review: Label
    questions: tuple[Choice, ...]
    say: tuple[Label, ...]


class Catalogue(Struct, frozen=True):
    """Everything a desk chooses from; read-only, shared by all threads."""

    categories: tuple[Category, ...]
    types: Mapping[str, IncidentType]
    agencies: Mapping[str, Agency]
    targets: Mapping[str, Target]
    call_types: Mapping[str, CallType]
    dispositions: Mapping[str, Choice]
    priorities: Mapping[int, Choice]
    groups: tuple[Choice, ...]
    fields: Mapping[str, FormField]
    cards: Mapping[str, Card]
    warn_percent: int = 75
    _by_keys: Mapping[str, IncidentType] = field(default_factory=dict)

    @staticmethod
    def load(targets_s: Mapping[str, int] | None = None, duty: Mapping[str, str] | None = None) -> Catalogue:
        """Read the catalogue this program carries, with a site's own clocks and duty numbers."""
        return load(resources.path("forms").parent, targets_s, duty)

    def by_keys(self, letters: str) -> IncidentType | None:
        """Give the type of two letters ("bk"), None while they name none."""
        return self._by_keys.get(letters.upper())

    def package(self, type: str) -> tuple[Task, ...]:
        """Give the agencies proposed for a type, in the order they are told; empty for an unknown type."""
        known = self.types.get(type)
        return known.package if known else ()

    def card(self, type: str) -> Card | None:
        """Give the card of a type, where there is one."""
        known = self.types.get(type)
        return self.cards.get(known.card) if known else None

    def priority(self, type: str) -> int:
        """Give the priority a type proposes; 0 for an unknown type."""
        known = self.types.get(type)
        return known.priority if known else 0

    def target_s(self, target: str, type: str = "") -> int:
        """Give a clock's seconds; arrival may be the type's own (a fire: 15 minutes)."""
        own = self.types.get(type)
        if target == "arrive" and own is not None and own.arrive_s is not None:
            return own.arrive_s
        return self.targets[target].s

    @property
    def noise(self) -> frozenset[str]:
        """The call types that count as noise."""
        return frozenset(kind.id for kind in self.call_types.values() if kind.noise)


def load(folder: Path, targets_s: Mapping[str, int] | None = None, duty: Mapping[str, str] | None = None) -> Catalogue:
    """Read the catalogue from the resources folder (which holds `forms/` and `cards/`).

    `targets_s` sets clocks anew by key (`arrive.<type>` for one type's arrival), `duty` gives agencies their numbers.
    Raises `CatalogueWrong`.
    """
    reader = _Reader(folder)
    agencies = reader.agencies(duty or {})
    packages = reader.packages(agencies)
    categories = reader.categories(packages)
    targets, warn_percent = reader.targets()
    types = {kind.id: kind for category in categories for kind in category.types}
    for name, seconds in (targets_s or {}).items():
        base, _, own = name.partition(".")
        if base == "arrive" and own in types:
            types[own] = replace(types[own], arrive_s=seconds)
        elif not own and base in targets:
            targets[base] = replace(targets[base], s=seconds)
        else:
            raise CatalogueWrong(f"settings, targets_s: {name!r} is not a clock of forms/targets.toml")
    categories = tuple(replace(c, types=tuple(types[kind.id] for kind in c.types)) for c in categories)
    forms = reader.table("forms/fields.toml")
    calls = reader.table("forms/calls.toml")
    return Catalogue(
        categories=categories,
        types=types,
        agencies=agencies,
        targets=targets,
        call_types={
            row["id"]: CallType(row["id"], reader.label(row), row.get("key", ""), bool(row["noise"]))
            for row in calls["call_type"]
        },
        dispositions={row["id"]: Choice(row["id"], reader.label(row)) for row in calls["disposition"]},
        priorities={int(row["id"]): Choice(str(row["id"]), reader.label(row)) for row in forms["priority"]},
        groups=tuple(Choice(row["id"], reader.label(row)) for row in forms["group"]),
        fields={row["name"]: reader.form_field(row) for row in forms["field"]},
        cards=reader.cards(),
        warn_percent=warn_percent,
        _by_keys={kind.keys: kind for kind in types.values()},
    )


class _Reader:
    """Reads one folder; an error names the file at hand."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = ""

    def table(self, name: str) -> dict[str, Any]:
        self._file = name
        try:
            return tomllib.loads((self._folder / name).read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise CatalogueWrong(f"{name}: {error}") from None

    def label(self, row: Mapping[str, Any], key: str = "label") -> Label:
        words = row.get(key, {})
        if not (isinstance(words, dict) and words.get("id") and words.get("en")):
            raise CatalogueWrong(f"{self._file}: {row.get('id') or row.get('name')}: {key} needs id and en")
        return Label(words["id"], words["en"])

    def agencies(self, duty: Mapping[str, str]) -> dict[str, Agency]:
        made = {}
        for row in self.table("forms/agencies.toml")["agency"]:
            if row["channel"] not in CHANNELS:
                raise CatalogueWrong(f"{self._file}: {row['id']}: channel is one of {', '.join(CHANNELS)}")
            number, travels = duty.get(row["id"], ""), bool(row.get("travels", True))
            made[row["id"]] = Agency(row["id"], self.label(row), row["short"], row["channel"], number, travels)
        unknown = set(duty) - set(made)
        if unknown:
            raise CatalogueWrong(f"settings, duty: {', '.join(sorted(unknown))} is not an agency of {self._file}")
        return made

    def packages(self, agencies: Mapping[str, Agency]) -> dict[str, tuple[Task, ...]]:
        made = {}
        for name, rows in self.table("forms/agencies.toml")["package"].items():
            for row in rows:
                if row["agency"] not in agencies:
                    raise CatalogueWrong(f"{self._file}: package {name}: {row['agency']} is not an agency")
            made[name] = tuple(Task(row["agency"], self.label(row, "task")) for row in rows)
        return made

    def categories(self, packages: Mapping[str, tuple[Task, ...]]) -> tuple[Category, ...]:
        made = []
        taken: set[str] = set()
        for branch in self.table("forms/types.toml")["category"]:
            types = []
            for row in branch["types"]:
                keys = branch["key"] + row["key"]
                if keys in taken or row["id"] in taken:
                    raise CatalogueWrong(f"{self._file}: {row['id']}: its letters {keys} or its id are taken")
                if row["package"] not in packages:
                    raise CatalogueWrong(f"{self._file}: {row['id']}: package {row['package']} is not in agencies.toml")
                taken |= {keys, row["id"]}
                types.append(
                    IncidentType(
                        row["id"], keys, branch["id"], self.label(row), int(row["priority"]),
                        packages[row["package"]], row.get("card", ""), row.get("arrive_s"),
                    )
                )  # fmt: skip
            made.append(Category(branch["id"], branch["key"], self.label(branch), tuple(types)))
        return tuple(made)

    def targets(self) -> tuple[dict[str, Target], int]:
        table = self.table("forms/targets.toml")
        made = {
            name: Target(name, self.label(row), int(row["s"]), row["from"], int(row["share"]), row.get("source", ""))
            for name, row in table["target"].items()
        }
        return made, int(table["warn_percent"])

    def form_field(self, row: Mapping[str, Any]) -> FormField:
        chips = tuple(Choice(chip["id"], self.label(chip)) for chip in row.get("chips", ()))
        names = (row["name"], row["group"], row["kind"])
        return FormField(*names, self.label(row), row.get("letter", ""), bool(row.get("required", False)), chips)

    def cards(self) -> dict[str, Card]:
        made = {}
        for path in sorted((self._folder / "cards").glob("*.toml")):
            row = self.table(f"cards/{path.name}")
            questions = tuple(Choice(item["id"], self.label(item, "text")) for item in row.get("question", ()))
            say = tuple(self.label(item, "text") for item in row.get("say", ()))
            title, review = self.label(row, "title"), self.label(row, "review")
            made[row["id"]] = Card(row["id"], int(row["version"]), title, review, questions, say)
        return made
