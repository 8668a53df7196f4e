"""The rooms, the style and the types are checked, and each check is shown to fail on a broken copy."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = ("workstation", "sync", "ui")
BIN = Path(sys.executable).parent


def run(*command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """One tool of this environment, over `cwd`."""
    return subprocess.run([str(BIN / command[0]), *command[1:]], cwd=cwd, capture_output=True, text=True, check=False)


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def test_rooms_keep_their_contracts() -> None:
    done = run("lint-imports", "--no-cache")
    assert done.returncode == 0, done.stdout[-4000:]


def test_style() -> None:
    done = run("ruff", "check", "--no-cache", ".")
    assert done.returncode == 0, done.stdout[-4000:]


def test_types() -> None:
    done = run("mypy")
    assert done.returncode == 0, done.stdout[-4000:]


DOMAINS_OWN = {"msgspec"}  # for its Struct: docs/adr/008-records-are-structs.md


def test_the_domain_imports_the_standard_library_and_structs_only() -> None:
    foreign, known = [], sys.stdlib_module_names | DOMAINS_OWN
    for path in sources("workstation/domain"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            foreign += [
                f"{path.name}: {name}"
                for name in names
                if name.split(".")[0] not in known and not name.startswith("workstation.domain")
            ]
    assert not foreign


def test_the_domain_contract_names_every_dependency() -> None:
    page = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    forbidden = {name.lower() for name in page["tool"]["importlinter"]["contracts"][0]["forbidden_modules"]}
    modules = {"argon2-cffi": "argon2", "pyside6-essentials": "pyside6"}
    for line in page["project"]["dependencies"]:
        name = re.split(r"[<>=~!\[; ]", line)[0]
        assert modules.get(name, name.replace("-", "_")) in forbidden | DOMAINS_OWN, name


# (file, line put at its end, words of the contract that must break)
BROKEN = [
    ("workstation/domain/ops.py", "import httpx", "domain imports the standard library and msgspec only"),
    ("workstation/domain/ops.py", "import workstation.store", "domain imports the standard library and msgspec only"),
    ("workstation/service/__init__.py", "import ui", "calls neither"),
    ("workstation/service/__init__.py", "import PySide6.QtCore", "Qt in the screen"),
    ("workstation/service/__init__.py", "import sqlite3", "SQLite in the store"),
    ("workstation/store/__init__.py", "import httpx", "HTTP on the desk's side"),
    ("workstation/store/__init__.py", "import workstation.service", "the store knows"),
    ("workstation/phone/__init__.py", "import workstation.store", "the phone works without"),
    ("sync/hub/server.py", "import psycopg", "PostgreSQL in the hub's log"),
    ("workstation/store/reads.py", "import psycopg", "PostgreSQL in the hub's log"),
    ("workstation/phone/line.py", "import sounddevice", "sound devices in the phone engine"),
    ("workstation/phone/line.py", "import pyttsx3", "speech in the voice"),
    ("sync/replica/__init__.py", "import sync.hub", "meet on the wire"),
    ("sync/replica/worker.py", "import zeroconf", "desks are found in one place"),
    ("sync/replica/__init__.py", "import starlette", "a web server in the routes"),
    ("sync/protocol.py", "import sync.serve", "the wire format"),
    ("sync/serve.py", "import workstation.store", "the routes serve any log"),
    ("sync/snapshot/making.py", "import workstation.store", "a snapshot is made of any log"),
    ("ui/__init__.py", "import workstation.store", "the screen asks the service"),
    ("ui/board/__init__.py", "import ui.intake", "features of the screen"),
    ("workstation/service/__init__.py", "import workstation.app", "only the commands"),
]


def module(name: str) -> str:
    """The module a file is."""
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """What lint-imports says of a copy that holds every line of BROKEN: one run, each line is told apart below."""
    folder = tmp_path_factory.mktemp("copy")
    for name in CODE:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name, line, _ in BROKEN:
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")
    return run("lint-imports", "--no-cache", cwd=folder)


def told_of(report: str, contract: str) -> str:
    """The part of the report about the contract whose name contains `contract`; "" where it is kept."""
    parts = re.split(r"^(.+)\n-+\n", report.partition("Broken contracts")[2], flags=re.MULTILINE)
    return "".join(part for name, part in zip(parts[1::2], parts[2::2], strict=True) if contract in name)


@pytest.mark.parametrize(("name", "line", "contract"), BROKEN, ids=[f"{name}: {line}" for name, line, _ in BROKEN])
def test_a_broken_room_fails(report: subprocess.CompletedProcess[str], name: str, line: str, contract: str) -> None:
    imported = line.removeprefix("import ")
    outside = imported.split(".")[0] if not imported.startswith(CODE) else imported
    link = rf"\b{re.escape(module(name))} -> {re.escape(outside)} \(l\.\d+"
    assert report.returncode == 1 and re.search(link, told_of(report.stdout, contract)), report.stdout[-9000:]


BANNED = [
    "import time\nx = time.time()",
    "import datetime\nx = datetime.datetime.now()",
    "from datetime import datetime\nx = datetime.now()",
    "import uuid\nx = uuid.uuid4()",
    "import random",
    "from random import choice",
    "x = eval('1')",
    "import pickle\nx = pickle.loads(b'')",
]


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, int]]:
    """(file, line) of everything ruff refuses in two files that hold BANNED, a piece every ten lines; one run."""
    folder = tmp_path_factory.mktemp("banned")
    shutil.copy(ROOT / "pyproject.toml", folder)
    page = "".join(piece + "\n" * (10 - piece.count("\n")) for piece in BANNED)
    for name in ("workstation/service/broken.py", "workstation/domain/hlc.py"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(page, encoding="utf-8")
    done = run(
        "ruff", "check", "--no-cache", "--select", "TID251,S301,S307", "--output-format=concise", ".", cwd=folder
    )
    return {(name, int(row)) for name, row in re.findall(r"^(\S+?\.py):(\d+):", done.stdout, re.MULTILINE)}


@pytest.mark.parametrize("piece", range(len(BANNED)), ids=BANNED)
@pytest.mark.parametrize("name", ["workstation/service/broken.py", "workstation/domain/hlc.py"])
def test_a_banned_clock_or_die_fails(refused: set[tuple[str, int]], name: str, piece: int) -> None:
    allowed = name.endswith("hlc.py") and "eval" not in BANNED[piece] and "pickle" not in BANNED[piece]
    found = {row for where, row in refused if where == name and (row - 1) // 10 == piece}
    assert (not found) == allowed, found


def test_an_untyped_function_in_the_store_fails(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for room in ("store", "service"):
        path = tmp_path / "workstation" / room / "broken.py"
        path.parent.mkdir(parents=True)
        (path.parent / "__init__.py").write_text("")
        path.write_text("def f(x: dict) -> int:\n    return len(x)\n", encoding="utf-8")
    (tmp_path / "workstation" / "__init__.py").write_text("")
    done = run("mypy", "-p", "workstation", cwd=tmp_path)
    assert "store/broken.py:1" in done.stdout and "service/broken.py" not in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("folder", CODE)
def test_a_folder_says_what_it_is_for(folder: str) -> None:
    silent = [
        str(path.parent.relative_to(ROOT))
        for path in sources(folder)
        if path.name == "__init__.py" and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    folders = {path.parent for path in sources(folder)}
    silent += [str(place.relative_to(ROOT)) for place in folders if not (place / "__init__.py").exists()]
    assert not silent
