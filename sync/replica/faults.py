"""What can be wrong with the wire, and the one sentence an operator reads about it."""

from __future__ import annotations

from typing import Final

from sync import protocol

DOWN: Final = "Hub tidak terjangkau; meja tetap bekerja, periksa kabel jaringan atau beri tahu IT."
STRANGE: Final = "Jawaban hub tidak dapat dibaca; beri tahu IT untuk memeriksa alamat hub."
UNTRUSTED: Final = "Sertifikat hub tidak dipercaya; minta IT memeriksa hub.ca_file dan alamat hub."
BROKEN: Final = "Sinkronisasi meja ini terganggu dan diulang terus; beri tahu IT bila tidak pulih dalam 5 menit."
OFF: Final = "Belum ada hub; meja bekerja sendiri, IT dapat mengisi alamat hub di pengaturan."
_SENTENCES: Final = {
    400: "Hub tidak mengerti meja ini; minta IT memperbarui program di meja dan di hub.",
    401: "Hub menolak token meja ini; minta IT memasang token lokasi yang benar.",
    403: "Hub menolak meja ini; minta IT mendaftarkannya di hub.",
    404: "Alamat hub salah; minta IT memeriksa alamat hub di pengaturan.",
    409: "Riwayat meja ini berbeda dari yang ada di hub; segera beri tahu IT, jangan memasang ulang meja ini.",
    413: "Hub menolak satu catatan karena terlalu besar; beri tahu IT, catatan itu tetap ada di meja ini.",
    426: "Versi program di meja dan di hub berbeda; minta IT memperbarui yang lebih lama.",
    429: "Hub sedang sibuk; meja akan mencoba lagi, tidak perlu tindakan.",
    503: "Hub sedang sibuk; meja akan mencoba lagi, tidak perlu tindakan.",
}
_TROUBLED: Final = "Hub sedang terganggu; catatan aman di meja ini, beri tahu IT bila tidak pulih dalam 5 menit."
_NEED_A_PERSON: Final = frozenset({400, 401, 403, 404, 409, 413, 426})


class LinkFault(Exception):
    """Any reason why an exchange with the peer did not come to its end. `state` and `sentence` are for `LinkStatus`."""

    state = "down"
    sentence = DOWN
    retry_after_s: float | None = None


class LinkDown(LinkFault):
    """No usable answer: refused connection, silence, reset, or bytes that are no answer of ours."""


class Strange(LinkFault):
    """An answer that can't be read, or ops that can't be taken: waiting alone won't cure it."""

    state = "refused"
    sentence = STRANGE


class Untrusted(LinkFault):
    """The peer shows no certificate of the authority we trust, or that authority's file can't be read."""

    state = "refused"
    sentence = UNTRUSTED


class Refused(LinkFault):
    """The peer answered with an error: HTTP `status`, what it said, and how long it asks to be left alone."""

    def __init__(self, status: int, said: protocol.Refusal, retry_after_s: float | None = None) -> None:
        super().__init__(f"HTTP {status} {said.error}: {said.sentence}"[:500])
        self.status = status
        self.said = said
        self.retry_after_s = retry_after_s
        self.state = "refused" if status in _NEED_A_PERSON else "down"
        self.sentence = _SENTENCES.get(status, _TROUBLED)
