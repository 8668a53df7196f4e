"""A desk that is not ours: baresip registers at the test's PBX, answers by itself and plays speech."""

from __future__ import annotations

import contextlib
import signal
import wave
from collections.abc import Iterator
from pathlib import Path

from tests.peers.registrar import Pbx
from tests.peers.rtp import Pcm
from workstation.demo.process import PACKAGES, Running, free_port, running

PACKAGES["baresip"] = "baresip-core"

_CONFIG = """net_interface 127.0.0.1
sip_listen 127.0.0.1:{sip}
audio_source aufile,{wav}
audio_player aubridge,ear
audio_alert aubridge,alert
module_path {modules}
module g711.so
module account.so
module aufile.so
module aubridge.so
module sndfile.so
module menu.so
snd_path {folder}
"""


def write_wav(path: Path, pcm: Pcm, rate: int = 8000) -> Path:
    """One channel of int16 as a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.tobytes())
    return path


@contextlib.contextmanager
def baresip(
    pbx: Pbx, run_dir: Path, user: str, secret: str, speech: Pcm, *, deadline_s: float = 10.0
) -> Iterator[Running]:
    """A foreign desk signed on as `user`; it answers every call at once and plays `speech`. Raises PeerMissing,
    PeerFailed.
    """
    folder = run_dir / f"baresip-{user}"
    folder.mkdir(parents=True, exist_ok=True)
    modules = next(
        (
            str(place)
            for place in [*Path("/usr/lib").glob("*/baresip/modules"), Path("/usr/lib/baresip/modules")]
            if place.exists()
        ),
        "",
    )
    wav = write_wav(folder / "speech.wav", speech)
    (folder / "config").write_text(_CONFIG.format(sip=free_port(), wav=wav, folder=folder, modules=modules))
    (folder / "contacts").write_text("")
    (folder / "accounts").write_text(
        f'<sip:{user}@{pbx.domain};transport=udp>;auth_pass={secret};outbound="sip:{pbx.host}:{pbx.port};transport=udp";answermode=auto;audio_codecs=pcma;regint=60\n'
    )
    with running("baresip", ["-f", str(folder)], folder, ask=signal.SIGKILL) as process:
        process.ready(
            lambda: "registered successfully" in process.said() or "200 OK" in process.said(),
            deadline_s,
            "is registered",
        )
        yield process
