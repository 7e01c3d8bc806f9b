"""Embedding spaces: which vectors can be compared, and which index rows are up to date.

Vectors can be compared if the same encoder made them. A row is up to date if, besides, its words were extracted by the
current scheme in its owner's language. So a change of language or scheme takes no meaning away from the search while
the worker indexes the rows anew.
"""

from accounts.consent import embeddings as embedding_consent
from accounts.models import User
from core import languages
from memories.index.languages import Language, get_language
from memories.models import EmbeddingSpace
from memories.providers.embeddings import get_provider

KEYWORD_SCHEME = "words-2"  # increment when keywords.py extracts other words: everything is reindexed


def get_encoder(language: Language) -> str:
    """Return the name of the encoder of texts in this language. Vectors of the same encoder can be compared."""
    provider = get_provider(language.code)
    return f"{provider.identity}|{provider.dimensions}"


def get_identity(language: Language) -> str:
    """Return the name of the space of rows that are up to date for owners with this language."""
    return f"{get_encoder(language)}|{KEYWORD_SCHEME}|{language.code}"


def get_space(language: Language) -> EmbeddingSpace:
    defaults = {"encoder": get_encoder(language), "language": language.code}
    return EmbeddingSpace.objects.get_or_create(identity=get_identity(language), defaults=defaults)[0]


def get_withheld_space(language: Language) -> EmbeddingSpace:
    """Return the space of memories withheld from the provider: keywords only, no vectors."""
    identity = _get_withheld_identity(language)
    return EmbeddingSpace.objects.get_or_create(identity=identity, defaults={"language": language.code})[0]


def list_current_identities(language: Language) -> list[str]:
    """Return the names of the spaces that need no reindexing for owners with this language."""
    withheld = [_get_withheld_identity(language)] if embedding_consent.is_consent_required() else []
    return [get_identity(language), *withheld]


def list_outdated_spaces(language: Language) -> dict[int, str]:
    """Return the spaces, with the codes of their languages, of rows that need reindexing for owners with this one."""
    others = EmbeddingSpace.objects.exclude(identity__in=list_current_identities(language))
    return dict(others.values_list("pk", "language"))


def list_all_current_identities() -> list[str]:
    """Return the names of the spaces that are up to date for some user."""
    return [name for language in _list_used_languages() for name in list_current_identities(language)]


def _list_used_languages() -> list[Language]:
    """Return the languages of all users, and that of SEARCH_LANGUAGE."""
    chosen = User.objects.order_by().values_list("language", flat=True).distinct()
    return [get_language(code) for code in sorted({languages.get_default_code(), *chosen} - {""})]


def _get_withheld_identity(language: Language) -> str:
    return f"withheld|{get_identity(language)}"
