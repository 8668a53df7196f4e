"""One line of the form: what stands in it is never covered by the tag at its right end."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from ui.intake.lines import FieldLine
from ui.theme import Theme


@pytest.mark.promise("U3")
@pytest.mark.parametrize("tag", ["", "layar", "display", "from the caller's display"])
@pytest.mark.parametrize("icon", ["", "tick"])
@pytest.mark.parametrize("wide", [120, 160, 196, 360])
def test_a_tag_gives_way_to_what_stands_in_the_field(
    theme: Theme, qtbot: QtBot, tag: str, icon: str, wide: int
) -> None:
    line = FieldLine(theme, "callback", "form.callback")
    qtbot.addWidget(line)
    line.setFixedWidth(wide)
    line.show()
    line.tag(tag, icon)
    line.setText("0812 0000 4417")
    text = line.fontMetrics().horizontalAdvance(line.text())
    taken = line.textMargins().right()
    assert text + taken + 2 * theme.px(8) <= wide or taken == 0
    if wide == 360:
        assert taken >= theme.width(tag, "minor_strong")
