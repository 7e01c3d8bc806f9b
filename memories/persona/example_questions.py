"""Questions to begin with, made from the user's own memories and shown to nobody else."""

from collections.abc import Iterator
from itertools import islice

from django.utils.translation import gettext as _

from accounts.actor import Actor
from memories.index import keywords
from memories.index.languages import Language, get_owner_language
from memories.services import reads

MAX_EXAMPLES = 3
NEWEST = 20  # memories that are looked through
MIN_WORDS, MAX_WORDS = 2, 3  # of a topic: one word says too little, and more are rarely one thing
MAX_CHARACTERS = 32  # of a topic
JOINERS = frozenset("-‐‑'’./@_&+:")  # between the parts of one word, as in "Wi-Fi"


def suggest_questions(actor: Actor) -> list[str]:
    """Return questions that one of the newest memories is likely to answer; about tags, where there are too few."""
    language = get_owner_language(actor.person)
    topics: dict[str, None] = {}
    for text in reads.iterate_newest_texts(actor, limit=NEWEST):
        if topic := find_topic(text, language):
            topics[topic] = None
        if len(topics) == MAX_EXAMPLES:
            break
    else:
        topics |= dict.fromkeys(tag.name for tag in reads.list_tags(actor, limit=MAX_EXAMPLES).tags)
    template = _("What do my memories say about “%(topic)s”?")
    return [template % {"topic": topic} for topic in islice(topics, MAX_EXAMPLES)]


def find_topic(text: str, language: Language) -> str:
    """Return the longest series of words without a function word or a mark between them; empty without one."""
    series = [each for each in _iter_series(text, language) if MIN_WORDS <= len(each) <= MAX_WORDS]
    topics = [topic for words in series if len(topic := " ".join(words)) <= MAX_CHARACTERS]
    return max(topics, key=lambda topic: topic.count(" "), default="")


def _iter_series(text: str, language: Language) -> Iterator[list[str]]:
    series: list[str] = []
    end = 0
    for start, stop in _find_whole_words(text):
        is_content = bool(keywords.extract_words(text[start:stop], language))
        if series and (not is_content or text[end:start] != " "):
            yield series
            series = []
        if is_content:
            series.append(text[start:stop])
        end = stop
    if series:
        yield series


def _find_whole_words(text: str) -> list[tuple[int, int]]:
    """Return where words begin and end; parts that a joiner connects are one word."""
    spans: list[tuple[int, int]] = []
    for match in keywords.iter_words(text):
        start = match.start()
        if spans and text[spans[-1][1] : start] in JOINERS:
            start = spans.pop()[0]
        spans.append((start, match.end()))
    return spans
