"""The other ends of the wire, all real: a registrar (Kamailio), a caller (SIPp), a sound server (PulseAudio), a
voice (espeak-ng).

Each is a context manager that waits until its program answers, ends it by its own pid, and fails loudly where the
program is not installed; `fixtures` wraps them for pytest. Everything listens on loopback and on ports found free.
"""
