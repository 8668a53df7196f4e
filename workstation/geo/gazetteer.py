"""The gazetteer: typed text to villages and kecamatan, homonyms apart, every match with how much of it is right."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

import resources

CITY = "Kota Ambon"
SURE_LETTERS = 3
"""Below this many typed letters only beginnings are matched: one wrong letter of two means nothing."""
LEAST_RIGHT = 0.7
"""Share of letters that must be right for a near match to be offered at all."""


class Village(Struct, frozen=True):
    """A place of the gazetteer: a village (`code` 81.71.xx.yyyy) or a whole kecamatan (`code` 81.71.xx, no point)."""

    code: str
    name: str
    kind: str  # kelurahan, desa/negeri, kecamatan, "" = not told
    district: str  # kecamatan
    regency: str  # kota or kabupaten
    lat: float | None
    lon: float | None
    area_km2: float = 0.0  # 0 = not told


class Match(Struct, frozen=True):
    """One proposal: `right` of `of` letters typed are right; `how` is exact, prefix, word or near."""

    village: Village
    label: str
    right: int
    of: int
    how: str

    @property
    def exact(self) -> bool:
        return self.how == "exact"


class Gazetteer:
    """Names of the island, read-only, shared by all threads. It proposes; a person chooses, and free text stands."""

    def __init__(self, villages: Sequence[Village], other_names: Sequence[tuple[str, Village]] = ()) -> None:
        self._by_code: Mapping[str, Village] = {village.code: village for village in villages}
        names = [(village.name, village) for village in villages]
        names += [(part, village) for village in villages if "/" in village.name for part in village.name.split("/")]
        count = Counter(fold(village.name) for village in villages)
        self._twice = frozenset(name for name, times in count.items() if times > 1)
        # A name that two places share can be typed with its kind, as it is shown.
        kinds = [(f"{v.name} {v.kind}", v) for v in villages if fold(v.name) in self._twice and v.kind != "kecamatan"]
        kinds += [(f"kecamatan {village.name}", village) for village in villages if village.kind == "kecamatan"]
        self._names = tuple((fold(name), village) for name, village in (*names, *kinds, *other_names))
        self.villages = tuple(village for village in villages if village.kind != "kecamatan")
        self.districts = tuple(village for village in villages if village.kind == "kecamatan")

    @staticmethod
    def load() -> Gazetteer:
        """Read the gazetteer this program carries."""
        return load(resources.path("geo"))

    def get(self, code: str) -> Village | None:
        """Give a place by its code, None when it is not in the gazetteer."""
        return self._by_code.get(code)

    def label(self, code: str, short: bool = False) -> str:
        """Give the words for a code, such as "Batu Merah, Sirimau"; an unknown code stays as it is."""
        village = self._by_code.get(code)
        return code if village is None else self._label(village, short)

    def match(self, text: str, limit: int = 8) -> list[Match]:
        """Give the places the text may mean, best first: whole names, beginnings, later words, then near ones."""
        typed, _, wanted_district = fold(text).partition(",")
        typed, wanted_district = typed.strip(), wanted_district.strip()
        if not typed:
            return []
        best: dict[str, tuple[tuple[object, ...], Match]] = {}
        for name, village in self._names:
            found = _compare(typed, name)
            if found is None or not fold(village.district).startswith(wanted_district):
                continue
            how, right = found
            # Of names that fit as well, the larger village is the likelier one to be called from.
            whose = (village.regency != CITY, village.kind == "kecamatan", -village.area_km2, name, village.code)
            rank = (_ORDER[how], -right, *whose)
            if village.code not in best or rank < best[village.code][0]:
                best[village.code] = (rank, Match(village, self._label(village), right, _letters(typed), how))
        return [match for _, match in sorted(best.values(), key=lambda pair: pair[0])[:limit]]

    def only(self, text: str) -> Match | None:
        """Give the one place whose whole name or label was typed; None where two share it or none has it."""
        typed = fold(text)
        exact = [match for match in self.match(text) if match.exact]
        labelled = [match for match in exact if fold(match.label) == typed]
        found = labelled or exact
        return found[0] if len(found) == 1 else None

    def _label(self, village: Village, short: bool = False) -> str:
        if village.kind == "kecamatan":
            return f"Kecamatan {village.name}"
        name = f"{village.name} ({village.kind})" if fold(village.name) in self._twice else village.name
        # A village that shares its kecamatan's name still says which it is.
        if not short:
            return f"{name}, {village.district}"
        return name


_ORDER = {"exact": 0, "prefix": 1, "word": 2, "near": 3}


def _letters(text: str) -> int:
    return len(text.replace(" ", ""))


def _compare(typed: str, name: str) -> tuple[str, int] | None:
    """Say how a folded name fits the typed text and how many typed letters are right; None = not at all."""
    squeezed, whole = typed.replace(" ", ""), name.replace(" ", "")
    size = len(squeezed)
    if squeezed == whole:
        return "exact", size
    if whole.startswith(squeezed):
        return "prefix", size
    words = name.split()
    if any(" ".join(words[start:]).startswith(typed) for start in range(1, len(words))):
        return "word", size
    if size < SURE_LETTERS:
        return None
    # Loaded with the first misspelling: the first frame does not wait for it.
    from rapidfuzz.distance import Levenshtein

    # The text may still be short of the whole name: compare it with as much of the name, give or take a letter.
    cuts = {size - 1, size, size + 1, len(whole)}
    wrong = min(Levenshtein.distance(squeezed, whole[:cut]) for cut in cuts)
    right = size - wrong
    return ("near", right) if right > 0 and right / size >= LEAST_RIGHT else None


def fold(text: str) -> str:
    """Make names comparable: no accents, lower case, single spaces, hyphens and dots as spaces; commas stay."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.sub(r"\s+", " ", re.sub(r"[^\w,]+", " ", plain.lower())).strip()


def load(folder: Path) -> Gazetteer:
    """Read `villages.csv` and `other_names.csv` of the folder; raises OSError or ValueError naming the line."""
    villages: list[Village] = []
    districts: dict[str, Village] = {}
    with (folder / "villages.csv").open(encoding="utf-8", newline="") as source:
        for line, row in enumerate(csv.DictReader(source), 2):
            try:
                lat, lon = float(row["lat"]), float(row["lon"])
                code, district = row["kode"], row["kecamatan"]
                area = float(row["luas_km2"] or 0)
                villages.append(Village(code, row["nama"], row["jenis"], district, row["kabkota"], lat, lon, area))
                part = code.rsplit(".", 1)[0]
                districts.setdefault(part, Village(part, district, "kecamatan", district, row["kabkota"], None, None))
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"villages.csv line {line}: {error}") from None
    places = {village.code: village for village in (*villages, *districts.values())}
    by_district = {village.name: village for village in districts.values()}
    others: list[tuple[str, Village]] = []
    with (folder / "other_names.csv").open(encoding="utf-8", newline="") as source:
        for line, row in enumerate(csv.DictReader(source), 2):
            meant = places.get(row["kode"]) or by_district.get(row["kecamatan"])
            if meant is None:
                raise ValueError(f"other_names.csv line {line}: {row['nama']} names no known place")
            others.append((row["nama"], meant))
    return Gazetteer(list(places.values()), others)
