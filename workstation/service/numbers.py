"""Numbers read: E.164 and what kind of caller shows such a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

REGION = "ID"
# Emergency numbers a handset may have dialled; they are never someone's own number.
DIALLED_EMERGENCY = frozenset({"112", "911", "110", "113", "115", "118", "119", "129", "999", "000"})
WITHHELD = frozenset({"", "anonymous", "unavailable", "restricted", "withheld", "private", "unknown"})


class Caller(Struct, frozen=True):
    """A number read: `e164` is "" where it cannot be called back; `identity` as in the op `offer.rang`."""

    e164: str
    identity: str


def read_number(number: str, region: str = REGION) -> Caller:
    """Say what kind of number this is (mobile, landline, foreign, no_sim, withheld, unknown), and its E.164."""
    # Loaded with the first number: its tables would hold back the first frame.
    import phonenumbers

    bare = number.strip()
    if bare.lower() in WITHHELD:
        return Caller("", "withheld")
    digits = "".join(c for c in bare if c.isdigit())
    if digits in DIALLED_EMERGENCY or (digits == bare and _is_imei(digits)):
        # A handset without a SIM shows the emergency number as its own, or its IMEI (3GPP TS 24.229, 5.1.6).
        return Caller("", "no_sim")
    try:
        parsed = phonenumbers.parse(bare, region)
    except phonenumbers.NumberParseException:
        return Caller("", "unknown")
    if not phonenumbers.is_possible_number(parsed):
        return Caller("", "unknown")
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    if parsed.country_code != phonenumbers.country_code_for_region(region):
        return Caller(e164, "foreign")
    return Caller(e164, _national(parsed, region))


def _national(parsed: PhoneNumber, region: str) -> str:
    import phonenumbers

    kind = phonenumbers.number_type(parsed)
    if kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE):
        return "mobile"
    if kind == phonenumbers.PhoneNumberType.FIXED_LINE:
        return "landline"
    # A new block the library's tables do not have yet: in Indonesia all mobile numbers, and no others, begin with 8.
    if region == "ID" and kind == phonenumbers.PhoneNumberType.UNKNOWN:
        return "mobile" if str(parsed.national_number).startswith("8") else "landline"
    return "unknown"


def _is_imei(digits: str) -> bool:
    """15 digits whose last is the Luhn check digit (3GPP TS 23.003, 6.2); 16 with the software version in its place."""
    if len(digits) not in (15, 16) or digits.startswith("0"):
        return False
    doubled = [int(d) * (1 + place % 2) for place, d in enumerate(digits[:15])]
    return len(digits) == 16 or sum(d // 10 + d % 10 for d in doubled) % 10 == 0
