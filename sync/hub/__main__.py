"""`python -m sync.hub`: start the hub, say in one line where it listens, stop at SIGTERM or Ctrl-C."""

from __future__ import annotations

import gc
import logging
import socket
import sys
from functools import partial
from pathlib import Path
from typing import Final

import click

from sync.admission import device_of
from sync.attachments.sweeping import sweep
from sync.hub import settings
from sync.hub.carrying import courier
from sync.hub.founding import found, invite, join, lead
from sync.hub.log import LogRefused
from sync.hub.server import serve
from sync.hub.settings import SettingWrong
from sync.hub.speaker import Speaker
from sync.hub.stores import chosen
from sync.hub.uplink import uplink
from sync.serve import Limits
from sync.serving import serving
from sync.tls import make_certificate
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds
from workstation.log import veiled

_WORD_BYTES: Final = 24
STOP_S: Final = 5
"""How long requests under way may take once the hub is told to stop; a push without an answer comes again."""
_OBJECTS: Final = 50_000
"""How many objects more there are before garbage in circles is looked for."""
STORE_HELP: Final = "sqlite:///PATH (sqlite:////PATH is absolute), or postgresql://USER@HOST/DATABASE."


@click.group(
    invoke_without_command=True,
    help="The hub: keeps the record of a site and passes ops between its desks.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--listen", default="127.0.0.1:8112", show_default=True, metavar="HOST:PORT", help="Port 0: a free one.")
@click.option("--store", default="", metavar="URL", help=STORE_HELP)
@click.option("--key-file", type=click.Path(path_type=Path), help="The store's key. [STORE.key; made for a new store]")
@click.option(
    "--attachments",
    type=click.Path(path_type=Path),
    help="Folder of the files that ops name. [beside the file; of a database NAME.attachments]",
)
@click.option("--site", default="ambon", show_default=True, help="The site whose record this is.")
@click.option("--plain", is_flag=True, help="Without TLS, on loopback only.")
@click.option("--uplink", "up", default="", metavar="URL", help="The central hub this one keeps in step with.")
@click.option("--heartbeat", type=click.FloatRange(0.1, 60), default=5.0, show_default=True, help="Seconds.")
@click.option("--json", "as_json", is_flag=True, help="Say everything as one JSON object a line.")
@click.pass_context
def main(
    context: click.Context, listen: str, store: str, key_file: Path | None, attachments: Path | None, site: str,
    plain: bool, up: str, heartbeat: float, as_json: bool,
) -> None:  # fmt: skip
    if context.invoked_subcommand is not None:
        return
    logging.basicConfig(level=logging.INFO, handlers=[veiled(sys.stderr)])
    speaker = Speaker(as_json)
    clock, ids = SystemClock(), SystemIds()
    try:
        host, port = settings.listen_address(listen)
        settings.peer_url(up)
        if plain and not settings.plain_allowed(host):
            raise SettingWrong(f"--plain is for loopback; leave it away to listen on {host}.")
        kept = chosen(store, key_file, ids, attachments)
        bound = settings.listening(host, port)
    except SettingWrong as wrong:
        speaker.refuse(str(wrong))
    except LogRefused as refused:
        speaker.refuse(str(refused), "store")
    speaker.made("key file", kept.key)
    try:
        source = kept.open(clock, ids, site)
    except LogRefused as refused:
        bound.close()
        speaker.refuse(str(refused), "store")
    try:
        sweep(source, clock.now_ms())
        if not source.trust().rosters:
            speaker.say(f"This hub belongs to no site yet: python -m sync.hub found --store {store}", unfounded=True)
        elif device_of(source.trust().rosters, source.replica) is None:
            speaker.say(
                "This hub has a new number, for its database was restored or copied, and no desk knows it: "
                f"python -m sync.hub found --store {store}, with the site's key; join where it serves several sites.",
                unenrolled=True,
            )
        certificate = None if plain else make_certificate(site, ids.secret(_WORD_BYTES).hex())
        ready = partial(_ready, speaker, bound, kept.place, "http" if plain else "https")
        limits = Limits(heartbeat_s=heartbeat)
        server = serving(
            source, ids.secret, clock=clock, limits=limits, certificate=certificate, ready=ready, stop_s=STOP_S
        )  # fmt: skip
        _collect_seldom()
        with uplink(source, up, clock, ids):
            serve(server, bound)
    finally:
        source.close()
    speaker.say("The hub has stopped.", stopped=True)


for _command in (found, invite, join, lead, courier):
    main.add_command(_command)


def _collect_seldom() -> None:
    """Look for garbage in circles once in some frames: a frame is 20,000 objects, and none of them is any."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS)


def _ready(speaker: Speaker, bound: socket.socket, place: str, scheme: str) -> None:
    host, port = bound.getsockname()[:2]
    url = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    speaker.say(
        f"The hub is ready at {url}, its store is {place}.", ready=True, url=url, host=host, port=port, store=place
    )


if __name__ == "__main__":
    main(prog_name="python -m sync.hub")
