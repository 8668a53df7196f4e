"""Between 8 and 48 kHz: what goes through, what does not, how late, and that pieces don't matter."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from workstation.phone.engine.media.rate import Down, Up

Pcm = npt.NDArray[np.int16]


def tone(hz: float, rate: int, seconds: float = 0.5) -> Pcm:
    return (10_000 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.int16)


def level_db(pcm: Pcm) -> float:
    """Of the middle, against the tone's own."""
    middle = pcm[len(pcm) // 4 : -len(pcm) // 4].astype(float)
    return float(20 * np.log10(np.sqrt(np.mean(middle**2)) / (10_000 / np.sqrt(2)) + 1e-9))


@pytest.mark.parametrize("hz", [100, 1000, 3000, 3400])
def test_the_voice_goes_through_at_its_level(hz: float) -> None:
    assert abs(level_db(Up().run(tone(hz, 8000)))) < 1.0
    assert abs(level_db(Down().run(tone(hz, 48_000)))) < 1.0


@pytest.mark.parametrize("hz", [4600, 7000, 9000, 12_000, 20_000])
def test_what_8_khz_can_not_hold_does_not_fold_back_into_the_voice(hz: float) -> None:
    assert level_db(Down().run(tone(hz, 48_000))) < -50


@pytest.mark.parametrize("hz", [300, 1000, 3000])
def test_no_image_of_the_voice_is_added_above_it(hz: float) -> None:
    pcm = Up().run(tone(hz, 8000))
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm))))
    above = spectrum[int(4600 / 48_000 * len(pcm)) :].max()
    assert 20 * np.log10(above / spectrum.max()) < -50


def test_there_and_back_is_four_milliseconds_late() -> None:
    click = np.zeros(800, np.int16)
    click[400] = 20_000
    back = Down().run(Up().run(click))
    assert abs(int(np.argmax(back)) - 400) <= 33


@pytest.mark.parametrize("size", [1, 7, 80, 441])
def test_pieces_do_not_matter(size: int) -> None:
    low, high = tone(440, 8000), tone(440, 48_000)
    up, down = Up(), Down()
    ups = np.concatenate([up.run(low[at : at + size]) for at in range(0, len(low), size)])
    downs = np.concatenate([down.run(high[at : at + size]) for at in range(0, len(high), size)])
    assert np.abs(ups.astype(int) - Up().run(low)).max() <= 1
    assert np.abs(downs.astype(int) - Down().run(high)).max() <= 1
    assert len(downs) == len(high) // 6
