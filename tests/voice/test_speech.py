"""The real voice in its real process; and processes that hang, crash and talk nonsense."""

from __future__ import annotations

import os
import sys
import wave
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
import soxr

from tests.waiting import wait_until
from workstation.demo.speech import RATE, Pcm, correlation, speech
from workstation.voice.speech import Speech, SpeechFailed

WORDS = "Ada panggilan baru dari Batu Merah. Dua panggilan menunggu."
REAL = "from workstation.voice.child import main; main()"


@contextmanager
def speaking(**choices: object) -> Iterator[Speech]:
    voice = Speech(**choices)  # type: ignore[arg-type]
    try:
        yield voice
    finally:
        voice.close()


def script(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "child.py"
    file.write_text(text)
    return [sys.executable, str(file)]


def _pcm(path: Path) -> Pcm:
    with closing(wave.open(str(path), "rb")) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        return np.asarray(soxr.resample(pcm, file.getframerate(), RATE), np.int16)


def test_text_is_spoken_in_indonesian(tmp_path: Path) -> None:
    with speaking(words_a_minute=160) as voice:
        file = voice.speak(WORDS, tmp_path / "said.wav").result(20)
        english = voice.speak("Two calls are waiting.", tmp_path / "other.wav").result(20)
    # The same engine called directly says the same; another voice, text or nothing would not.
    assert correlation(speech(WORDS, words_a_minute=160), _pcm(file)) > 0.9
    assert correlation(speech(WORDS, "gmw/en", words_a_minute=160), _pcm(file)) < 0.6
    assert correlation(speech(WORDS, words_a_minute=160), _pcm(english)) < 0.5
    assert not list(tmp_path.glob("*.part"))


def test_texts_asked_for_at_once_are_all_spoken(tmp_path: Path) -> None:
    with speaking() as voice:
        asked = [voice.speak(f"Panggilan nomor {n}.", tmp_path / f"{n}.wav") for n in range(3)]
        files = [future.result(20) for future in asked]
    assert len({_pcm(file).tobytes() for file in files}) == 3


def test_a_voice_that_is_not_there_names_the_remedy(tmp_path: Path) -> None:
    with speaking(voice="xx/klingon") as voice, pytest.raises(SpeechFailed, match=r"xx/klingon is not on .*espeak-ng"):
        voice.speak(WORDS, tmp_path / "said.wav").result(20)


def test_an_engine_that_is_not_there_names_the_remedy(tmp_path: Path) -> None:
    without = f"import sys; sys.modules['pyttsx3'] = None\n{REAL}"
    command = [sys.executable, "-c", without]
    with speaking(command=command) as voice, pytest.raises(SpeechFailed, match=r"no speech engine .*espeak-ng"):
        voice.speak(WORDS, tmp_path / "said.wav").result(20)


HANGS_ONCE = f"""
import os, pathlib, signal
mark = pathlib.Path(__file__).with_suffix(".hung")
if not mark.exists():
    mark.write_text(str(os.getpid()))
    signal.pause()
import sys; sys.path.insert(0, os.getcwd())
{REAL}
"""


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_hang_is_ended_and_tried_again(tmp_path: Path) -> None:
    with speaking(command=script(tmp_path, HANGS_ONCE), deadline_s=20.0) as voice:
        file = voice.speak(WORDS, tmp_path / "said.wav").result(60)
        assert len(_pcm(file)) > RATE
        assert _gone(int((tmp_path / "child.hung").read_text())), "the process that hung is ended"


def test_a_second_hang_is_an_error_and_leaves_nothing_running(tmp_path: Path) -> None:
    hangs = "import os, signal\nprint(os.getpid(), file=open(__file__ + '.pids', 'a'), flush=True)\nsignal.pause()"
    with speaking(command=script(tmp_path, hangs), deadline_s=5.0) as voice:
        with pytest.raises(SpeechFailed, match="does not answer"):
            voice.speak(WORDS, tmp_path / "said.wav").result(30)
        pids = [int(pid) for pid in (tmp_path / "child.py.pids").read_text().split()]
        assert len(pids) == 2
        assert all(_gone(pid) for pid in pids)


def test_closing_ends_what_is_being_spoken(tmp_path: Path) -> None:
    hangs = "import os, pathlib, signal\npathlib.Path(__file__ + '.pid').write_text(str(os.getpid()))\nsignal.pause()"
    voice = Speech(command=script(tmp_path, hangs), deadline_s=60.0)
    future = voice.speak(WORDS, tmp_path / "said.wav")
    mark = tmp_path / "child.py.pid"
    wait_until(lambda: mark.exists() and mark.read_text(), 10.0, what="it hangs")
    voice.close()
    voice.close()
    assert future.exception(5) is not None
    assert _gone(int(mark.read_text()))


@pytest.mark.parametrize("text", ["", "   \n"])
def test_nothing_to_say_is_an_error_without_a_process(tmp_path: Path, text: str) -> None:
    with speaking(command=["/nonexistent"]) as voice, pytest.raises(SpeechFailed, match="no text"):
        voice.speak(text, tmp_path / "said.wav").result(5)


@pytest.mark.parametrize("answer", ["", "print('[]')", "print('{')", "raise SystemExit(3)"])
def test_a_process_that_answers_nonsense_is_an_error(tmp_path: Path, answer: str) -> None:
    with (
        speaking(command=script(tmp_path, "input()\n" + answer)) as voice,
        pytest.raises(SpeechFailed, match="without an answer"),
    ):
        voice.speak(WORDS, tmp_path / "said.wav").result(10)


def test_a_program_that_can_not_be_started_is_an_error(tmp_path: Path) -> None:
    with (
        speaking(command=["/nonexistent/tahuri"]) as voice,
        pytest.raises(SpeechFailed, match="can't be started"),
    ):
        voice.speak(WORDS, tmp_path / "said.wav").result(5)


TELLS_ITS_COMMAND = f"""
import os, pathlib, sys
mark = pathlib.Path(__file__).with_suffix(".argv")
mark.write_bytes(pathlib.Path("/proc/self/cmdline").read_bytes() + repr(dict(os.environ)).encode())
sys.path.insert(0, os.getcwd())
{REAL}
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
def test_what_is_spoken_is_on_no_command_line(tmp_path: Path) -> None:
    """Nor in the environment: both can be read by everybody at the machine."""
    with speaking(command=script(tmp_path, TELLS_ITS_COMMAND)) as voice:
        voice.speak(WORDS, tmp_path / "said.wav").result(60)
    told = (tmp_path / "child.argv").read_bytes()
    assert b"child.py" in told
    assert not [word for word in ("panggilan", "menunggu", "Batu Merah") if word.encode() in told]
