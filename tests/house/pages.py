"""The tables of `docs` that repeat the code: keys from the table of actions, files from their docstrings.

`python -m tests.house.pages` writes them into `docs/operator.md` and `docs/architecture.md`; `test_pages.py` fails
where they are out of date.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OPERATOR = ROOT / "docs" / "operator.md"
IT = ROOT / "docs" / "it.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
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


def write(page: Path, name: str, text: str) -> None:
    """Put `text` between the page's marks for `name`."""
    whole = page.read_text(encoding="utf-8")
    marks = rf"(<!-- {name}[^>]*-->\n).*?(<!-- /{name} -->)"
    page.write_text(re.sub(marks, lambda m: m[1] + text + m[2], whole, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    write(OPERATOR, "keys", keys())
    write(ARCHITECTURE, "files", files())
