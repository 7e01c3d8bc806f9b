"""A query as the search compares it: its words, their digests, and its meaning."""

import logging
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from accounts.keys import get_person_key, get_server_key
from accounts.models import User
from memories.index import keywords, vectors
from memories.index.date_words import find_day_words
from memories.index.joined_words import find_joined_words
from memories.index.languages import Language, get_former_languages
from memories.index.moves import list_former_encoders
from memories.index.spaces import get_encoder
from memories.index.specificity import measure_content, measure_specificity
from memories.index.tag_words import hash_tag_stems
from memories.providers.embeddings import (
    CheckedProvider,
    ProviderRejected,
    ProviderUnavailable,
    get_provider,
    normalize_vector,
)
from memories.search import client_queries
from memories.search.ranking_query import MAX_WORDS, OtherToken, QueryVector, RankingQuery, VisibleRows
from memories.search.visible_words import find_common_words

WEIGHT_WITHOUT_NAMES = 3  # of the query vector without names, relative to the whole query's

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Question:
    """A query: its words, their tokens under the owner's key and the server's, and which are common.

    meaning: the text to compare by meaning.
    """

    text: str
    language: Language
    words: list[str]
    private_tokens: list[int]
    public_tokens: list[int]
    others: tuple[OtherToken, ...] = ()
    common: tuple[int, ...] = ()
    meaning: str = ""

    @classmethod
    def from_text(cls, text: str, language: Language, owner: User, *, with_tags: bool) -> "Question":
        """Build the question about the owner's memories. with_tags: it also matches their tags."""
        words = keywords.extract_words(text, language)[:MAX_WORDS]
        private, public = get_person_key(owner.pk).keyword_hash_key, get_server_key().keyword_hash_key
        tokens = keywords.hash_words(words, private), keywords.hash_words(words, public)
        stems = keywords.list_other_stems(text, words, language, get_former_languages(owner))
        stems += _list_joined_words(text, words, language)
        hashed = [keywords.hash_words([stem for _, stem in stems], key) for key in (private, public)]
        others = [OtherToken(place, *pair) for (place, _), *pair in zip(stems, *hashed, strict=True)]
        if with_tags:
            stems += enumerate(words)
            tags = hash_tag_stems(owner.pk, (stem for _, stem in stems))
            others += [OtherToken(place, tag, tag) for (place, _), tag in zip(stems, tags, strict=True)]
        return cls(text, language, words, *tokens, tuple(others))

    @cached_property
    def phrase(self) -> str:
        """The normalized query, for matching with normalized texts."""
        return keywords.normalize_text(self.text)

    @cached_property
    def is_phrase(self) -> bool:
        return " " in self.phrase

    def with_common_words(self, rows: VisibleRows | None, names: Collection[str]) -> "Question":
        common = set(find_common_words(rows, self.private_tokens, self.public_tokens))
        common |= {place for place, word in enumerate(self.words) if word in names}
        return replace(self, common=tuple(sorted(common)))

    def with_meaning(self, rows: VisibleRows | None) -> "Question":
        """Return the question with its meaning as a user would ask it, unless memories speak of "the user" too."""
        meaning = client_queries.remove_instructions(self.text)
        if found := client_queries.find_user_words(meaning, self.language):
            stems = keywords.extract_words(" ".join(found), self.language)
            places = [place for place, word in enumerate(self.words) if word in stems]
            tokens = [[tokens[at] for at in places] for tokens in (self.private_tokens, self.public_tokens)]
            if not find_common_words(rows, *tokens, share=client_queries.USER_SHARE):
                meaning = client_queries.to_first_person(meaning, self.language)
        return replace(self, meaning=meaning)

    def with_most_specific_words(self, count: int) -> "Question":
        """Return the question with at most so many words: those that say most alone, in their order."""
        specificity = self._measure_specificity()
        best = sorted(range(len(self.words)), key=lambda place: -specificity[place])[:count]
        new_places = {place: at for at, place in enumerate(sorted(best))}
        others = tuple(
            replace(other, place=new_places[other.place])
            for other in self.others
            if other.place in new_places
        )
        return replace(
            self,
            words=[self.words[place] for place in new_places],
            private_tokens=[self.private_tokens[place] for place in new_places],
            public_tokens=[self.public_tokens[place] for place in new_places],
            others=others,
            common=(),
        )

    def without_words(self) -> "Question":
        return replace(self, text="", words=[], private_tokens=[], public_tokens=[], others=(), common=())

    def _measure_specificity(self) -> list[float]:
        compute_costs = partial(compute_word_costs, self.language)
        return measure_specificity(self.text, self.words, self.language, compute_costs)

    def to_ranking_query(self, embedded: Sequence[QueryVector], owner: User) -> RankingQuery:
        key = get_person_key(owner.pk)
        found = find_day_words(self.text, self.language)
        days = [sorted(found.get(word, ())) for word in self.words]
        return RankingQuery(
            vectors=embedded,
            private_tokens=self.private_tokens,
            public_tokens=self.public_tokens,
            private_days=[keywords.hash_words(tokens, key.keyword_hash_key) for tokens in days],
            public_days=[keywords.hash_words(tokens, get_server_key().keyword_hash_key) for tokens in days],
            others=self.others,
            common=self.common,
            specificity=() if not embedded else self._measure_specificity(),
            content=measure_content(self.text, self.language),
        )


def compute_word_costs(language: Language, words: Sequence[str]) -> list[float] | None:
    """Return how infrequent words are, as the model of this language tells; None if it does not."""
    try:
        return get_provider(language.code).compute_word_costs(words)
    except (ProviderUnavailable, ProviderRejected):
        return None


def _list_joined_words(text: str, words: list[str], language: Language) -> list[tuple[int, str]]:
    """Return the joined forms of numbers, codes and compounds, each for every word that it is made of."""
    return [
        (words.index(part), joined.stem)
        for joined in find_joined_words(text, language)
        for part in joined.parts
        if part in words
    ]


def embed_question(question: Question, owner: User) -> tuple[list[QueryVector], bool]:
    """Return the query's vector by each encoder of the owner's memories, and whether a provider failed."""
    if not question.meaning:
        return [], False
    rotation = get_person_key(owner.pk).vector_rotation_key
    embedded = []
    try:
        encoders = {get_encoder(question.language): question.language, **list_former_encoders(owner)}
        for encoder, language in encoders.items():
            vector = _embed_weighted(question, get_provider(language.code))
            if vector is not None:
                embedded.append(QueryVector(encoder, vectors.rotate_vectors([vector], rotation)[0], vector))
    except (ProviderUnavailable, ProviderRejected) as error:
        logger.warning("keyword search only: the embedding provider failed with %s", error.code)
        return embedded, True
    return embedded, False


def _embed_weighted(question: Question, provider: CheckedProvider) -> list[float] | None:
    """Return the weighted mean of the query's vector and that of the query without names.

    The names occur in half of all memories and would draw the vector away from what is asked. None if the query means
    nothing to the model.
    """
    names = {question.words[place] for place in question.common}
    rest = keywords.remove_words(question.meaning, names, question.language) if names else ""
    if not keywords.extract_words(rest, question.language):
        return provider.embed_query(question.meaning)
    whole, about = provider.embed_queries([question.meaning, rest])
    if whole is None or about is None:
        return whole
    mixed = [one + WEIGHT_WITHOUT_NAMES * other for one, other in zip(whole, about, strict=True)]
    length = math.hypot(*whole)  # the provider's contrast
    return [length * component for component in normalize_vector(mixed)]
