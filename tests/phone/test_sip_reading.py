"""Reading what the network brings: never an exception, bounded time, and the same meaning a strict parser finds."""

from __future__ import annotations

import time

import pytest
import sipmessage
from hypothesis import given
from hypothesis import strategies as st

from workstation.phone.engine.sip.address import plain, read_address, read_caller, read_dialled
from workstation.phone.engine.sip.body import contents
from workstation.phone.engine.sip.digest import credentials, read_challenge
from workstation.phone.engine.sip.message import Message, read, respond, split_commas, stamped, tag, top_via
from workstation.phone.engine.sip.sdp import agree, read_sdp, write_answer
from workstation.phone.engine.sip.session import answered_elsewhere

INVITE = (
    b"INVITE sip:desk1@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bKa\r\n"
    b'From: "A, B" <sip:+6281@x.test>;tag=f1\r\nTo: <sip:112@x.test>\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n'
    b"Contact: <sip:a@10.0.0.1>\r\nContent-Type: multipart/mixed;boundary=q\r\nContent-Length: 4\r\n\r\nbody"
)
PIECES = st.sampled_from([
    b"INVITE ", b"sip:", b"urn:service:sos", b" SIP/2.0", b"\r\n", b"\n", b"\r\n ", b"Via: ", b"v:", b"SIP/2.0/UDP ",
    b"a:1", b";branch=", b";rport", b'"', b"\\", b"<", b">", b",", b";", b"=", b"From: ", b"To: ", b";tag=", b"CSeq: ",
    b"1 INVITE", b"Call-ID: ", b"Content-Length: ", b"99999999999", b"-1", b"--q", b"--", b"v=0\r\n", b"\0", b"\xff",
    b"Content-Type: multipart/mixed;boundary=", b"m=audio 1 RTP/AVP 8\r\n", b"c=IN IP4 1.1.1.1\r\n", b"\xc3", b"(",
    b"P-Asserted-Identity: ", b"Reason: SIP;cause=", b'WWW-Authenticate: Digest nonce="', b"a=rtpmap:0 ",
])  # fmt: skip


def use(message: Message) -> None:
    """Everything the user agent takes out of a message."""
    read_caller(message)
    read_dialled(message, "desk1")
    sdp, location = contents(message)
    location.encode()
    streams = read_sdp(sdp)
    found = agree(streams)
    if found:
        write_answer(streams, found[0], found[1], "10.0.0.2", 4000, 1, 1)
    answered_elsewhere(message)
    challenge = read_challenge(message)
    if challenge:
        credentials(challenge, "u", "p", "REGISTER", "sip:x", 1, "c")
    for value in (*message.values("contact"), message.first("from")):
        plain(value, 100).encode()
        read_address(value)
    via = top_via(message)
    out = respond(message, 180, "t", stamped(via, "10.9.9.9", 5))
    again = read(out)
    assert again is not None and again.status == 180
    # What a peer sends never becomes a line of its own in what we send.
    assert len(again.headers) <= len(message.headers) + 8


@given(st.one_of(st.binary(max_size=2000), st.lists(PIECES, max_size=80).map(b"".join)))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    message = read(data)
    if message is not None:
        use(message)


@given(st.integers(0, len(INVITE) - 1), st.binary(min_size=0, max_size=4), st.integers(0, 6))
def test_a_damaged_invite_is_read_or_left_but_never_raises(place: int, put: bytes, drop: int) -> None:
    message = read(INVITE[:place] + put + INVITE[place + drop :])
    if message is not None:
        use(message)


