"""A peer that sends any bytes it likes: one UDP socket, responses read leniently."""

from __future__ import annotations

import itertools
import re
import socket
from collections.abc import Iterable

from workstation.demo.process import free_port

SDP = (
    b"v=0\r\no=x 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n"
)
_count = itertools.count(1)


class Raw:
    """One UDP socket that speaks to the user agent at `port`. A context manager."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((host, 0))
        self.host, self.port = self.sock.getsockname()
        self.target = ("127.0.0.1", port)
        self.skipped: list[bytes] = []
        """First lines of what the last `until` left out."""

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendto(data, self.target)

    def receive(self, deadline_s: float = 10.0) -> bytes:
        """The next datagram; raises TimeoutError."""
        self.sock.settimeout(deadline_s)
        return self.sock.recvfrom(65535)[0]

    def until(self, start: str, deadline_s: float = 10.0, cseq: str = "") -> bytes:
        """The next datagram whose first line begins so and, where given, whose CSeq is this: an answer that is repeated
        is not taken for that to a later request. Others before it are skipped (at most 20).
        """
        self.skipped = []
        for _ in range(20):
            try:
                data = self.receive(deadline_s)
            except TimeoutError:
                break
            if data.startswith(start.encode()) and cseq in ("", field(data, "CSeq")):
                return data
            self.skipped.append(data.split(b"\r\n")[0])
        raise AssertionError(f"no {start!r} {cseq}; came: {self.skipped}")

    def each(self, *starts: str) -> list[bytes]:
        """The next datagrams whose first lines begin so, as asked for; they may come in any order, and again."""
        found: dict[str, bytes] = {}
        while len(found) < len(starts):
            data = self.receive()
            found.update({start: data for start in starts if data.startswith(start.encode()) and start not in found})
        return [found[start] for start in starts]

    def settled(self) -> None:
        """Wait until everything sent so far has been taken in; what came meanwhile is thrown away."""
        asked = self.dialog()
        asked.cseq = next(_count) + 1000
        self.send(asked.request("OPTIONS"))
        self.until("SIP/2.0 200", cseq=f"{asked.cseq} OPTIONS")

    def silent(self, seconds: float) -> bool:
        """Whether nothing comes; the one wait that can't be a condition. What may be under way: first `settled`."""
        try:
            self.receive(seconds)
        except TimeoutError:
            return True
        return False

    def dialog(self, **more: str) -> Dialog:
        return Dialog(self, **more)


class Dialog:
    """A call as a caller writes it. Parts can be replaced before they are sent."""

    def __init__(
        self,
        raw: Raw,
        target: str = "sip:desk1@127.0.0.1",
        caller: str = "<sip:081234567@x.test>",
        to: str = "<sip:112@pbx.test>",
    ) -> None:
        number = next(_count)
        self.raw, self.target, self.caller, self.to = raw, target, caller, to
        self.call_id = f"call-{number}-{raw.port}@127.0.0.1"
        self.branch = f"z9hG4bK-{number}-{raw.port}"
        self.from_tag, self.to_tag = f"f{number}", ""
        self.cseq = 1

    @property
    def via(self) -> str:
        return f"SIP/2.0/UDP {self.raw.host}:{self.raw.port};branch={self.branch}"

    def lines(self, method: str, headers: Iterable[str] = (), cseq: int | None = None) -> list[str]:
        tag = f";tag={self.to_tag}" if self.to_tag else ""
        return [
            f"{method} {self.target} SIP/2.0", f"Via: {self.via}", "Max-Forwards: 70",
            f"From: {self.caller};tag={self.from_tag}", f"To: {self.to}{tag}", f"Call-ID: {self.call_id}",
            f"CSeq: {cseq or self.cseq} {method}", f"Contact: <sip:caller@{self.raw.host}:{self.raw.port}>", *headers,
        ]  # fmt: skip

    def request(
        self,
        method: str,
        headers: Iterable[str] = (),
        body: bytes = b"",
        kind: str = "application/sdp",
        cseq: int | None = None,
    ) -> bytes:
        lines = self.lines(method, headers, cseq)
        if body:
            lines.append(f"Content-Type: {kind}")
        lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body

    def invite(self, headers: Iterable[str] = (), body: bytes = SDP, kind: str = "application/sdp") -> bytes:
        return self.request("INVITE", headers, body, kind)

    def next(self, method: str, headers: Iterable[str] = (), body: bytes = b"") -> bytes:
        """A request within the dialog, in a transaction of its own."""
        self.branch = f"z9hG4bK-{next(_count)}-{self.raw.port}"
        if method != "ACK":
            self.cseq += 1
        return self.request(method, headers, body)

    def answer(self, request: bytes, body: bytes = SDP) -> None:
        """Send a 200 to a request of the desk's."""
        lines = ["SIP/2.0 200 OK", *(f"{n}: {field(request, n)}" for n in ("Via", "From", "To", "Call-ID", "CSeq"))]
        lines += [f"Contact: <sip:c@{self.raw.host}:{self.raw.port}>", "Content-Type: application/sdp"]
        self.raw.send("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body)

    def learn(self, response: bytes) -> None:
        """Take the desk's tag and contact out of a response."""
        self.to_tag = field(response, "To").rpartition("tag=")[2]
        contact = re.search(r"<([^>]+)>", field(response, "Contact"))
        self.target = contact[1] if contact else self.target


def field(message: bytes, name: str) -> str:
    """A header's value in bytes we got."""
    found = re.search(rb"(?im)^" + name.encode() + rb"[ \t]*:[ \t]*(.*?)\r?$", message)
    return found[1].decode("utf-8", "surrogateescape") if found else ""


__all__ = ["SDP", "Dialog", "Raw", "field", "free_port"]
