"""The real exchange and the sound server for the frozen desk."""

from tests.peers.fixtures import pbx, sound

__all__ = ["pbx", "sound"]
