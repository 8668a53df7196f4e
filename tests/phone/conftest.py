from tests.peers.fixtures import pbx, sound

__all__ = ["pbx", "sound"]
