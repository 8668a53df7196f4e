"""A screen's process with nothing but a line in it, for tests that kill it: `python -m tests.phone.screen`.

Standard input: the settings (JSON) on the first line, then "answer OFFER" lines. Standard output: one event (JSON) a
line. It acknowledges nothing, as a desk does that dies before its commit.
"""

from __future__ import annotations

import sys

import msgspec

from tests.phone.desk import KEY
from workstation.domain.hlc import SystemClock
from workstation.phone import wire
from workstation.phone.line import Line
from workstation.phone.settings import PhoneSettings


def main() -> None:
    settings = msgspec.json.decode(sys.stdin.readline(), type=PhoneSettings)

    def tell(event: wire.Event) -> None:
        sys.stdout.write(wire.pack(event).decode() + "\n")
        sys.stdout.flush()

    line = Line(settings, KEY, clock=SystemClock(), on_event=tell)
    line.start()
    for words in sys.stdin:
        if words.startswith("answer "):
            line.answer(bytes.fromhex(words.split()[1]))
    line.stop()


if __name__ == "__main__":
    main()
