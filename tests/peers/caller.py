"""Callers made by SIPp: they ring, speak, listen, give up."""

from __future__ import annotations

import contextlib
import re
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tests.peers import g711
from tests.peers.registrar import Pbx
from tests.peers.rtp import Pcm, Voice
from tests.waiting import wait_until
from workstation.demo.play import AGAIN
from workstation.demo.process import PeerFailed, Running, free_port, running

NUMBER = "+628114701122"
_SCENARIOS = Path(__file__).with_name("scenarios")


class Caller:
    """One SIPp at work. `voice` is its mouth and ear (None where SIPp plays by itself)."""

    def __init__(self, process: Running, voice: Voice | None, folder: Path, speech: Pcm) -> None:
        self.process, self.voice, self.folder, self.speech = process, voice, folder, speech

    def media(self) -> tuple[str, int] | None:
        """Where the desk that answered wants its RTP; None before the answer."""
        log = self.folder / "said.log"
        found = re.search(r"media (\S+) (\d+)", log.read_text(errors="replace")) if log.exists() else None
        return (found[1], int(found[2])) if found else None

    def answered(self, deadline_s: float = 10.0) -> tuple[str, int]:
        """Wait for the answer; from then on the caller speaks. Raises PeerFailed when the call ends unanswered."""
        host, port = self.process.ready(self.media, deadline_s, "is answered")  # type: ignore[misc]
        if self.voice is not None:
            self.voice.call(host, port)
        return host, port

    def wait_spoken(self, deadline_s: float = 30.0) -> None:
        """Wait until the whole speech has been sent."""
        assert self.voice is not None, "SIPp plays by itself and does not tell"
        wait_until(self.voice.spoken.is_set, deadline_s, what="the caller has spoken")

    def heard(self) -> Pcm:
        """What the caller has heard so far, 8 kHz."""
        return self.voice.heard() if self.voice is not None else np.zeros(0, np.int16)

    def wait_over(self, deadline_s: float = 30.0) -> None:
        """Wait until SIPp has ended; raises PeerFailed unless every message of the scenario came as expected."""
        code = wait_until(
            lambda: (self.process.ended(),) if self.process.ended() is not None else (),
            deadline_s,
            what="the call is over",
        )[0]
        if code != 0:
            raise PeerFailed(f"sipp ended with {code}: {self.messages()[-4000:]}")

    def messages(self) -> str:
        """Every SIP message SIPp sent and received, and its complaints."""
        return "".join(
            file.read_text(errors="replace")
            for file in (self.folder / "messages.log", self.folder / "errors.log")
            if file.exists()
        )


def _from(number: str | None, pbx: Pbx) -> str:
    if number is None:
        return '"Anonymous" <sip:anonymous@anonymous.invalid>'
    return f"<sip:{number}@{pbx.domain}>"


def _sdp(port: str) -> str:
    lines = [
        "v=0",
        "o=caller 1 1 IN IP4 [media_ip]",
        "s=-",
        "c=IN IP4 [media_ip]",
        "t=0 0",
        f"m=audio {port} RTP/AVP 8 0 101",
        "a=rtpmap:8 PCMA/8000",
    ]
    return "\n".join(
        [*lines, "a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=ptime:20"]
    )


def _headers(number: str | None, asserted: str | None, headers: Sequence[str]) -> str:
    own = [f"P-Asserted-Identity: <tel:{asserted}>"] if asserted else []
    if number is None:
        own.append("Privacy: id")
    return "\n".join([*own, *headers, "Resource-Priority: esnet.0"])


@contextlib.contextmanager
def sipp(
    pbx: Pbx,
    run_dir: Path,
    *,
    scenario: str = "call",
    to: str = "112",
    number: str | None = NUMBER,
    asserted: str | None = None,
    headers: Sequence[str] = (),
    speech: Pcm | None = None,
    listen: bool = True,
    talk_ms: int = 600_000,
    ring_ms: int = 500,
) -> Iterator[Caller]:
    """A caller by SIPp through `pbx` to `to`. `scenario`: "call" (rings, talks, hangs up after `talk_ms` unless the
    desk did) or "gives_up" (hangs up `ring_ms` after it began to ring).

    `number=None` calls anonymously; `asserted` is the P-Asserted-Identity of the operator's network; `headers` are
    added as they are. `listen=True`: RTP by `Voice`, which keeps what the caller hears; call `answered()` to let it
    speak. `listen=False`: SIPp plays `speech` itself (rtp_stream, again and again) and nothing is kept.
    """
    words = speech if speech is not None else np.zeros(0, np.int16)
    own = free_port()
    folder = run_dir / f"sipp-{own}"
    folder.mkdir(parents=True, exist_ok=True)
    play = "<nop/>"
    if not listen and len(words):
        (folder / "speech.al").write_bytes(g711.to_alaw(words))
        play = f'<nop><action><exec rtp_stream="{folder}/speech.al,{AGAIN},8"/></action></nop>'
    with contextlib.ExitStack() as stack:
        voice = Voice(words) if listen else None
        if voice is not None:
            stack.callback(voice.stop)
        fill = {
            "DOMAIN": pbx.domain,
            "FROM": _from(number, pbx),
            "HEADERS": _headers(number, asserted, headers),
            "SDP": _sdp(str(voice.port) if voice else "[rtpstream_audio_port]"),
            "PLAY": play,
            "TALK_MS": str(talk_ms),
            "RING_MS": str(ring_ms),
        }
        text = (_SCENARIOS / f"{scenario}.xml").read_text()
        for name, value in fill.items():
            text = text.replace(f"@{name}@", value)
        (folder / "scenario.xml").write_text(text)
        logs = "-trace_logs -log_file said.log -trace_msg -message_file messages.log -trace_err -error_file errors.log"
        local = f"-i {pbx.host} -p {own} -mi {pbx.host} -mp {free_port()} -cp {free_port()}"
        arguments = [
            f"{pbx.host}:{pbx.port}",
            *f"-sf scenario.xml -m 1 -nostdin -default_behaviors all,-abortunexp {local} {logs}".split(" "),
            "-s",
            to,
        ]
        # Asked politely it waits for its call to end by itself; a caller left over vanishes instead.
        process = stack.enter_context(running("sipp", arguments, folder, ask=signal.SIGKILL))
        yield Caller(process, voice, folder, words)
