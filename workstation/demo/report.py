"""Tells the steps of the demonstration: a line a step for a person, one JSON object a line for a machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from workstation.domain.hlc import Clock

STEPS = {
    "hub": "Server dan kabelnya hidup",
    "register": "Dua meja terdaftar di sentral telepon",
    "ring": "Penelepon menelepon, kedua meja berdering",
    "form": "Formulir terbuka dengan nomor dan waktu",
    "answer": "Meja 1 menjawab dengan F2",
    "audio": "Suara terdengar di kedua arah",
    "saved": "Isian ada di disk, terenkripsi",
    "synced": "Meja 2 melihat kejadian yang sama",
    "link_cut": "Kabel ke server diputus",
    "offline_edit": "Kedua meja tetap menulis",
    "link_back": "Kabel tersambung lagi",
    "converged": "Kedua meja dan server sama, nilai tandingan tampak",
    "hangup": "Telepon ditutup",
}


class Report:
    """Collects the steps in order; `ok` is False from the first that failed."""

    def __init__(self, clock: Clock, as_json: bool, out: TextIO = sys.stdout) -> None:
        self._clock = clock
        self._as_json = as_json
        self._out = out
        self.ok = True

    @contextmanager
    def step(self, name: str) -> Iterator[dict[str, Any]]:
        """Times one step; what the body puts into the yielded dict is told beside it. Raises what the body raises."""
        facts: dict[str, Any] = {}
        begun = self._clock.monotonic_s()
        try:
            yield facts
        except Exception as error:
            self.ok = False
            facts["error"] = str(error)
            raise
        finally:
            self._tell(name, "error" not in facts, round((self._clock.monotonic_s() - begun) * 1000), facts)

    def _tell(self, name: str, ok: bool, ms: int, facts: dict[str, Any]) -> None:
        if self._as_json:
            line = json.dumps({"step": name, "ok": ok, "ms": ms, **facts}, ensure_ascii=False)
        else:
            told = "".join(f" · {key} {value}" for key, value in facts.items())
            line = f"{'✓' if ok else '✗'} {STEPS[name]:<52} {ms:>6} ms{told}"
        print(line, file=self._out, flush=True)

    def close(self, screenshots: list[str], error: str = "") -> None:
        """The last line: whether every step held, and where the pictures are."""
        if self._as_json:
            last: dict[str, Any] = {"ok": self.ok, "screenshots": screenshots}
            if error:
                last["error"] = error
            print(json.dumps(last, ensure_ascii=False), file=self._out, flush=True)
            return
        verdict = "Semua langkah berhasil." if self.ok else f"Gagal: {error}"
        print(f"\n{verdict}\nGambar: {', '.join(screenshots) or 'tidak ada'}", file=self._out, flush=True)
