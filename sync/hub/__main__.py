"""`python -m sync.hub`: start the hub, say in one line where it listens, stop at SIGTERM or Ctrl-C."""

from __future__ import annotations

import json
import logging
import socket
import sys
from functools import partial
from pathlib import Path
from typing import Final, NoReturn

import click
from msgspec import Struct

from sync.hub import settings
from sync.hub.log.sqlite import LogRefused, open_log
from sync.hub.server import serve
from sync.hub.settings import Secret, SettingWrong
from sync.serve import Limits
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds
from workstation.log import veiled

WRONG_SETTING: Final = 2


class Speaker(Struct, frozen=True):
    """What is said on standard output, for a person or, one object a line, for a program. Never a secret."""

    as_json: bool

    def say(self, sentence: str, **fields: object) -> None:
        click.echo(json.dumps(fields | {"sentence": sentence}, ensure_ascii=False) if self.as_json else sentence)
        sys.stdout.flush()

    def made(self, what: str, secret: Secret) -> None:
        if secret.made:
            self.say(f"Made the {what} {secret.path}: keep a copy in a safe place.", made=what, path=str(secret.path))


@click.command(help="The hub: keeps the record of a site and passes ops between its desks.")
@click.option("--listen", default="127.0.0.1:8112", show_default=True, metavar="HOST:PORT", help="Port 0: a free one.")
@click.option("--store", required=True, metavar="URL", help="sqlite:///PATH (sqlite:////PATH is absolute).")
@click.option(
    "--token-file", type=click.Path(path_type=Path), help="The token desks show. [STORE.token, made if missing]"
)
@click.option("--key-file", type=click.Path(path_type=Path), help="The store's key. [STORE.key, made if missing]")
@click.option("--site", default="", help="The site whose record this is.")
@click.option("--heartbeat", type=click.FloatRange(0.1, 60), default=5.0, show_default=True, help="Seconds.")
@click.option("--json", "as_json", is_flag=True, help="Say everything as one JSON object a line.")
def main(
    listen: str, store: str, token_file: Path | None, key_file: Path | None, site: str, heartbeat: float, as_json: bool
) -> None:
    logging.basicConfig(level=logging.INFO, handlers=[veiled(sys.stderr)])
    speaker = Speaker(as_json)
    clock, ids = SystemClock(), SystemIds()
    try:
        host, port = settings.listen_address(listen)
        path = settings.store_path(store)
        token = settings.token_in(token_file or path.with_name(path.name + ".token"), ids)
        key = settings.key_in(key_file or path.with_name(path.name + ".key"), path, ids)
        bound = settings.listening(host, port)
    except SettingWrong as wrong:
        _refuse(speaker, str(wrong))
    speaker.made("token file", token)
    speaker.made("key file", key)
    try:
        source = open_log(path, key.value, clock=clock, ids=ids, site=site)
    except LogRefused as refused:
        bound.close()
        _refuse(speaker, str(refused), "store")
    try:
        ready = partial(_ready, speaker, bound, path)
        limits = Limits(heartbeat_s=heartbeat)
        serve(source, token.value.decode(), bound, clock=clock, limits=limits, site=site, ready=ready)
    finally:
        source.close()
    speaker.say("The hub has stopped.", stopped=True)


def _ready(speaker: Speaker, bound: socket.socket, path: Path) -> None:
    host, port = bound.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    speaker.say(
        f"The hub is ready at http://{shown}:{port}, its store is {path}.", ready=True, url=f"http://{shown}:{port}",
        host=host, port=port, store=str(path),
    )  # fmt: skip


def _refuse(speaker: Speaker, sentence: str, error: str = "setting") -> NoReturn:
    if speaker.as_json:
        speaker.say(sentence, ready=False, error=error)
    else:
        click.echo(sentence, err=True)
    sys.exit(WRONG_SETTING)


if __name__ == "__main__":
    main(prog_name="python -m sync.hub")
