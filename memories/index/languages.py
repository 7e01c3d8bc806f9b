"""The language of a user's memories: how their words are reduced to stems, and which of them say nothing.

A search is always within one owner's memories, so that the owner's language decides, whoever searches.
"""

import threading
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from accounts.models import User
from core import languages

_local = threading.local()


@dataclass(frozen=True, eq=False)
class Language:
    """A language, one object per code. stemmer: the name of its Snowball stemmer, None if it has none."""

    code: str
    stemmer: str | None

    @property
    def is_english(self) -> bool:
        return self.code == languages.ENGLISH

    @property
    def has_capital_nouns(self) -> bool:
        return self.code == "de"

    def stem(self, word: str) -> str:
        """Return the stem of a word in lower case."""
        return word if self.stemmer is None else _get_stemmer(self.stemmer).stemWord(word)


@cache
def get_language(code: str) -> Language:
    return Language(code, languages.STEMMERS.get(code))


def get_default_language() -> Language:
    """Return the language of SEARCH_LANGUAGE."""
    return get_language(languages.get_default_code())


def get_owner_language(owner: User) -> Language:
    """Return the language of this user's memories."""
    return get_language(owner.language_code)


def get_former_languages(owner: User) -> list[Language]:
    """Return the languages by which some of this user's memories are still indexed; usually none."""
    return [get_language(code) for code in owner.former_languages.split()]


def read_owner_languages(owner_ids: Collection[UUID]) -> dict[UUID, Language]:
    """Return the language of each owner's memories, as stored now."""
    stored = User.objects.filter(pk__in=owner_ids).values_list("pk", "language")
    default = languages.get_default_code()
    return {owner_id: get_language(code or default) for owner_id, code in stored}


def _get_stemmer(name: str) -> Any:
    """Return this thread's Snowball stemmer, since it is not thread-safe."""
    stemmers: dict[str, Any] = _local.__dict__
    if name not in stemmers:
        import Stemmer

        stemmers[name] = Stemmer.Stemmer(name)
    return stemmers[name]
