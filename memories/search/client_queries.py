"""Queries as AI clients write them: instructions to the search, and a "user" where memories say "I" and "my".

"Find memories about the user's dog" is about "my dog". Only the text that is compared by meaning is rewritten; its
words still match as they are. docs/decisions/0032-forgiving-search.md has the figures.
"""

import re

from memories.index import keywords

USER_STEM = "user"
USER_SHARE = (
    0.05  # of the memories; where more speak of "the user", apps wrote them, and a query's "user" matches
)

_USER = r"\b(?:the )?users?"
_ADJECTIVES = (
    r"(?:(?:all|any|the|some|relevant|related|stored|saved|known|existing|previous|past|recent|general|background|"
    r"personal|more)\s+)*"
)
_NOUNS = (
    r"(?:memor(?:y|ies)|information|info|details?|facts?|notes?|data|context|knowledge|anything|everything)"
)
_ABOUT = r"(?:about|on|regarding|concerning|related to|relating to|relevant to|for|of)"
_POLITE = r"(?:(?:please|can you|could you)\s+)?"
_VERBS = r"(?:find|search(?: for)?|look up|look for|get|fetch|recall|retrieve|list|show(?: me)?|give me|check|query)"
_CLEAR_VERBS = r"(?:find|search for|look up|look for|retrieve|recall|show me|give me)"  # without such a noun
_INSTRUCTION = re.compile(
    rf"^{_POLITE}(?:(?:{_VERBS}\s+)?{_ADJECTIVES}(?:{_USER}(?:['\u2019]s?)?\s+)?{_ADJECTIVES}{_NOUNS}\s+{_ABOUT}[\s:]+"
    rf"|{_CLEAR_VERBS}\s+|tell me\s+(?:{_NOUNS}\s+)?about\s+|what do you (?:know|remember|have) (?:about|on)\s+)",
    re.IGNORECASE,
)
_CLOSING = re.compile(r"\s+(?:information|info|memor(?:y|ies)|data|context)\s*$", re.IGNORECASE)
_POSSESSIVE = re.compile(rf"{_USER}['\u2019]s?(?!\w)", re.IGNORECASE)
_OBJECT = re.compile(rf"\b(of|for|about|by|to|from|with) {_USER}\b(?!\s+\w)", re.IGNORECASE)
_SUBJECT = re.compile(r"\bthe user\b", re.IGNORECASE)
_FIRST_WORD = re.compile(r"^user\s+(?=\w)", re.IGNORECASE)


def remove_instructions(text: str) -> str:
    """Return the query without what only tells a search to find something; unchanged if nothing else remains."""
    about = _CLOSING.sub("", _INSTRUCTION.sub("", text, count=1)).strip()
    return about if keywords.normalize_text(about) else text


def mentions_user(text: str) -> bool:
    return re.search(rf"{_USER}\b", text, re.IGNORECASE) is not None


def to_first_person(text: str) -> str:
    """Return the query as the user themselves would say it: "the user's dog" as "my dog"."""
    text = _OBJECT.sub(r"\1 me", _POSSESSIVE.sub("my", text))
    return _SUBJECT.sub("I", _FIRST_WORD.sub("my ", text))
