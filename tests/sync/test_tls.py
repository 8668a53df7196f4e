"""The wire between devices: TLS whose certificate is proved by the device's own key, whatever a clock says (S9)."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sync.replica.faults import UNTRUSTED
from sync.tls import Certificate, certificate_of, make_certificate, pinned
from tests.store.sites import SITE_KEY, found
from tests.sync.desks import Desk, until_in_step
from tests.sync.hubs import HubProcess, HubThread
from tests.waiting import wait_until
from workstation.domain.ids import SystemIds
from workstation.store import Store

WORD = "a word nobody keeps"


class Between:
    """Somebody on the wire who ends the TLS of both sides, and reads and passes on everything."""

    def __init__(self, hub: tuple[str, int], certificate: Certificate) -> None:
        self._hub, self._certificate = hub, certificate
        self.read = bytearray()
        self._visits: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Between:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._one, "127.0.0.1", 0, ssl=self._certificate.context)
        self.url = "https://{}:{}".format(*server.sockets[0].getsockname())
        self._ready.set()
        async with server:
            await self._stop.wait()
        if self._visits:  # cancelled in the middle of a handshake, Python 3.11 would leave a socket open
            await asyncio.wait(self._visits, timeout=5)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = asyncio.current_task()
        assert visit is not None
        self._visits.add(visit)
        visit.add_done_callback(self._visits.discard)
        believing = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        believing.check_hostname, believing.verify_mode = False, ssl.CERT_NONE
        hub_reader, hub_writer = await asyncio.open_connection(*self._hub, ssl=believing)
        try:
            with contextlib.suppress(OSError, ssl.SSLError):
                await asyncio.gather(self._pipe(reader, hub_writer), self._pipe(hub_reader, writer))
        finally:
            for each in (writer, hub_writer):
                each.close()

    async def _pipe(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while piece := await source.read(65_536):
            self.read += piece
            sink.write(piece)
            await sink.drain()
        sink.close()


@pytest.mark.promise("S9")
def test_a_desk_and_a_hub_meet_over_tls(log: Store, tmp_path: Path) -> None:
    with HubThread(log, certificate=make_certificate("AMB", WORD)) as hub, Desk(tmp_path, "AMB-1") as desk:
        assert hub.url.startswith("https:")
        desk.connect(hub.url)
        desk.open_incident("AMB-1-0001")
        until_in_step([desk])
        wait_until(lambda: log.vector() == desk.store.vector(), 10)


@pytest.mark.promise("S9")
def test_the_hub_as_it_is_started_speaks_tls(tmp_path: Path) -> None:
    with HubProcess(tmp_path, tls=True) as hub, Desk(tmp_path, "AMB-1") as desk:
        desk.connect(hub.url)
        desk.open_incident("AMB-1-0001")
        until_in_step([desk])
        hub.kill()
        hub.start()  # another certificate, as at each start: proved anew
        desk.disconnect()
        desk.connect(hub.url)
        desk.open_incident("AMB-1-0002")
        until_in_step([desk])


@pytest.mark.promise("S9")
@pytest.mark.expected_log("session ended")
def test_somebody_between_is_not_believed_by_a_desk_that_knows_the_hub(log: Store, tmp_path: Path) -> None:
    theirs = make_certificate("AMB", WORD)
    with (
        HubThread(log, certificate=make_certificate("AMB", WORD)) as hub,
        Between(hub.address, theirs) as between,
        Desk(tmp_path, "AMB-1") as desk,
    ):
        desk.connect(hub.url)
        until_in_step([desk])
        desk.disconnect()
        desk.statuses.clear()
        desk.connect(between.url)
        assert desk.until("refused").sentence == UNTRUSTED
        desk.open_incident("AMB-1-0001")
        desk.until("refused")
        assert desk.store.unsent()[0] == 1 and b"AMB-1-0001" not in between.read


@pytest.mark.promise("S9")
@pytest.mark.expected_log("session ended")
def test_somebody_between_enrols_nobody(log: Store, tmp_path: Path) -> None:
    with (
        HubThread(log, certificate=make_certificate("AMB", WORD)) as hub,
        Between(hub.address, make_certificate("AMB", WORD)) as between,
        Desk(tmp_path, "AMB-1") as desk,
    ):
        desk.connect(between.url)  # with a good code
        desk.until("refused")
        assert desk.store.replica not in log.trust().rosters["AMB"].by_replica


@pytest.mark.promise("S9")
@pytest.mark.expected_log("session ended")
def test_a_hub_of_another_site_of_the_same_name_is_not_believed(log: Store, tmp_path: Path) -> None:
    log.believe("AMB", SystemIds().secret(32))  # founded by somebody else
    with HubThread(log, certificate=make_certificate("AMB", WORD)) as hub, Desk(tmp_path, "AMB-1") as desk:
        found(desk.store)
        desk.connect(hub.url)
        assert desk.until("refused").sentence == UNTRUSTED
        assert desk.store.trust().rosters["AMB"].key == SITE_KEY.public


def dated(begin: datetime.datetime, end: datetime.datetime, folder: Path) -> Certificate:
    """A certificate good for these dates alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dated")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(begin).not_valid_after(end).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = folder / "dated.pem"
    form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem.write_bytes(
        made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(serialization.Encoding.PEM, form, none)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return Certificate(context, made.public_bytes(serialization.Encoding.DER))


@pytest.mark.promise("S9")
@pytest.mark.parametrize("years", [(2001, 2002), (2050, 2051)], ids=["long past", "far ahead"])
def test_no_clock_says_who_is_believed(log: Store, tmp_path: Path, years: tuple[int, int]) -> None:
    """As this machine's clock sees it, the certificate has run out, or is not valid yet."""
    certificate = dated(datetime.datetime(years[0], 1, 1), datetime.datetime(years[1], 1, 1), tmp_path)
    with HubThread(log, certificate=certificate) as hub, Desk(tmp_path, "AMB-1") as desk:
        desk.connect(hub.url)
        desk.open_incident("AMB-1-0001")
        until_in_step([desk])


@pytest.mark.promise("S9")
def test_a_link_holds_to_the_certificate_it_was_proved_by(log: Store) -> None:
    one, other = make_certificate("AMB", WORD), make_certificate("AMB", WORD)
    with HubThread(log, certificate=one) as hub:

        async def shown() -> bytes:
            return await certificate_of(*hub.address, 5)

        async def held_to(der: bytes) -> None:
            _, writer = await asyncio.open_connection(*hub.address, ssl=pinned(der))
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

        assert asyncio.run(shown()) == one.der
        asyncio.run(held_to(one.der))
        with pytest.raises(ssl.SSLCertVerificationError):
            asyncio.run(held_to(other.der))
