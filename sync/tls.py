"""TLS between devices of a site: a certificate made at each start, trusted by what its owner signs, not by its dates.

The handshake above it (`sync.handshake`) proves that the certificate is the enrolled device's; nothing is believed
because a clock says so. A wrong clock, hours or a year off, must not cut a desk off.
"""

from __future__ import annotations

import asyncio
import datetime
import ssl
import tempfile
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from msgspec import Struct

NO_CHECK_TIME: Final = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python's ssl has no name for."""
_BEGIN, _END = datetime.datetime(2000, 1, 1), datetime.datetime(9999, 12, 31)


class Certificate(Struct, frozen=True):
    """A server's side of TLS: its context, and its certificate as peers see it, DER."""

    context: ssl.SSLContext
    der: bytes


def make_certificate(name: str, secret: str) -> Certificate:
    """A new key and a certificate signed by itself, for this process alone; `secret` is a word nobody can guess."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64] or "tahuri")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_BEGIN)
        .not_valid_after(_END)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    pem = made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(secret.encode()),
    )
    # Python's ssl takes keys from files only: this one is encrypted with a word nobody keeps, and gone at once.
    with tempfile.TemporaryDirectory(prefix="tahuri-") as folder:
        file = Path(folder) / "server.pem"
        file.touch(0o600)
        file.write_bytes(pem)
        context.load_cert_chain(file, password=secret)
    return Certificate(context, made.public_bytes(serialization.Encoding.DER))


def pinned(der: bytes) -> ssl.SSLContext:
    """A client's context that accepts this one certificate, whatever the clock says."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
    context.load_verify_locations(cadata=der)
    return context


async def certificate_of(host: str, port: int, deadline_s: float) -> bytes:
    """The certificate a server shows, DER, believed by nobody yet. Raises OSError, ssl.SSLError, TimeoutError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(deadline_s):
        # Not open_connection: cancelled in the middle of a handshake, Python 3.11 leaves its socket open.
        raw, protocol = await loop.create_connection(asyncio.Protocol, host, port)
        try:
            wire = await loop.start_tls(raw, protocol, context)
            shown: bytes | None = wire.get_extra_info("ssl_object").getpeercert(binary_form=True) if wire else None
        finally:
            raw.abort()
    if shown is None:
        raise ssl.SSLError("the server showed no certificate")
    return shown
