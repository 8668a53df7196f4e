"""What the hub says on standard output, for a person or, one object a line, for a program. Never a secret."""

from __future__ import annotations

import json
import sys
from typing import Final, NoReturn

import click
from msgspec import Struct

from sync.hub.settings import Secret

WRONG_SETTING: Final = 2


class Speaker(Struct, frozen=True):
    """Says one sentence, or one object with it."""

    as_json: bool

    def say(self, sentence: str, **fields: object) -> None:
        click.echo(json.dumps(fields | {"sentence": sentence}, ensure_ascii=False) if self.as_json else sentence)
        sys.stdout.flush()

    def made(self, what: str, secret: Secret) -> None:
        if secret.made:
            self.say(f"Made the {what} {secret.path}: keep a copy in a safe place.", made=what, path=str(secret.path))

    def refuse(self, sentence: str, error: str = "setting") -> NoReturn:
        """Say why it goes no further, and end with 2."""
        if self.as_json:
            self.say(sentence, ready=False, error=error)
        else:
            click.echo(sentence, err=True)
        sys.exit(WRONG_SETTING)
