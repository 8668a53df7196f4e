"""Times, ages, distances and numbers as the screen writes them, in the language in force."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from ui.i18n import language, tr

WIT = timezone(timedelta(hours=9), "WIT")  # Ambon; no daylight saving
MINUS = "\N{MINUS SIGN}"


def clock(seconds: float) -> str:
    """A running clock: `0:47`, `21:40`, from one hour `4:17 j`; for a passed target see `past`."""
    whole = int(abs(seconds))
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d} {tr('unit.hour_short')}"
    return f"{whole // 60}:{whole % 60:02d}"


def past(seconds: float) -> str:
    """How far a target is passed, counting up: `+0:42`."""
    return f"+{clock(seconds)}"


def timer(seconds: float) -> str:
    """The strip's timer, two digits of minutes: `00:47`, `1:02:09`."""
    whole = max(0, int(seconds))
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 60:02d}:{whole % 60:02d}"


def age(seconds: float) -> str:
    """An age in words: `9 s`, `14 mnt`, `1 j 04`, from two days `3 h`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} {tr('unit.second')}"
    if whole < 3600:
        return f"{whole // 60} {tr('unit.minute')}"
    if whole < 48 * 3600:
        return f"{whole // 3600} {tr('unit.hour')} {whole % 3600 // 60:02d}"
    return f"{whole // 86400} {tr('unit.day')}"


def wall(ms: int, zone: tzinfo = WIT, seconds: bool = True) -> str:
    """Wall time of `ms` UTC in `zone`: `03:12:05` or `03:12`."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone).strftime("%H:%M:%S" if seconds else "%H:%M")


def day(ms: int, zone: tzinfo = WIT) -> str:
    """The date of `ms` UTC in `zone`: `22 Nov`, months in the language in force."""
    moment = datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone)
    return f"{moment.day} {tr(f'month.{moment.month}')}"


def number(value: float, digits: int = 0) -> str:
    """A number with the language's decimal mark and thousands: `1.234,5` or `1,234.5`."""
    text = f"{value:,.{digits}f}".replace("-", MINUS)
    return text if language() == "en" else text.translate(str.maketrans(",.", ".,"))


def distance(metres: float) -> str:
    return f"{number(metres)} m" if metres < 1000 else f"{number(metres / 1000, 1)} km"


def point(lat: float, lon: float) -> str:
    """A position as an operator reads it aloud: `−3,6853  128,2101`."""
    return f"{number(lat, 4)}  {number(lon, 4)}"


def phone(number: str) -> str:
    """A number in groups that can be read aloud: `0812 0000 4417`; anything that isn't digits is left as it came."""
    digits = number[1:] if number.startswith("+") else number
    if not digits.isascii() or not digits.isdigit() or len(digits) < 7:
        return plain(number)
    if number.startswith("+62"):
        digits = "0" + digits[2:]
    if number.startswith("+") and not number.startswith("+62"):
        return "+" + " ".join(digits[i : i + 4] for i in range(0, len(digits), 4))
    return " ".join([digits[:4], *(digits[i : i + 4] for i in range(4, len(digits), 4))])


def plain(text: str, limit: int = 200) -> str:
    """Text from outside, made safe to show on one line: control and direction-changing characters are dropped."""
    kept = "".join(c for c in text[: limit * 4] if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))
    return kept[:limit]
