"""Kamailio on a free port of loopback: digest, UDP and TCP, ring-all, an OPTIONS to each desk now and then."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from workstation.demo.process import PeerFailed, PeerMissing, Running, free_port, running

HOST = "127.0.0.1"
DOMAIN = "pbx.test"
_TEMPLATE = Path(__file__).with_name("kamailio.cfg")


@dataclass(frozen=True, slots=True)
class Pbx:
    """A running registrar. Desks register as `sip:USER@domain` through `host:port`; a call to a ring-all number
    rings them all.
    """

    host: str
    port: int
    domain: str
    process: Running

    def __iter__(self) -> Iterator[object]:
        return iter((self.host, self.port))

    def log(self) -> str:
        """Everything Kamailio said, one line a request."""
        return self.process.said(1_000_000)


def _modules() -> Path:
    places = [*sorted(Path("/usr/lib").glob("*/kamailio/modules")), Path("/usr/lib64/kamailio/modules")]
    for folder in places:
        if (folder / "tm.so").exists():
            return folder
    raise PeerMissing("kamailio's modules are not installed: apt-get install kamailio")


def _answers(host: str, port: int) -> bool:
    """Whether an OPTIONS to the proxy itself gets its 200."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.2)
        sock.bind((host, 0))
        own = sock.getsockname()[1]
        sock.connect((host, port))
        lines = (
            f"OPTIONS sip:{host}:{port} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{own};branch=z9hG4bK-ready-{own}",
            f"From: <sip:ready@{host}>;tag=r",
            f"To: <sip:{host}>",
            f"Call-ID: ready-{own}",
            "CSeq: 1 OPTIONS",
            "Max-Forwards: 5",
            "Content-Length: 0",
        )
        request = "\r\n".join((*lines, "", ""))
        with contextlib.suppress(OSError):
            sock.send(request.encode())
            return sock.recv(2048).startswith(b"SIP/2.0 200")
        return False


def _configuration(port: int, users: Mapping[str, str], **choices: object) -> str:
    branches = []
    for user in users:
        uri = f"sip:{user}@{choices['domain']}"
        add = f'if ($var(n) == 0) $ru = "{uri}"; else append_branch("{uri}"); $var(n) = $var(n) + 1;'
        branches.append(f'if (registered("location", "{uri}")) {{ {add} }}')
    key = choices["join_header"]
    fill = {
        "HOST": HOST,
        "PORT": port,
        "DOMAIN": choices["domain"],
        "MODULES": _modules(),
        "REASON": int(bool(choices["reason"])),
        "QUALIFY_S": choices["qualify_s"],
        "NONCE_S": choices["nonce_s"],
        "ALGORITHM": choices["algorithm"],
        "PASSWORDS": "\n".join(f'    $sht(pw=>{user}) = "{secret}";' for user, secret in users.items()),
        "RING_ALL": "\n".join(f'    $sht(all=>{number}) = "1";' for number in choices["ring_all"]),  # type: ignore[attr-defined]
        "JOIN": f'if (is_method("INVITE")) append_hf("{key}: $ci\\r\\n");' if key else "",
        "BRANCHES": "\n    ".join(branches),
    }
    text = _TEMPLATE.read_text()
    for name, value in fill.items():
        text = text.replace(f"@{name}@", str(value))
    return text


@contextlib.contextmanager
def kamailio(
    run_dir: Path,
    users: Mapping[str, str],
    *,
    ring_all: Sequence[str] = ("112",),
    domain: str = DOMAIN,
    port: int | None = None,
    algorithm: str = "MD5",
    reason: bool = False,
    join_header: str | None = None,
    qualify_s: int = 2,
    nonce_s: int = 120,
) -> Iterator[Pbx]:
    """A registrar for `users` (name -> password); a call to a number of `ring_all` forks to every registered desk at
    once.

    `reason`: CANCEL to the desks that lost says "answered elsewhere" (RFC 3326). `join_header`: the header that
    carries one key to all forks of a call. `qualify_s`: seconds between OPTIONS to each desk. `port`: take up again
    where an earlier one stopped. `algorithm`: MD5 or SHA-256 (RFC 8760). Raises PeerMissing, PeerFailed.
    """
    for attempt in range(5):
        chosen = port or free_port()
        folder = run_dir / f"kamailio-{chosen}"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "kamailio.cfg"
        file.write_text(
            _configuration(
                chosen,
                users,
                ring_all=ring_all,
                domain=domain,
                algorithm=algorithm,
                reason=reason,
                join_header=join_header,
                qualify_s=qualify_s,
                nonce_s=nonce_s,
            )
        )
        # "Y" holds its control sockets, "P" its pid: both in our folder, so that nothing of the machine's own
        # Kamailio is touched.
        own = f"-w {folder} -Y {folder} -P {folder}/pid".split(" ")
        arguments = ["-f", str(file), *["-DD", "-E", "-m", "32", "-M", "8"], *own]
        with contextlib.ExitStack() as stack:
            # It keeps nothing worth a farewell, and takes five seconds over one.
            process = stack.enter_context(running("kamailio", arguments, folder, ask=signal.SIGKILL))
            try:
                process.ready(partial(_answers, HOST, chosen), 10.0, "answers OPTIONS")
            except PeerFailed:
                taken = "address already in use" in process.said().lower()
                if attempt < 4 and taken and port is None:
                    continue
                raise
            yield Pbx(HOST, chosen, domain, process)
            return
