"""The tables of `docs` that repeat the code: the page of keys is made from the table of actions.

`python -m tests.house.pages` writes the keys into `docs/operator.md`; `test_pages.py` fails where it is out of date.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OPERATOR = ROOT / "docs" / "operator.md"
IT = ROOT / "docs" / "it.md"


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


if __name__ == "__main__":
    whole = OPERATOR.read_text(encoding="utf-8")
    OPERATOR.write_text(whole.replace(between(OPERATOR, "keys"), keys()), encoding="utf-8")
