from __future__ import annotations

from pathlib import Path

import pytest

from workstation.geo.gazetteer import Gazetteer, load

PLACES = Gazetteer.load()


def labels(text: str) -> list[str]:
    return [match.label for match in PLACES.match(text)]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("batu m", "Batu Merah, Sirimau"),
        ("BATU MERAH", "Batu Merah, Sirimau"),
        ("batumerah", "Batu Merah, Sirimau"),
        ("merah", "Batu Merah, Sirimau"),
        ("durian p", "Hunuth/Durian Patah, Teluk Ambon"),
        ("hunuth", "Hunuth/Durian Patah, Teluk Ambon"),
        ("karpan", "Karang Panjang, Sirimau"),
        ("teluk ambon baguala", "Kecamatan Baguala"),
        ("pas", "Passo, Baguala"),
        ("hitu lama", "Hitulama, Leihitu"),
    ],
)
def test_what_is_typed_finds_the_place(typed: str, first: str) -> None:
    assert labels(typed)[0] == first


def test_homonyms_stand_apart_with_their_kind() -> None:
    assert labels("nusaniwe") == [
        "Nusaniwe (desa/negeri), Nusaniwe", "Nusaniwe (kelurahan), Nusaniwe", "Kecamatan Nusaniwe",
    ]  # fmt: skip
    assert set(labels("urimessing")) == {"Urimessing (kelurahan), Nusaniwe", "Urimessing (desa/negeri), Nusaniwe"}
    assert PLACES.only("nusaniwe") is None
    chosen = PLACES.only("Nusaniwe (kelurahan), Nusaniwe")
    assert chosen is not None and chosen.village.code == "81.71.01.1006"


def test_a_near_match_says_how_much_of_it_is_right_and_is_never_taken_by_itself() -> None:
    match = PLACES.match("btu merah")[0]
    assert (match.label, match.how, match.right, match.of) == ("Batu Merah, Sirimau", "near", 7, 8)
    assert PLACES.only("btu merah") is None
    whole = PLACES.only("wayame")
    assert whole is not None and whole.exact and whole.right == whole.of == 6


@pytest.mark.parametrize("text", ["", "   ", ",", "qqqqqq", "rumah pak rt", "zx"])
def test_free_text_finds_nothing_rather_than_something(text: str) -> None:
    assert PLACES.match(text) == []
    assert PLACES.only(text) is None


def test_a_kecamatan_behind_a_comma_narrows() -> None:
    assert labels("batu, sirimau")[:1] == ["Batu Merah, Sirimau"]
    assert labels("passo, sirimau") == []


def test_every_village_is_found_by_its_own_name_and_label() -> None:
    assert (len(PLACES.villages), len(PLACES.districts)) == (72, 8)
    for village in PLACES.villages:
        assert village in [match.village for match in PLACES.match(village.name) if match.exact]
        label = PLACES.label(village.code)
        only = PLACES.only(label)
        assert only is not None and only.village == village, label


def test_an_unknown_code_stays_what_it_is() -> None:
    assert PLACES.label("99.99") == "99.99"
    assert PLACES.get("99.99") is None


def test_a_broken_file_names_its_line(tmp_path: Path) -> None:
    head = "kode,nama,jenis,kecamatan,kabkota,kodepos,lat,lon,luas_km2\n"
    (tmp_path / "villages.csv").write_text(head + "81.71.02.2003,Batu Merah,,Sirimau,Kota Ambon,97128,north,128.2,9\n")
    (tmp_path / "other_names.csv").write_text("nama,kode,kecamatan\n")
    with pytest.raises(ValueError, match="line 2"):
        load(tmp_path)
