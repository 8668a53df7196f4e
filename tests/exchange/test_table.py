"""Another system's table and the mapping of its columns: what is broken costs its own row and is named."""

from __future__ import annotations

from pathlib import Path

import pytest

import resources
from workstation.exchange.mapping import MappingWrong, Unreadable, load, point
from workstation.exchange.table import Table, read

SAMPLE = Path(__file__).with_name("sample_fire_calls.csv")
MAPPING = load(resources.path("imports/datasf_fire.toml"))


def test_broken_bytes_cost_their_own_row(tmp_path: Path) -> None:
    lines = SAMPLE.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"SAMPLE ST", b"SAMPL\xff ST")
    file = tmp_path / "bytes.csv"
    file.write_bytes(b"".join(lines))
    table = read(file, MAPPING)
    assert (2, "address: not UTF-8 text") in [(item.row, item.reason) for item in table.rejected]
    assert table.rows == 12 and len(table.calls) == 5


HEAD = "Call Number,Unit ID,Received DtTm,Call Type\n"


def a_table(folder: Path, *lines: str, head: str = HEAD) -> Table:
    file = folder / "table.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        out.write(head + "".join(lines))
    return read(file, MAPPING)


def row(number: int, kind: str = "Alarms", end: str = "\n") -> str:
    return f"{number},U{number},01/03/2021 01:00:00 PM,{kind}{end}"


def numbers(table: Table) -> list[int]:
    return sorted(int(call.number) for call in table.calls)


@pytest.mark.parametrize(
    "after",
    [
        [row(number) for number in range(4, 401)],  # it never closes
        [row(4, '"Alarms"'), row(5)],  # it closes at the next value in quotes, the count of columns is right
        [row(4, '"Alarms, of smoke"'), row(5)],
        [row(number, "Alarms" + "x" * 600) for number in range(4, 16)],  # the value is over its bound
        [row(4, "x" * 200_000), row(5)],  # the reader itself gives up
        [row(number, "") for number in range(4, 4000)],  # more lines than any record has
        [row(4), '5,U5,01/03/2021 01:00:00 PM,"Alarms\nof smoke"\n'],  # another whose quotes are right
        [row(4, '"Alarms'), row(5, '"Alarms'), row(6)],  # more of the same
        [],
    ],
)
def test_a_stray_quote_costs_its_own_line(tmp_path: Path, after: list[str]) -> None:
    table = a_table(tmp_path, row(2), row(3, '"Alarms'), *after)
    lost = {place for place, line in enumerate(after, 4) if line.count('"') % 2 or len(line) > 5000}
    assert {item.row for item in table.rejected} == {3, *lost}
    assert numbers(table) == [2, *(place for place in range(4, 4 + len(after)) if place not in lost)]
    assert table.rows == 2 + len(after)
    assert "quote" in table.rejected[0].reason or not after


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_break_within_quotes_is_part_of_its_value(tmp_path: Path, end: str) -> None:
    table = a_table(
        tmp_path, row(2, f'"Alarms{end}of ""smoke"", {end}{end}and fire"', end), row(6, end=end), row(7, end="")
    )
    assert (table.rows, table.rejected, numbers(table)) == (3, [], [2, 6, 7])
    assert table.calls[0].words["type"] == f'Alarms{end}of "smoke", {end}{end}and fire'
    assert [call.units[0].row for call in table.calls] == [2, 6, 7]


def test_a_row_is_numbered_by_its_line_in_the_file(tmp_path: Path) -> None:
    table = a_table(
        tmp_path, "\n", row(4, '"Alarms\nof smoke"'), "\n", "\n", "8,U8,soon,Alarms\n", row(9), head="\n" + HEAD
    )
    assert {item.row: item.reason for item in table.rejected}.keys() == {8}
    assert [call.units[0].row for call in table.calls] == [4, 9]
    assert table.rows == 3


def test_a_line_without_end_is_not_held_in_memory(tmp_path: Path) -> None:
    for quote in ("", '"'):
        table = a_table(tmp_path, row(2), f"3,U3,01/03/2021 01:00:00 PM,{quote}", "x," * 4_000_000 + "\n", row(4))
        assert ([item.row for item in table.rejected], numbers(table), table.rows) == ([3], [2, 4], 3)


@pytest.mark.parametrize("head", [HEAD.replace("Call Type", '"Call Type'), HEAD.replace("Call Type", "x" * 200_000)])
def test_a_header_that_cannot_be_read_is_refused(tmp_path: Path, head: str) -> None:
    with pytest.raises(MappingWrong):
        a_table(tmp_path, row(2), row(3), head=head)


@pytest.mark.parametrize(
    ("written", "read_as"),
    [("(37.5, -122.25)", (37.5, -122.25)), ("POINT (-122.25 37.5)", (37.5, -122.25)), ("97.5, 0", None), ("", None)],
)
def test_points_are_read_both_ways_round(written: str, read_as: tuple[float, float] | None) -> None:
    assert point(written) == read_as


def test_a_time_in_no_known_form_is_unreadable() -> None:
    assert MAPPING.time("") is None
    assert MAPPING.time("2021-01-02T15:01:00+00:00") == 1_609_599_660_000
    with pytest.raises(Unreadable, match="yesterday"):
        MAPPING.time("yesterday")


def test_a_mapping_saved_by_notepad_is_read(tmp_path: Path) -> None:
    file = tmp_path / "map.toml"
    file.write_text(resources.path("imports/datasf_fire.toml").read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert load(file) == MAPPING


@pytest.mark.parametrize("cut", ["name =", "zone =", "[columns]", 'agency = "damkar"'])
def test_a_mapping_with_something_missing_says_what(tmp_path: Path, cut: str) -> None:
    source = resources.path("imports/datasf_fire.toml").read_text(encoding="utf-8")
    assert cut in source
    file = tmp_path / "map.toml"
    file.write_text(source.replace(cut, f"x_{cut}" if "[" not in cut else "[other]", 1), encoding="utf-8")
    with pytest.raises(MappingWrong, match=r"map\.toml"):
        load(file)
