"""A sound server of the test's own: PulseAudio with a headset, a loudspeaker and a microphone that exist only in
memory.

`norewinds=1` on each null sink is not optional: without it a stream through ALSA gets its first callback after two
seconds, in bursts.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

from workstation.demo.process import PeerFailed, Running, program, running
from workstation.demo.waiting import wait_until

Pcm = npt.NDArray[np.int16]
RATE = 48_000


class Tap:
    """A recording under way; `stop()` gives what was heard. `pcm()` looks without stopping."""

    def __init__(self, process: Running, file: Path, rate: int) -> None:
        self.process, self.file, self.rate = process, file, rate

    def pcm(self) -> Pcm:
        """What was recorded so far: one channel, int16, at `rate`."""
        raw = self.file.read_bytes() if self.file.exists() else b""
        return np.frombuffer(raw[: len(raw) // 2 * 2], np.int16)


class PulseServer:
    """A running sound server. `environment` is what a program needs to use it and to see its devices by name through
    PortAudio.
    """

    def __init__(self, folder: Path, process: Running, sinks: Sequence[str]) -> None:
        self.folder, self.process, self.sinks = folder, process, tuple(sinks)
        self.address = f"unix:{folder}/socket"
        self.environment = {
            "PULSE_SERVER": self.address,
            "XDG_RUNTIME_DIR": str(folder),
            "HOME": str(folder),
            "ALSA_CONFIG_PATH": str(folder / "asoundrc"),
        }
        self._taps = 0

    def ask(self, *words: str) -> str:
        """What `pactl` answers."""
        done = subprocess.run(
            [program("pactl"), *words],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=10,
        )
        if done.returncode:
            raise PeerFailed(f"pactl {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    @contextlib.contextmanager
    def record(self, source: str = "headset.monitor", rate: int = 8000) -> Iterator[Tap]:
        """Record `source` while the block runs: what comes out of a sink is its `.monitor`."""
        self._taps += 1
        file = self.folder / f"tap-{self._taps}.raw"
        with file.open("wb") as out:
            arguments = [
                "--device",
                source,
                "--format=s16le",
                "--channels=1",
                f"--rate={rate}",
                "--latency-msec=50",
                "--raw",
            ]
            process = subprocess.Popen(
                [program("parec"), *arguments],
                stdout=out,
                stderr=subprocess.PIPE,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
            child = Running("parec", process, self.folder / "parec.log")
            try:
                child.ready(lambda: file.stat().st_size > 0, 5.0, f"records {source}")
                yield Tap(child, file, rate)
            finally:
                child.stop()
                if process.stderr is not None:
                    process.stderr.close()

    @contextlib.contextmanager
    def play(self, pcm: Pcm, sink: str = "mic", rate: int = 8000) -> Iterator[Running]:
        """Play into `sink` while the block runs (`mic` is what the microphone hears); `ended()` tells when it is
        through.
        """
        self._taps += 1
        file = self.folder / f"play-{self._taps}.raw"
        file.write_bytes(np.asarray(pcm, np.int16).tobytes())
        arguments = [
            "--playback",
            "--device",
            sink,
            "--format=s16le",
            "--channels=1",
            f"--rate={rate}",
            "--latency-msec=100",
            "--raw",
            str(file),
        ]
        with running("pacat", arguments, self.folder, environment=self.environment) as child:
            yield child

    def unload(self, sink: str) -> None:
        """Pull the plug: the sink is gone."""
        for line in self.ask("list", "short", "modules").splitlines():
            if re.search(rf"sink_name={re.escape(sink)}\b", line):
                self.ask("unload-module", line.split()[0])


def _asoundrc(sinks: Sequence[str]) -> str:
    """ALSA's whole configuration: one named device per role and nothing of the machine's own, so that PortAudio
    lists exactly these.
    """
    lines = [
        f'pcm.{sink} {{ type pulse device "{sink}" hint {{ show on description "{sink}" }} }}'
        for sink in sinks
        if sink != "mic"
    ]
    lines.append('pcm.microphone { type pulse device "microphone" hint { show on description "microphone" } }')
    return "\n".join([*lines, "pcm.!default { type pulse }", "ctl.!default { type pulse }", ""])


@contextlib.contextmanager
def pulse(sinks: Sequence[str] = ("headset", "loudspeaker")) -> Iterator[PulseServer]:
    """A PulseAudio with `sinks` (first = default), a sink `mic` to play the operator's voice into, and a source
    `microphone` that hears it.

    Raises PeerMissing where pulseaudio or pulseaudio-utils is not installed.
    """
    for tool in ("pactl", "parec", "pacat"):
        program(tool)
    # Not pytest's folder: the path of a Unix socket ends at 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="tahuri-sound-"))
    try:
        modules = [f"-Lmodule-native-protocol-unix auth-anonymous=1 socket={folder}/socket"]
        modules += [
            f"-Lmodule-null-sink sink_name={sink} rate={RATE} channels=1 norewinds=1" for sink in (*sinks, "mic")
        ]
        modules.append("-Lmodule-remap-source master=mic.monitor source_name=microphone remix=no")
        (folder / "asoundrc").write_text(_asoundrc((*sinks, "mic")))
        arguments = [
            "-n",
            "--daemonize=no",
            "--exit-idle-time=-1",
            "--use-pid-file=no",
            "--high-priority=yes",
            "--realtime=yes",
            "--log-level=warn",
            *modules,
        ]
        environment = {
            "XDG_RUNTIME_DIR": str(folder),
            "HOME": str(folder),
            "PULSE_COOKIE": str(folder / "cookie"),
            "PULSE_SERVER": "",
        }
        with running("pulseaudio", arguments, folder, environment=environment) as process:
            server = PulseServer(folder, process, sinks)
            process.ready(lambda: _knows(server), 10.0, "knows its devices")
            server.ask("set-default-sink", sinks[0])
            server.ask("set-default-source", "microphone")
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _knows(server: PulseServer) -> bool:
    with contextlib.suppress(PeerFailed):
        return "microphone" in server.ask("list", "short", "sources")
    return False


def wait_heard(tap: Tap, seconds: float, deadline_s: float = 30.0) -> Pcm:
    """Wait until `tap` holds that many seconds of sound (silence counts), then give it."""
    wait_until(lambda: len(tap.pcm()) >= seconds * tap.rate, deadline_s, what=f"{seconds} s recorded")
    return tap.pcm()


def to_rate(pcm: Pcm, rate_in: int, rate_out: int) -> Pcm:
    """Resampled, for comparing recordings."""
    return np.asarray(soxr.resample(pcm, rate_in, rate_out), dtype=np.int16)


def level(pcm: Pcm) -> float:
    """Root mean square, 0..1 of full scale."""
    return float(np.sqrt(np.mean(np.square(pcm.astype(np.float64))))) / 32768.0 if len(pcm) else 0.0
