"""Text to a WAV file, never blocking and never hanging: each text is spoken by a process that is ended when it takes
too long.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec

from workstation.domain.sentence import Sentence, say
from workstation.words import Spoken

log = logging.getLogger("tahuri.voice")

INDONESIAN = "poz/id"
LONGEST = 2000
_TRIES = 2
#: On Windows a process without this shows a console for a moment.
_NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)


class SpeechFailed(Spoken):
    """Nothing can be spoken; its sentence says why and what to do."""


class Speech:
    """One voice for the desk. Texts are spoken one after another on a thread of its own; `close` ends it.

    `command` starts the speech process; `deadline_s` is how long it may take for one text before it is ended and
    tried again.
    """

    def __init__(
        self,
        *,
        voice: str = INDONESIAN,
        words_a_minute: int = 150,
        deadline_s: float = 8.0,
        command: Sequence[str] | None = None,
    ) -> None:
        self._voice, self._words_a_minute, self._deadline_s = voice, words_a_minute, deadline_s
        self._command = tuple(command) if command is not None else _own_command()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="speech")
        self._process: subprocess.Popen[str] | None = None
        self._closed = False

    def speak(self, text: str, file: Path) -> Future[Path]:
        """`text` spoken into `file` (WAV, one channel, 16 bit); the future holds `file`, or SpeechFailed."""
        return self._thread.submit(self._speak, text, file)

    def close(self) -> None:
        """End what is being spoken, drop what waits. Twice is harmless."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _speak(self, text: str, file: Path) -> Path:
        words = " ".join(text.split())
        if not words:
            raise SpeechFailed(say("voice.nothing"))
        request = {
            "text": words[:LONGEST],
            "file": str(file),
            "voice": self._voice,
            "words_a_minute": self._words_a_minute,
        }
        for attempt in range(_TRIES):
            answer = self._ask(json.dumps(request))
            if answer is not None:
                return _judged(answer, file)
            if self._closed:
                break
            log.info("speech: attempt %d was ended after %.1f s", attempt + 1, self._deadline_s)
        raise SpeechFailed(say("voice.silent"))

    def _ask(self, request: str) -> str | None:
        """The process's answer, None when it hung and was ended."""
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                creationflags=_NO_WINDOW,
            )
        except OSError as error:
            raise SpeechFailed(say("voice.no_process", error=str(error))) from None
        with self._process as process:
            if self._closed:
                process.kill()
            try:
                return process.communicate(request + "\n", timeout=self._deadline_s)[0]
            except subprocess.TimeoutExpired:
                process.kill()
                return None
            finally:
                self._process = None


def _judged(answer: str, file: Path) -> Path:
    lines = answer.strip().splitlines()
    try:
        told = json.loads(lines[-1]) if lines else {}
    except ValueError:
        told = {}
    if isinstance(told, dict) and told.get("ok") is True:
        return file
    try:
        raise SpeechFailed(msgspec.convert(told["error"], Sentence))
    except (TypeError, KeyError, msgspec.ValidationError):
        raise SpeechFailed(say("voice.no_answer")) from None


def _own_command() -> tuple[str, ...]:
    """This program as the speech process: a subcommand when frozen, else the module."""
    if getattr(sys, "frozen", False):
        return (sys.executable, "voice-child")
    return (sys.executable, "-m", "workstation.voice.child")
