"""Where files live on this machine: settings layers, the data folder (0700) and what lies in it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from msgspec import Struct

NAME = "tahuri"


class Layers(Struct, frozen=True):
    """The settings files by rank; a later one stands over an earlier one."""

    user: Path
    machine: Path
    policy: Path

    def by_rank(self) -> tuple[tuple[str, Path], ...]:
        """Name and path of each layer, the weakest first."""
        return (("user", self.user), ("machine", self.machine), ("policy", self.policy))


def layers() -> Layers:
    """Give the settings files of this machine: policy over machine over user."""
    if sys.platform == "win32":
        shared = Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "Tahuri"
        own = Path(os.environ.get("APPDATA", Path.home())) / "Tahuri"
    else:
        shared = Path("/etc") / NAME
        own = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / NAME
    return Layers(own / "settings.toml", shared / "settings.toml", shared / "policy.toml")


def data_folder() -> Path:
    """Give the folder of the desk's own files when the settings name none."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "Tahuri"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / NAME


class Places(Struct, frozen=True):
    """What lies in the data folder."""

    folder: Path

    @property
    def store(self) -> Path:
        return self.folder / "desk.db"

    @property
    def key(self) -> Path:
        """The store's key where no keyring answers; mode 0600."""
        return self.folder / "store.key"

    @property
    def outbox(self) -> Path:
        """What this desk wrote and the hub has not acknowledged, once more, where no other folder is named."""
        return self.folder / "desk.outbox"

    @property
    def copies(self) -> Path:
        """The nightly copies, where no other folder is named."""
        return self.folder / "copies"

    @property
    def journal(self) -> Path:
        """The engine's journal of offers not yet in the store."""
        return self.folder / "engine.journal"

    @property
    def crash(self) -> Path:
        return self.folder / "last-crash.txt"

    def make(self) -> Places:
        """Make the folder, for this user only; raises OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if sys.platform != "win32":
            self.folder.chmod(0o700)
        return self
