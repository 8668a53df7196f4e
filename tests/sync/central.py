"""The central hub for the tests: a process that has joined the sites it serves, by IT's command."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from typing import Any

from tests.store.sites import SITE_KEY
from tests.sync.hubs import HubProcess
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds
from workstation.site import Signatory, invite


def command(*words: object, typed: str = "") -> dict[str, Any]:
    """One command of the hub's; what it said last."""
    line = [sys.executable, "-m", "sync.hub", *map(str, words), "--json"]
    done = subprocess.run(line, input=typed, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


class Central(HubProcess):
    """A hub that founded no site of its own."""

    def found(self) -> None:
        return

    def joins(self, site: HubProcess) -> None:
        """Become a device of that site, with a code made there."""
        assert site.process is None, "its hub is stopped while IT invites"
        clock, ids = SystemClock(), SystemIds()
        with closing(site.opened()) as log:
            public = log.trust().rosters[site.site].key
            _, code = invite(log, "Pusat", "hub", Signatory(SITE_KEY), public, ids, clock.now_ms())
        site.start()
        said = command(
            "join",
            "--store",
            f"sqlite:///{self.store}",
            "--site",
            "pusat",
            "--of",
            site.site,
            "--url",
            site.url,
            typed=code.text + "\n",
        )
        assert said["joined"] == site.site
        site.stop()
