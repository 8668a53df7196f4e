"""A sentence for a person, made where no language is known and said where it is shown, in the language in force there.

What happened and what to do lies in `resources/i18n/{id,en}-told.toml`; here stand its key and what is filled in.
`workstation.words` says it. A sentence travels over the engine's wire and stands in the rows the screen paints.
"""

from __future__ import annotations

from msgspec import Struct


class Sentence(Struct, frozen=True):
    """`key` of the words, "" = nothing to say (falsy). `values`: name and value of each place in them.

    A value is text from outside as it came, a number, or another sentence, said in the same language. `then`: sentences
    said right after this one.
    """

    key: str = ""
    values: tuple[tuple[str, str | int | float | Sentence], ...] = ()
    then: tuple[Sentence, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.key)

    def __str__(self) -> str:
        """For logs: the key and what is filled in; no language is known here."""
        own = " ".join([self.key, *(f"{name}={value}" for name, value in self.values)])
        return "; ".join([own, *map(str, self.then)])


NOTHING = Sentence()


def say(key: str, /, **values: str | int | float | Sentence) -> Sentence:
    """The sentence of `key` with its places filled in."""
    return Sentence(key, tuple(values.items()))


def one_after_another(sentences: list[Sentence]) -> Sentence:
    """Several as one, each said once; NOTHING where there is none."""
    first, *rest = list(dict.fromkeys(each for each in sentences if each)) or [NOTHING]
    return Sentence(first.key, first.values, (*first.then, *rest))
