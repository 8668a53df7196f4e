"""Both laws, every octet and every sample, against the recommendation written down separately."""

from __future__ import annotations

import numpy as np
import pytest

from tests.peers import g711 as recommendation
from workstation.phone.engine.media.g711 import ALAW, CODECS, ULAW, Codec

EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)
EVERY_OCTET = bytes(range(256))


@pytest.mark.parametrize(
    ("codec", "decode"), [(ALAW, recommendation.alaw_decode), (ULAW, recommendation.ulaw_decode)], ids=["A", "mu"]
)
def test_every_octet_decodes_to_the_recommendations_figure(codec: Codec, decode: object) -> None:
    assert codec.decode(EVERY_OCTET).tolist() == [decode(octet) for octet in EVERY_OCTET]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("codec", "encode"), [(ALAW, recommendation.alaw_encode), (ULAW, recommendation.ulaw_encode)], ids=["A", "mu"]
)
def test_every_sample_encodes_to_the_recommendations_octet(codec: Codec, encode: object) -> None:
    assert codec.encode(EVERY_SAMPLE) == bytes(encode(int(sample)) for sample in EVERY_SAMPLE)  # type: ignore[operator]


@pytest.mark.parametrize("codec", CODECS.values(), ids=["A", "mu"])
def test_decoding_and_encoding_again_gives_the_same_octet(codec: Codec) -> None:
    again = codec.encode(codec.decode(EVERY_OCTET))
    # mu-law has two zeros; the negative one comes back as the positive.
    expected = bytes(0xFF if codec is ULAW and octet == 0x7F else octet for octet in EVERY_OCTET)
    assert again == expected


def test_the_silence_octet_is_no_louder_than_the_laws_smallest_step() -> None:
    assert abs(int(ALAW.decode(bytes([ALAW.silence]))[0])) == 8
    assert ULAW.decode(bytes([ULAW.silence]))[0] == 0