LONG = 65_000
SLOW: dict[str, bytes] = {
    "commas": b"Contact: " + b"," * LONG,
    "quotes": b'From: "' + b'\\"' * (LONG // 2),
    "open quotes": b'From: ' + b'"' * LONG,
    "blanks": b"Via: SIP/2.0/UDP " + b" " * LONG,
    "blanks in the start": b"",
    "blanks after rport": b"Via: SIP/2.0/UDP a;rport=" + b" " * LONG + b"x",
    "blanks after branch": b"Via: SIP/2.0/UDP a;branch" + b" " * LONG + b"x",
    "blanks after the tag": b"From: <sip:a@b>;tag" + b" " * LONG + b"x",
    "semicolons": b"Via: SIP/2.0/UDP a" + b";" * LONG,
    "branches": b"Via: SIP/2.0/UDP a" + b";branch" * (LONG // 7),
    "tags": b"From: <sip:a@b>" + b"; tag " * (LONG // 6),
    "rport": b"Via: SIP/2.0/UDP a" + b";rport=" * (LONG // 7),
    "digits": b"CSeq: " + b"1" * LONG,
    "names": b"\r\n".join(b"X%d: y" % i for i in range(8000)),
    "colons": b":" * LONG,
    "folds": b"Subject: a" + b"\r\n " * (LONG // 3),
    "reason": b"Reason: q.850" + b" cause" * (LONG // 6),
    "challenge": b"WWW-Authenticate: Digest " + b'a="' * (LONG // 3),
    "boundary": b"Content-Type: multipart/mixed" + b";boundary" * (LONG // 9),
    "asserted": b"P-Asserted-Identity: " + b"<sip:1@a>," * (LONG // 10),
    "imei": b"Contact: <sip:a@b>;" + b"urn:gsma:imei:" * (LONG // 14),
}  # fmt: skip


@pytest.mark.parametrize("name", SLOW)
def test_a_message_made_to_be_slow_is_not(name: str) -> None:
    head = (
        b"INVITE sip:a SIP/2.0\r\n" if name != "blanks in the start" else b"INVITE " + b" " * LONG + b"x SIP/2.0x\r\n"
    )
    data = head + SLOW[name] + b"\r\n\r\n"
    start = time.perf_counter()
    message = read(data)
    if message is not None:
        use(message)
    assert time.perf_counter() - start < 3


LONG_BODIES = [
    b"v=0\r\n" * 10_000, b"m=audio 1 RTP/AVP" + b" 8" * 30_000, b"--q\r\n" * 12_000, b"\n--q" * 12_000,
    b"v=0\r\na=" + b"x" * 60_000, b"m=" * 30_000, b"v=0\n" + b"a=" * 30_000,
]  # fmt: skip


@pytest.mark.parametrize("body", LONG_BODIES)
def test_a_body_made_to_be_slow_is_not(body: bytes) -> None:
    start = time.perf_counter()
    message = read(INVITE.replace(b"Content-Length: 4\r\n\r\nbody", b"\r\n" + body))
    assert message is not None
    use(message)
    assert time.perf_counter() - start < 3


NAMES = st.from_regex(r"[A-Za-z0-9+._-]{1,12}", fullmatch=True)
TAGS = st.from_regex(r"[A-Za-z0-9.-]{1,12}", fullmatch=True)


@given(user=NAMES, host=st.from_regex(r"[a-z]{1,8}(\.[a-z]{2,4}){1,2}", fullmatch=True), own_tag=TAGS, branch=TAGS,
       display=st.from_regex(r"[A-Za-z ,;<>@]{0,20}", fullmatch=True))  # fmt: skip
def test_where_the_strict_parser_reads_we_read_the_same(
    user: str, host: str, own_tag: str, branch: str, display: str
) -> None:
    text = (
        f"INVITE sip:112@{host} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:5062;branch=z9hG4bK{branch}\r\n"
        f'From: "{display}" <sip:{user}@{host}>;tag={own_tag}\r\nTo: <sip:112@{host}>\r\nCall-ID: {own_tag}@{host}\r\n'
        f"CSeq: 7 INVITE\r\nContact: <sip:{user}@{host}:5062>\r\n\r\n"
    ).encode()
    strict = sipmessage.Message.parse(text)
    ours = read(text)
    assert isinstance(strict, sipmessage.Request) and ours is not None
    assert ours.method == strict.method and ours.call_id == strict.call_id
    assert tag(ours.first("from")) == strict.from_address.parameters.get("tag")
    assert read_address(ours.first("from")).uri == str(strict.from_address.uri)
    assert read_address(ours.first("from")).display == (strict.from_address.name or "").strip()
    assert top_via(ours).branch == strict.via[0].parameters["branch"]
    assert top_via(ours).sent_by == f"{strict.via[0].host}:{strict.via[0].port}"
    assert ours.cseq == (7, "INVITE")


def test_splitting_respects_quotes_and_brackets() -> None:
    assert split_commas('"a, b" <sip:x,y@z>, <sip:c>;q="1,2"') == ['"a, b" <sip:x,y@z>', '<sip:c>;q="1,2"']


def test_the_top_via_is_stamped_and_the_others_stay() -> None:
    message = read(INVITE.replace(b"branch=z9hG4bKa", b"branch=z9hG4bKa, SIP/2.0/UDP 9.9.9.9;branch=z9hG4bKb"))
    assert message is not None
    line = stamped(top_via(message), "192.0.2.7", 1234)
    assert line == (
        "SIP/2.0/UDP 10.0.0.1:5060;rport=1234;received=192.0.2.7;branch=z9hG4bKa, SIP/2.0/UDP 9.9.9.9;branch=z9hG4bKb"
    )


# RFC 7616 section 3.9.1: the same request by both algorithms.
@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_digest_gives_the_standard_s_own_figures(algorithm: str, response: str) -> None:
    message = Message(status=401)
    message.headers.append((
        "www-authenticate",
        f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
    ))  # fmt: skip
    challenge = read_challenge(message)
    assert challenge is not None
    value = credentials(
        challenge,
        "Mufasa",
        "Circle of Life",
        "GET",
        "/dir/index.html",
        1,
        "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert f'response="{response}"' in value and "nc=00000001" in value and 'opaque="FQhe' in value


def test_of_two_challenges_the_stronger_is_answered() -> None:
    message = Message(status=401)
    for algorithm in ("MD5", "SHA-256", "SHA-512-256", "nonsense"):
        message.headers.append(
            ("www-authenticate", f'Digest realm="r", nonce="n{algorithm}", algorithm={algorithm}, qop="auth"')
        )
    challenge = read_challenge(message)
    assert challenge is not None and challenge.algorithm == "SHA-256"


@pytest.mark.parametrize(
    ("sdp", "expected"),
    [
        (
            b"c=IN IP4 1.2.3.4\r\nm=audio 5000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000",
            ("1.2.3.4", 5000, 0, 101),
        ),
        (b"c=IN IP4 9.9.9.9\r\nm=audio 5000 RTP/AVP 18 8\r\nc=IN IP4 1.2.3.4/127\r\n", ("1.2.3.4", 5000, 8, None)),
        (b"c=IN IP6 ::1\nm=audio 5000/2 RTP/AVP 8", ("::1", 5000, 8, None)),
        (b"c=IN IP4 1.1.1.1\r\nm=video 6000 RTP/AVP 96\r\nm=audio 5000 RTP/AVPF 8\r\n", ("1.1.1.1", 5000, 8, None)),
    ],
)
def test_offers(sdp: bytes, expected: tuple[str, int, int, int | None]) -> None:
    found = agree(read_sdp(b"v=0\r\n" + sdp))
    assert found is not None
    agreed = found[1]
    assert (agreed.host, agreed.port, agreed.payload_type, agreed.events) == expected


def test_an_answer_refuses_every_stream_but_one() -> None:
    streams = read_sdp(
        b"v=0\r\nc=IN IP4 1.1.1.1\r\nm=video 6000 RTP/AVP 96\r\nm=audio 5000 RTP/AVP 8\r\nm=application 9 UDP/BFCP *"
    )
    found = agree(streams)
    assert found is not None
    answer = write_answer(streams, found[0], found[1], "2.2.2.2", 4000, 1, 1).decode()
    assert [line for line in answer.splitlines() if line.startswith("m=")] == [
        "m=video 0 RTP/AVP 96", "m=audio 4000 RTP/AVP 8", "m=application 0 UDP/BFCP *",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("offered", "hold", "ours"),
    [("sendrecv", False, "sendrecv"), ("sendonly", False, "recvonly"), ("recvonly", False, "sendonly"),
     ("inactive", False, "inactive"), ("sendrecv", True, "sendonly"), ("sendonly", True, "inactive")],
)  # fmt: skip
def test_directions_mirror(offered: str, hold: bool, ours: str) -> None:
    found = agree(read_sdp(f"v=0\nc=IN IP4 1.1.1.1\nm=audio 5000 RTP/AVP 8\na={offered}".encode()), hold)
    assert found is not None and found[1].direction == ours
