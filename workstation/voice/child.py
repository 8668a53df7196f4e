"""The speech process: one request on stdin, one WAV file, one answer on stdout, and it ends.

Started by `workstation.voice.speech`. Text travels by stdin, not by argument: what is read aloud may be about a person.
Request and answer are one line of JSON each: {"text", "file", "voice", "words_a_minute"} -> {"ok": true} or
{"error": a Sentence}.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import sys
import wave
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from workstation.domain.sentence import Sentence, say

#: If whoever started us is gone and can't end us, we end ourselves.
_LAST_RESORT_S = 60


class _Refused(Exception):
    """No speech; `sentence` says why and what to do."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence


def main() -> int:
    """Do the one request; 0 when the file is there."""
    faulthandler.dump_traceback_later(_LAST_RESORT_S, exit=True)
    answer: dict[str, object]
    # What the library prints must not be taken for the answer.
    with contextlib.redirect_stdout(sys.stderr):
        try:
            request = json.loads(sys.stdin.readline())
            _speak(request["text"], Path(request["file"]), request["voice"], int(request["words_a_minute"]))
            answer = {"ok": True}
        except _Refused as reason:
            answer = {"error": to_builtins(reason.sentence)}
        except Exception as error:
            answer = {"error": to_builtins(say("voice.failed", error=f"{type(error).__name__}: {error}"))}
    print(json.dumps(answer), flush=True)
    # Not through the interpreter's end: the library's own threads and destructors are where it hangs.
    os._exit(0 if "ok" in answer else 1)


def _speak(text: str, file: Path, voice: str, words_a_minute: int) -> None:
    engine = _engine()
    chosen = _voice(engine, voice)
    engine.setProperty("voice", chosen)
    engine.setProperty("rate", words_a_minute)
    part = file.with_name(file.name + ".part")
    engine.save_to_file(text, str(part))
    if sys.platform == "win32":
        engine.runAndWait()
    else:
        # Over espeak-ng `runAndWait` queues its own end behind the text, and at times cuts the voice off or returns
        # before the file is there. The loop alone ends when the voice has said that it is done and the file is closed.
        engine.startLoop()
    if not part.exists() or _frames(part) == 0:
        part.unlink(missing_ok=True)
        raise _Refused(say("voice.no_sound"))
    part.replace(file)


def _engine() -> Any:
    try:
        import pyttsx3

        return pyttsx3.init("sapi5" if sys.platform == "win32" else "espeak")
    except (ImportError, OSError, RuntimeError) as error:
        raise _Refused(say("voice.no_engine", error=str(error))) from None


def _voice(engine: Any, wanted: str) -> str:
    """The voice's own id: on Windows the installed voices have long ones of their own, told apart by language."""
    there = [str(voice.id) for voice in engine.getProperty("voices")]
    if wanted in there:
        return wanted
    language = wanted.rpartition("/")[2]
    for voice in engine.getProperty("voices"):
        spoken = [each.decode(errors="replace") if isinstance(each, bytes) else str(each) for each in voice.languages]
        if any(each.strip("\x05").casefold().startswith(language) for each in spoken):
            return str(voice.id)
    raise _Refused(say("voice.no_voice", voice=wanted))


def _frames(path: Path) -> int:
    with contextlib.suppress(wave.Error, EOFError), contextlib.closing(wave.open(str(path), "rb")) as file:
        return file.getnframes()
    return 0


if __name__ == "__main__":
    main()
