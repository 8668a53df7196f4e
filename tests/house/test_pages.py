"""Pages that repeat the code agree with it, and links of the pages lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from msgspec import Struct
from msgspec.structs import fields

from tests.house.pages import ARCHITECTURE, IT, OPERATOR, RELIABILITY, ROOT, between, files, keys, proofs
from workstation.settings import Settings

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.promise("U2")
def test_the_operators_page_of_keys_is_the_table_of_actions() -> None:
    assert between(OPERATOR, "keys") == keys(), "write it anew: python -m tests.house.pages"


def test_the_architecture_page_names_every_file() -> None:
    assert between(ARCHITECTURE, "files") == files(), "write it anew: python -m tests.house.pages"


def test_the_page_on_reliability_names_the_tests_of_each_promise() -> None:
    assert between(RELIABILITY, "proofs") == proofs(), "write it anew: python -m tests.house.pages"


def said_default(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if value not in ("", ()) else ""


def test_every_setting_is_explained_with_its_default() -> None:
    settings = Settings()
    real: dict[str, str] = {}
    for section in fields(Settings):
        rows = getattr(settings, section.name)
        if isinstance(rows, Struct):
            real |= {f"{section.name}.{row.name}": said_default(getattr(rows, row.name)) for row in fields(rows)}
    said = dict(re.findall(r"^\| `([\w.]+)` \| (`[^`]*`|) ?\| \S", between(IT, "settings"), re.MULTILINE))
    assert said == real


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_named_files_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    linked = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    missing = [link for link in linked if not (page.parent / link).exists()]
    named = re.findall(r"`((?:docs|tests|resources|workstation|sync|ui)/[\w./-]+)`", text)
    missing += [name for name in named if not (ROOT / name).exists()]
    assert not missing


def test_what_engine_and_desk_say_stands_on_the_architecture_page() -> None:
    from workstation.phone import wire

    text = ARCHITECTURE.read_text(encoding="utf-8")
    section = text[text.index("### Phone") : text.index("### Screen")]
    said = set(re.findall(r"`(\w+(?:\{[^}]*\})?)`", section.replace("\n", " "))) - {"n", "send_bytes", "offer"}
    real = set()
    for kind in (*get_args(wire.Event), *get_args(wire.Command)):
        told = ", ".join(field.name for field in fields(kind) if field.name != "n" or kind is wire.Ack)
        real.add(kind.__name__.lower() + (f"{{{told}}}" if told else ""))
    assert said == real


def test_every_command_is_explained() -> None:
    from workstation.cli import tahuri

    real = {name for name, command in tahuri.commands.items() if not command.hidden}
    assert set(re.findall(r"^\| `python -m workstation (\w+)", IT.read_text(encoding="utf-8"), re.MULTILINE)) == real


def tracked() -> list[Path]:
    folders = ("workstation", "sync", "ui", "tests", "docs", "resources")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    found += [path for path in ROOT.iterdir() if path.is_file()]
    kinds = {".py", ".md", ".toml", ".txt", ".sh", ".cmd", ".cfg", ".xml", ".csv", ".qss", ".json", ".spec", ""}
    return [path for path in found if path.suffix in kinds and "__pycache__" not in path.parts]


def test_no_file_names_a_machine_or_a_secret() -> None:
    # Written apart, so that this file does not find itself.
    words = [
        "/" + "work/",
        "/" + "home/",
        "BEGIN " + "PRIVATE KEY",
        "BEGIN RSA " + "PRIVATE",
        "files." + "pythonhosted",
        "pypi." + "org",
    ]
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in tracked()
        for word in words
        if word in path.read_text(encoding="utf-8", errors="replace")
    ]
    assert not found
