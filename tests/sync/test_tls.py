"""A hub behind TLS: believed by the authority in `hub.ca_file`, and by no other."""

from __future__ import annotations

import asyncio
import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sync import protocol
from sync.replica.faults import UNTRUSTED, NoAuthority, Untrusted
from sync.replica.link import Link
from tests.service.desks import KEY
from tests.sync.hubs import TOKEN, HubThread
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds
from workstation.store import Store
from workstation.words import LANGUAGES, said

HELLO = protocol.Hello(protocol.PROTOCOL, "ambon", "Meja 1", 0, {}, now_ms=1)


def authority(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for loopback that is its own authority, as PEM files: certificate, key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin = datetime.fromtimestamp(SystemClock().now_ms() / 1000, UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin - timedelta(hours=1))
        .not_valid_after(begin + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return certificate, secret


async def greet(url: str, ca_file: Path) -> protocol.Welcome:
    async with Link(url, TOKEN, ca_file=str(ca_file)) as link:
        return await link.hello(HELLO)


def test_a_hub_is_believed_by_the_sites_authority_alone(tmp_path: Path) -> None:
    certificate, key = authority(tmp_path, "hub")
    other, _ = authority(tmp_path, "other")
    clock = SystemClock()
    with Store.open(tmp_path / "hub.db", KEY, clock=clock, ids=SystemIds(clock), site="ambon") as store:
        hub = HubThread(store)
        hub._server.config.ssl_certfile, hub._server.config.ssl_keyfile = certificate, key
        with hub:
            url = hub.url.replace("http:", "https:")
            assert asyncio.run(greet(url, certificate)).now_ms > 0
            with pytest.raises(Untrusted) as refused:
                asyncio.run(greet(url, other))
            assert (refused.value.state, refused.value.sentence) == ("refused", UNTRUSTED)
            gone = tmp_path / "gone.pem"
            for unusable, key_of in ((gone, "hub.no_ca_file"), (key, "hub.ca_file"), (tmp_path, "hub.ca_file")):
                with pytest.raises(NoAuthority) as told:
                    asyncio.run(greet(url, unusable))
                assert (told.value.state, told.value.sentence.key) == ("refused", key_of)
                for language in LANGUAGES:
                    assert str(unusable) in said(told.value.sentence, language)
