"""The tables of `docs` that repeat the code: keys, files by their docstrings, the tests of each promise.

`python -m tests.house.pages` writes them into `docs/operator.md`, `docs/architecture.md` and `docs/reliability.md`;
`test_pages.py` fails where they are out of date.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

from tests.promises import promised

ROOT = Path(__file__).resolve().parents[2]
OPERATOR = ROOT / "docs" / "operator.md"
IT = ROOT / "docs" / "it.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
RELIABILITY = ROOT / "docs" / "reliability.md"
MEASURED = {
    "M2 M3 M4 M8 M9 S3 S5 S11": "`python -m tests.simulate --seeds N`",
    "S2": "`python -m tests.simulate --seeds N`, `--kills N`, `tests.bench sync`",
    "S1 S4 S7": "`python -m tests.simulate --seeds N`, `tests.bench sync`",
    "S6": "`python -m tests.bench sync --only empty`",
    "D2 D5": "`python -m tests.simulate --kills N`, `tests.bench store`",
    "D4": "`python -m tests.bench search`",
    "P1 P2": "`python -m tests.bench phone`",
    "U1 U3": "`python -m tests.screens DIR`, `tests.bench start`",
    "U4": "`python -m tests.bench phone --profile FILE`",
}
"""What else shows that a promise holds, and how far: commands whose results stand on the same page."""
TOLD = ("workstation", "sync", "ui", "resources")


def between(page: Path, name: str) -> str:
    """What stands between the page's marks `<!-- name… -->` and `<!-- /name -->`."""
    found = re.search(rf"<!-- {name}[^>]*-->\n(.*?)<!-- /{name} -->", page.read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"{page.name} has no marks for {name}"
    return found[1]


def keys() -> str:
    """The table of keys as the operator's page must have it, in Indonesian."""
    from ui.actions import BY_ID, TABLE
    from ui.i18n import tr

    rows = ["| tombol | guna | di halaman |", "|---|---|---|"]
    for action in TABLE:
        place = f"page_{action.where}" if f"page_{action.where}" in BY_ID else action.where
        page = "mana pun" if action.where == "any" else tr(BY_ID[place].key)
        rows.append(f"| {action.cap} | {tr(action.key)} | {page} |")
    return "\n".join(rows) + "\n"


def files() -> str:
    """Every file of the product with the first line of its docstring, a folder after the other."""
    lines: list[str] = []
    for folder in TOLD:
        for path in sorted((ROOT / folder).rglob("*.py"), key=lambda p: (p.parent, p.name != "__init__.py", p.name)):
            told = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n\n")[0]
            words = " ".join(told.split()).replace("|", "/")
            if path.name == "__init__.py":
                lines.append(f"\n**`{path.parent.relative_to(ROOT)}/`** {words}\n")
            else:
                lines.append(f"- `{path.name}`: {words}")
    return "\n".join(lines).strip() + "\n"


def _marked(path: Path) -> Counter[str]:
    """How many tests of a file carry each promise; one on the whole file counts for each of its tests."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tests = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    whole = [
        node for node in tree.body if isinstance(node, ast.Assign) and "pytestmark" in ast.unparse(node.targets[0])
    ]
    found: Counter[str] = Counter()
    for test in tests:
        marks = [ast.unparse(mark) for mark in (*test.decorator_list, *whole)]
        found.update({number for mark in marks if "mark.promise(" in mark for number in re.findall(r"'(\w\d+)'", mark)})
    return found


def proofs() -> str:
    """Each promise, the files whose tests carry it with how many do, and the commands that measure more of it."""
    by_file = {path: _marked(path) for path in sorted((ROOT / "tests").rglob("test_*.py"))}
    measured = {number: command for numbers, command in MEASURED.items() for number in numbers.split()}
    rows = ["| promise | tests | measured by |", "|---|---|---|"]
    for number in promised():
        carry = [(path, found[number]) for path, found in by_file.items() if found[number]]
        files = ", ".join(f"`{path.relative_to(ROOT).as_posix()}` {count}" for path, count in carry)
        rows.append(f"| {number} | {files} | {measured.get(number, '')} |")
    return "\n".join(rows) + "\n"


def write(page: Path, name: str, text: str) -> None:
    """Put `text` between the page's marks for `name`."""
    whole = page.read_text(encoding="utf-8")
    marks = rf"(<!-- {name}[^>]*-->\n).*?(<!-- /{name} -->)"
    page.write_text(re.sub(marks, lambda m: m[1] + text + m[2], whole, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    write(OPERATOR, "keys", keys())
    write(ARCHITECTURE, "files", files())
    write(RELIABILITY, "proofs", proofs())
