"""The sound of a call: RTP in and out on a thread of its own, G.711, adaptive playout with concealment.

What the call signalling uses, and all it uses:

    session = MediaSession(local_host, clock)    # binds RTP on an even UDP port, RTCP on the next; OSError if it can't
    session.port                                 # what goes into our SDP (m=audio)
    session.start(host, port, 8, audio)          # where the peer's SDP listens; 8 = PCMA, 0 = PCMU; audio of
    `open_audio`
                                                 # again after a re-INVITE: the peer may have moved, the thread goes on
    session.set_direction(send=True, recv=True)  # hold: recvonly/sendonly/inactive of the SDP as seen from here
    session.mute(on)                             # sends G.711 silence, never nothing
    session.levels()                             # (rx, tx): 0..1, of about the last 100 ms
    session.stats()                              # `Stats`: counters and delays, for the journal and the tests
    session.stop()                               # idempotent; ends the thread, closes the ports, gives the audio back

`payload_type` is the number agreed for the voice, `events=101` (keyword) the number of telephone-event (RFC 4733),
None if not offered. All methods may be called from any thread, none blocks longer than a few milliseconds (`stop` at
most 0.5 s).
"""

from __future__ import annotations

from .session import MediaSession, Sound, Stats

__all__ = ["MediaSession", "Sound", "Stats"]
