"""Every INVITE of a trusted source rings, however odd; strangers hear nothing (promise P1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.phone.desk import Told, desk, engine_log, settings_for
from tests.phone.raw import SDP, Dialog, Raw, field
from tests.waiting import wait_until
from workstation.demo.process import free_port
from workstation.phone import wire

PIDF = b"""<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:x@y.test"><tuple id="a">
<status><geopriv xmlns="urn:ietf:params:xml:ns:pidf:geopriv10"><location-info>-3.6954 128.1814</location-info></geopriv>
</status></tuple></presence>"""


def multipart(boundary: str, *parts: tuple[str, bytes]) -> bytes:
    out = b""
    for kind, body in parts:
        out += f"--{boundary}\r\nContent-Type: {kind}\r\nContent-ID: <loc@x.test>\r\n\r\n".encode() + body + b"\r\n"
    return out + f"--{boundary}--\r\n".encode()


def swap(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data, old
    return data.replace(old, new, 1)


MIXED = multipart("b1", ("application/sdp", SDP), ("application/pidf+xml", PIDF))
Made = Callable[[Dialog], bytes]
CORPUS: dict[str, Made] = {
    "plain": lambda d: d.invite(),
    "unknown headers": lambda d: d.invite(["X-Nie-Gesehen: ja", "P-Charging-Vector: icid-value=1;x", "Foo:"]),
    "unknown required extension": lambda d: d.invite(["Require: x-none, 100rel", "Proxy-Require: y"]),
    "20 kB of headers": lambda d: d.invite([f"X-Long-{i}: {'x' * 980}" for i in range(20)]),
    "900 header lines": lambda d: d.invite([f"H{i}: v" for i in range(900)]),
    "folded headers": lambda d: swap(d.invite(), b"Max-Forwards", b"Subject: a\r\n  b\r\n\tc: d\r\nMax-Forwards"),
    "folded Via": lambda d: swap(d.invite(), b";branch=", b"\r\n ;branch="),
    "bare LF": lambda d: d.invite(body=b"").replace(b"\r\n", b"\n"),
    "leading CRLF": lambda d: b"\r\n\r\n" + d.invite(),
    "blank before colon": lambda d: swap(swap(d.invite(), b"To:", b"To :"), b"From:", b"From\t:"),
    "compact names": lambda d: swap(
        swap(swap(swap(swap(d.invite(), b"Via:", b"v:"), b"From:", b"f:"), b"To:", b"t:"), b"Call-ID:", b"i:"),
        b"Content-Type:", b"c:",
    ),
    "lower-case names": lambda d: swap(swap(d.invite(), b"Call-ID:", b"call-id:"), b"CSeq:", b"CSEQ:"),
    "urn:service:sos": lambda d: swap(d.invite(), b"sip:desk1@127.0.0.1", b"urn:service:sos"),
    "urn:service:sos.fire": lambda d: swap(d.invite(), b"sip:desk1@127.0.0.1", b"urn:service:sos.fire"),
    "tel: target": lambda d: swap(d.invite(), b"sip:desk1@127.0.0.1", b"tel:112;phone-context=+62"),
    "upper-case scheme": lambda d: swap(d.invite(), b"sip:desk1@", b"SIP:desk1@"),
    "digit at the host's end": lambda d: swap(d.invite(), b"sip:desk1@127.0.0.1", b"sip:desk1@pc33"),
    "underscore in the host": lambda d: swap(d.invite(), b"sip:desk1@127.0.0.1", b"sip:desk1@pbx_1.test"),
    "headers in the URI": lambda d: swap(d.invite(), b"sip:desk1@127.0.0.1", b"sip:desk1@127.0.0.1?Subject=x"),
    "lower-case version": lambda d: swap(d.invite(), b" SIP/2.0\r\n", b"  sip/2.0 \r\n"),
    "Latin-1 display name": lambda d: swap(d.invite(), b"From: ", b'From: "Caf\xe9" '),
    "raw UTF-8 display name": lambda d: swap(d.invite(), b"From: ", "From: Poká Waé ".encode()),
    "unclosed quote": lambda d: swap(d.invite(), b"From: ", b'From: "open '),
    "NUL in a value": lambda d: d.invite(["Subject: a\0b"]),
    "no Contact": lambda d: swap(d.invite(), b"Contact:", b"X-Was:"),
    "Contact star": lambda d: swap(d.invite(), b"Contact: <sip:caller", b"Contact: *, <sip:caller"),
    "From without a tag": lambda d: swap(d.invite(), f";tag={d.from_tag}".encode(), b""),
    "empty tag": lambda d: swap(d.invite(), f";tag={d.from_tag}".encode(), b";tag="),
    "no Max-Forwards": lambda d: swap(d.invite(), b"Max-Forwards: 70\r\n", b""),
    "Max-Forwards absurd": lambda d: swap(d.invite(), b"Max-Forwards: 70", b"Max-Forwards: " + b"9" * 5000),
    "Content-Length too long": lambda d: swap(d.invite(), b"Content-Length: ", b"Content-Length: 9"),
    "Content-Length negative": lambda d: swap(d.invite(), b"Content-Length: ", b"Content-Length: -"),
    "no body": lambda d: d.invite(body=b""),
    "no Content-Type": lambda d: swap(d.invite(), b"Content-Type", b"X-Type"),
    "body of nonsense": lambda d: d.invite(body=b"\xff\x00\xfe nonsense"),
    "video only": lambda d: d.invite(body=SDP.replace(b"m=audio", b"m=video")),
    "multipart with PIDF-LO": lambda d: d.invite(
        ["Geolocation: <cid:loc@x.test>", "Geolocation-Routing: yes"], MIXED, "multipart/mixed;boundary=b1"
    ),
    "multipart, quoted boundary": lambda d: d.invite(
        [], multipart("=_b; x/1", ("application/sdp", SDP)), 'Multipart/Mixed; boundary="=_b; x/1"'
    ),
    "multipart, location first and malformed": lambda d: d.invite(
        [], multipart("q", ("application/pidf+xml", b"<presence><not closed \xff &&"), ("application/sdp", SDP)),
        "multipart/mixed;boundary=q",
    ),
    "multipart, wrong boundary": lambda d: d.invite([], MIXED, "multipart/mixed;boundary=other"),
    "multipart without a boundary": lambda d: d.invite([], MIXED, "multipart/mixed"),
    "location bomb": lambda d: d.invite(
        [], multipart("b1", ("application/pidf+xml", b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]>" + b"&a;" * 9000),
                      ("application/sdp", SDP)), "multipart/mixed;boundary=b1",
    ),
    "anonymous": lambda d: swap(
        d.invite(["Privacy: id"]), b"<sip:081234567@x.test>", b'"Anonymous" <sip:anonymous@anonymous.invalid>'
    ),
    "Via without rport, IPv6 received": lambda d: swap(d.invite(), b";branch=", b";received=2001:db8::1;branch="),
    "Via blanks": lambda d: swap(d.invite(), b"SIP/2.0/UDP ", b"SIP / 2.0 / UDP  "),
    "branch with odd signs": lambda d: swap(d.invite(), d.branch.encode(), d.branch.encode() + b"/a+b=c~'*"),
    "branch from before RFC 3261": lambda d: swap(d.invite(), d.branch.encode(), b"1"),
    "many Via": lambda d: swap(
        d.invite(), b"Max-Forwards", b"Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx\r\n" * 20 + b"Max-Forwards"
    ),
}  # fmt: skip


ANSWERED = [
    "plain", "multipart with PIDF-LO", "multipart, quoted boundary", "no body", "Latin-1 display name",
    "multipart, wrong boundary", "body of nonsense", "no Content-Type",
]  # fmt: skip
IMEI = '+sip.instance="<urn:gsma:imei:35209900-176148-0>"'
NO_CODEC = [
    b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/SAVP 96\r\na=rtpmap:96 opus/48000\r\n",
    SDP.replace(b"m=audio", b"m=video"),
]


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("rings")
    settings = settings_for(folder, port=port, user="desk1", peers=("127.0.0.1",), join_header="X-Linkedid")
    with desk(settings) as up:
        yield up
    assert "Traceback" not in engine_log(folder), engine_log(folder)


def ringing(told: Told, call_id: str) -> wire.Ringing:
    return told.wait(wire.Ringing, sip_call_id=call_id)


@pytest.mark.promise("P1")
@pytest.mark.parametrize("name", CORPUS)
def test_every_invite_of_a_listed_peer_rings(told: Told, port: int, name: str) -> None:
    with Raw(port) as raw:
        call = raw.dialog()
        made = CORPUS[name](call)
        raw.send(made)
        ring = raw.until("SIP/2.0 180")
        # The peer must know its own request again: what it matches by comes back byte for byte.
        for header in ("Call-ID", "CSeq"):
            assert field(ring, header) in made.decode("utf-8", "surrogateescape")
        offer = ringing(told, call.call_id).offer
        told.line.hang_up(bytes.fromhex(offer))
        raw.until("SIP/2.0 486")
        assert told.wait(wire.Ended, offer=offer).reason == "refused"


@pytest.mark.promise("P1")
@pytest.mark.parametrize("name", ANSWERED)
def test_an_odd_call_is_answered_and_ended(told: Told, port: int, name: str) -> None:
    with Raw(port) as raw:
        call = raw.dialog()
        raw.send(CORPUS[name](call))
        call.learn(raw.until("SIP/2.0 180"))
        offer = ringing(told, call.call_id).offer
        told.line.answer(bytes.fromhex(offer))
        ok = raw.until("SIP/2.0 200")
        assert b"m=audio " in ok and b"m=audio 0 " not in ok
        late_answer = name in ("no body", "body of nonsense")
        raw.send(call.request("ACK", body=SDP if late_answer else b""))
        told.wait(wire.Answered, offer=offer)
        raw.send(call.next("BYE"))
        raw.until("SIP/2.0 200")
        assert told.wait(wire.Ended, offer=offer).reason == "caller_hung_up"


@pytest.mark.promise("P1")
@pytest.mark.parametrize("body", NO_CODEC)
def test_no_codec_in_common_rings_and_is_told_only_at_the_answer(told: Told, port: int, body: bytes) -> None:
    with Raw(port) as raw:
        call = raw.dialog()
        raw.send(call.invite(body=body))
        raw.until("SIP/2.0 180")
        offer = ringing(told, call.call_id).offer
        told.line.answer(bytes.fromhex(offer))
        raw.until("SIP/2.0 488")
        assert told.wait(wire.Ended, offer=offer).reason == "failed"


@pytest.mark.promise("P1")
@pytest.mark.parametrize("name", ["plain", "urn:service:sos", "20 kB of headers", "bare LF"])
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "REGISTER", "BYE", "CANCEL"])
def test_a_stranger_hears_nothing_and_is_told_to_it(told: Told, port: int, name: str, method: str) -> None:
    with Raw(port, "127.0.0.2") as stranger, Raw(port) as known:
        call = stranger.dialog()
        rings = len(told.all(wire.Ringing))
        stranger.send(CORPUS[name](call).replace(b"INVITE", method.encode()))
        # A known peer's request sent afterwards is answered; the stranger's, sent before, never is.
        asked = known.dialog()
        known.send(asked.request("OPTIONS"))
        known.until("SIP/2.0 200")
        assert stranger.silent(0.05)
        assert len(told.all(wire.Ringing)) == rings
        wait_until(lambda: told.all(wire.Scanner), 3)
        assert told.all(wire.Scanner)[0].source.startswith("127.0.0.2:")
        assert any(s.source.startswith("127.0.0.2:") for s in told.line.state.strangers)


def test_the_answer_knows_the_caller(told: Told, port: int) -> None:
    said = [
        (["P-Asserted-Identity: <tel:+628114701122>"], "<sip:anonymous@anonymous.invalid>", "+628114701122", ""),
        (["P-Asserted-Identity: \"x\" <sip:+62811@a>, <tel:+62812>"], "<sip:1@b>", "+62811", ""),
        (["Privacy: id"], "<sip:anonymous@anonymous.invalid>", "", "withheld"),
        ([], "Anonymous <sip:anonymous@anonymous.invalid>", "", "withheld"),
        ([f"Contact: <sip:x@10.0.0.1>;{IMEI}"], "<sip:unknown@x>", "", "no_sim"),
        ([], "<sip:unknown@x>", "", "unknown"),
        ([], "<tel:0811-470-1122;phone-context=+62>", "08114701122", ""),
        ([], "sip:+62%38114701122@x.test;user=phone", "+628114701122", ""),
    ]  # fmt: skip
    for headers, caller, number, identity in said:
        with Raw(port) as raw:
            call = raw.dialog(caller=caller)
            raw.send(call.invite([*headers, "X-Linkedid: 1700.5"]))
            raw.until("SIP/2.0 180")
            ring = ringing(told, call.call_id)
            assert (ring.number, ring.identity, ring.dialled, ring.key) == (number, identity, "112", "1700.5"), caller
            told.line.hang_up(bytes.fromhex(ring.offer))
            raw.until("SIP/2.0 486")


def test_the_location_is_passed_on_raw_and_bounded(told: Told, port: int) -> None:
    for name, piece in (("multipart with PIDF-LO", "-3.6954 128.1814"), ("location bomb", "<!DOCTYPE"), ("plain", "")):
        with Raw(port) as raw:
            call = raw.dialog()
            raw.send(CORPUS[name](call))
            raw.until("SIP/2.0 180")
            ring = ringing(told, call.call_id)
            assert piece in ring.location and len(ring.location) <= 16 * 1024
            told.line.hang_up(bytes.fromhex(ring.offer))
            raw.until("SIP/2.0 486")


def test_the_engine_outlives_any_garbage(told: Told, port: int, tmp_path: Path) -> None:
    with Raw(port) as raw:
        call = raw.dialog()
        whole = call.invite()
        other_version = b"INVITE sip:x SIP/7.0\r\n" + whole.split(b"\r\n", 1)[1]
        words = (b"", b"\r\n\r\n", b"\0" * 100, b"INVITE", b"SIP/2.0", b"SIP/2.0 200 OK\r\n\r\n")
        for junk in (*words, bytes(range(256)) * 200, whole[:40], other_version, b"\xff" * 60000):
            raw.send(junk)
        asked = raw.dialog()
        raw.send(asked.request("OPTIONS"))
        raw.until("SIP/2.0 505")
        raw.until("SIP/2.0 200")
