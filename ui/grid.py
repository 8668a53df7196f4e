"""Where each zone of the window lies, on the grid of 4 px; at 1366x768 and 1920x1080 as in tokens.json."""

from __future__ import annotations

from msgspec import Struct
from PySide6.QtCore import QRect

GAP = 8
ROW, HEAD = 27, 27  # a row of the board and its head, px at 100 %


class Zones(Struct, frozen=True):
    """The zones of the desk's page. `columns`: 3, 2 (A and one column with tabs) or 1 (all as tabs)."""

    columns: int
    rail: QRect
    strip: QRect
    clocks: QRect
    ring: QRect
    status: QRect
    work: QRect  # everything between clocks and status, for a page with a call
    free: QRect  # the same without the clocks' zone, for a page without a call
    a: QRect
    b: QRect
    c: QRect
    board: QRect
    board_rows: int


def zones(width: int, height: int, scale: float = 1.0, banner: int = 0) -> Zones:
    """The zones of a window of `width` by `height` px with text at `scale`; `banner` px are taken over the work."""

    def px(measure: float) -> int:
        return round(measure * scale)

    columns = 3 if scale < 1.5 else 2 if scale < 1.75 else 1
    rail_w = px(68) if columns > 1 else 72
    strip_h, clocks_h, status_h = px(60), px(42), px(28)
    if columns == 1:
        strip_h, clocks_h, status_h = round(52 * scale), round(37 * scale), round(24 * scale)
    rest = width - rail_w
    top = strip_h + clocks_h + banner
    floor = height - status_h
    wide = width >= 1920
    rows = (10 if wide and height >= 1000 else 5) if scale == 1.0 else 4
    while rows > 1 and floor - GAP - (HEAD + px(ROW) * rows) - GAP - top - GAP < 436 * min(scale, 1.1) - banner:
        rows -= 1
    board_h = HEAD + px(ROW) * rows if columns == 3 else px(40) if columns == 2 else 0
    if rows == 10:
        board_h -= 1  # 296 on the large screen: the head gives up a pixel to stay on the grid of 4
    work_top = top + GAP
    work_bottom = floor - GAP - board_h - (GAP if board_h else 0)
    left, right = rail_w + GAP, width - GAP
    a_w, b_w = (580, 400) if wide and scale == 1.0 else (px(508), px(340))
    if columns == 3 and a_w + b_w + 260 > right - left:
        # Text at 125 % on a small screen: the columns share what there is, the map gives way first.
        share = right - left - 2 * GAP
        a_w, b_w = round(share * 0.5), round(share * 0.3)
    if columns == 2:
        a_w = round((right - left - GAP) * 0.61)
        b_w = right - left - GAP - a_w
    if columns == 1:
        a_w = right - left
    work_h = work_bottom - work_top
    a = QRect(left, work_top, a_w, work_h)
    b_left = left + a_w + GAP
    b = QRect(b_left, work_top, b_w, work_h) if columns > 1 else QRect(a)
    c_left = b_left + b_w + GAP
    c = QRect(c_left, work_top, right - c_left, work_h) if columns == 3 else QRect(b)
    board = QRect(left, floor - GAP - board_h, right - left, board_h)
    if columns == 2:
        board = QRect(b.left(), floor - GAP - board_h, b.width(), board_h)
        a.setHeight(floor - GAP - work_top)
    return Zones(
        columns=columns,
        rail=QRect(0, 0, rail_w, height),
        strip=QRect(rail_w, 0, rest, strip_h),
        clocks=QRect(rail_w, strip_h, rest, clocks_h),
        ring=QRect(rail_w, 0, rest, strip_h + clocks_h),
        status=QRect(rail_w, floor, rest, status_h),
        work=QRect(left, work_top, right - left, floor - GAP - work_top),
        free=QRect(left, strip_h + banner + GAP, right - left, floor - GAP - strip_h - banner - GAP),
        a=a,
        b=b,
        c=c,
        board=board,
        board_rows=rows,
    )
