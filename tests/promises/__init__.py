"""Which promises of `docs/promises.md` have a test that would fail without them."""

from __future__ import annotations

import contextlib
import io
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "promises.md"
_LINE = re.compile(r"^- \*\*([A-Z]\d+)\*\* \S", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Promises:
    """The list and what the collected tests say about it; `unknown` names markers of promises nobody made."""

    promised: tuple[str, ...]
    tests: dict[str, tuple[str, ...]]

    @property
    def missing(self) -> list[str]:
        return [number for number in self.promised if number not in self.tests]

    @property
    def unknown(self) -> list[str]:
        return sorted(self.tests.keys() - set(self.promised))


class _Markers:
    """A pytest plugin that notes which test carries which promise."""

    def __init__(self) -> None:
        self.tests: dict[str, list[str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            for marker in item.iter_markers("promise"):
                for number in marker.args:
                    self.tests.setdefault(str(number), []).append(item.nodeid)


def promised(page: Path = PAGE) -> tuple[str, ...]:
    """The numbers listed on the page, in its order. Raises ValueError where one stands twice."""
    numbers = tuple(_LINE.findall(page.read_text(encoding="utf-8")))
    twice = {number for number in numbers if numbers.count(number) > 1}
    if twice:
        raise ValueError(f"listed twice in {page.name}: {', '.join(sorted(twice))}")
    return numbers


def collect(page: Path = PAGE, tests: Path | None = None) -> Promises:
    """The promises of `page` and the tests below `tests` that carry them.

    Raises RuntimeError with pytest's own words where the tests can't be collected: an unread test proves nothing.
    """
    markers = _Markers()
    folder = tests or PAGE.parents[1] / "tests"
    words = io.StringIO()
    with contextlib.redirect_stdout(words), contextlib.redirect_stderr(words):
        code = pytest.main(["--collect-only", "-qq", str(folder)], plugins=[markers])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise RuntimeError(f"the tests could not be collected:\n{words.getvalue()[-3000:]}")
    return Promises(promised(page), {number: tuple(names) for number, names in markers.tests.items()})
