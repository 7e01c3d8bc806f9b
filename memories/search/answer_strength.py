"""How likely the first hits of a search answer a question, instead of merely ranking first.

The strength of a hit is its cosine with the question without the names in it, and a little more if it has nearly all
of the question's words: that it has some of them tells nothing. If the question names somebody, words tell more: the
strength is then the hit's own (cosine plus the share of the rarity that it matches) less NAMED_SURPLUS, so that one
threshold fits both. Two rules lower it:

- Whom the question names, one of the first hits must contain.
- A memory about somebody else counts less: one whose subject, the speaker's label or the name that it begins with, is
  not in the question. docs/decisions/0027-persona-strength.md has the figures.
"""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from memories.index import keywords
from memories.index.languages import Language
from memories.search.hits import Hit
from memories.services.reads import decrypt_or_none

ANSWER_STRENGTH = 0.4  # minimum for an answer: between a related memory (.3) and the same statement (1)
NAMED_SURPLUS = 0.28  # of cosine plus share over the cosine alone: at this sum an answer is as likely
ALL_WORDS_BONUS = 0.2  # times the share of the rarity to the power of ALL_WORDS_POWER: .01 for half of it
ALL_WORDS_POWER = 4
OTHER_SUBJECT_PENALTY = 0.08  # for a memory about somebody whom the question does not name
MAX_ANSWERS = 3  # memories: contain the evidence of two of three answers (decision 0010)

SUBJECT_WORDS = 3  # at most, as in "Mrs Ada Lovelace"
FIRST_PERSON = frozenset("i me my mine myself we us our ours ourselves".split())  # noqa: SIM905
# What follows a subject besides words in -s and -ed and irregular verbs.
VERBS = frozenset("am are can could did do does had has have is was were will would also and never".split())  # noqa: SIM905
_POSSESSIVE = re.compile(r"['\u2019]s?$")
_APOSTROPHE = re.compile(r"['\u2019]")


@dataclass(frozen=True)
class JudgedHits:
    """Hits in the order to show them, first the `answers` that answer the question. strength: of all together.

    dated: the memories whose dates tell which of them holds.
    """

    hits: tuple[Hit, ...]
    strength: float
    answers: int
    dated: frozenset[UUID] = frozenset()


@dataclass(frozen=True)
class _JudgedHit:
    hit: Hit
    strength: float  # without a penalty
    is_of_other: bool

    @property
    def reduced(self) -> float:
        return self.strength - OTHER_SUBJECT_PENALTY * self.is_of_other


def judge_hits(hits: Sequence[Hit], names: Set[str]) -> JudgedHits:
    """Decide which hits answer the question.

    names: stems of the names in the question. The search must have been told them too: they then count neither for
    the cosine nor for the share. Without names the strongest come first, else the order of the search holds.
    """
    judged = [_judge_hit(hit, names) for hit in hits]
    if not judged:
        return JudgedHits((), 0.0, 0)
    if not names:
        judged.sort(key=lambda each: each.reduced, reverse=True)
    strength = _measure_named(judged[:MAX_ANSWERS], names) if names else judged[0].reduced
    answers = [each for each in judged[:MAX_ANSWERS] if each.reduced >= ANSWER_STRENGTH <= strength]
    others = [each for each in judged if each not in answers]
    return JudgedHits(tuple(each.hit for each in answers + others), strength, len(answers))


def _judge_hit(hit: Hit, names: Set[str]) -> _JudgedHit:
    is_of_other = _is_of_other(decrypt_or_none(hit.memory) or "", hit, names)
    if names or hit.cosine is None:
        return _JudgedHit(hit, hit.strength - NAMED_SURPLUS, is_of_other)
    share = hit.strength - hit.cosine
    return _JudgedHit(hit, hit.cosine + ALL_WORDS_BONUS * share**ALL_WORDS_POWER, is_of_other)


def _measure_named(first: Sequence[_JudgedHit], names: Set[str]) -> float:
    """Return the strength of the best hit, limited by the best with one of the names.

    If a memory about somebody else is stronger, the question may ask one person about what another said: the excess
    is subtracted.
    """
    naming = [each.strength for each in first if not names.isdisjoint(each.hit.matched_by_any)]
    if not naming:
        return 0.0
    own = [each.strength for each in first if not each.is_of_other]
    best = max(each.strength for each in first)
    strength = 2 * max(own) - best if own else best - OTHER_SUBJECT_PENALTY
    return min(strength, max(naming))


def _is_of_other(text: str, hit: Hit, names: Set[str]) -> bool:
    """Return whether a text is about somebody whom the question does not name.

    A label counts only in a question with names: "Shoes: size 6" has one too. In the first person, it is about its
    author.
    """
    label, words = _split_subject(text, hit.language)
    subject = set(keywords.extract_words(" ".join(label or words), hit.language))
    if not subject or not subject.isdisjoint(hit.matched_by_any):
        return False
    return bool(names) if label else not _is_in_first_person(text)


def _split_subject(text: str, language: Language) -> tuple[list[str], list[str]]:
    """Return the words of the speaker's label that a text begins with, or else those of a name; both may be empty.

    A name is recognized by what follows: a possessive or a verb, and only in English.
    """
    words = text[:200].split()[: SUBJECT_WORDS + 1]
    subject: list[str] = []
    for word, following in pairwise([*words, ""]):
        if not word[0].isupper() or len(subject) == SUBJECT_WORDS:
            break
        subject.append(word.rstrip(":."))
        if word.endswith(":"):
            return subject, []
        if not language.is_english:
            continue
        if _POSSESSIVE.search(word) or _is_verb(following):
            return [], subject
        if not word[-1].isalnum() and word[-1] != ".":
            break
    return [], []


def _is_verb(word: str) -> bool:
    is_plain = word.isalpha() and word.islower()
    return is_plain and (word in VERBS or word.endswith(("s", "ed")) or keywords.is_irregular_verb(word))


def _is_in_first_person(text: str) -> bool:
    return any(
        _APOSTROPHE.split(match[0].casefold())[0] in FIRST_PERSON for match in keywords.iter_words(text)
    )
