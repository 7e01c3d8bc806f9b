"""Queries as AI clients write them: instructions to the search, and a "user" where memories say "I" and "my".

"Find memories about the user's dog" is about "my dog". Only the text that is compared by meaning is rewritten; its
words still match as they are. docs/decisions/0032-forgiving-search.md has the figures.
"""

import re

from memories.index import keywords
from memories.index.languages import Language

# Of the memories. Where more speak of "the user", apps wrote them, and a query's "user" matches.
USER_SHARE = 0.05

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
_ANY_USER = re.compile(rf"{_USER}\b", re.IGNORECASE)
_POSSESSIVE = re.compile(rf"{_USER}['\u2019]s?(?!\w)", re.IGNORECASE)
_OBJECT = re.compile(rf"\b(of|for|about|by|to|from|with) {_USER}\b(?!\s+\w)", re.IGNORECASE)
_SUBJECT = re.compile(r"\bthe user\b", re.IGNORECASE)
_FIRST_WORD = re.compile(r"^user\s+(?=\w)", re.IGNORECASE)

# "Of the user" in other languages, and what the user says instead, before the rest of the query.
_POSSESSIVES = {
    code: (re.compile(pattern, re.IGNORECASE), own)
    for code, pattern, own in (
        ("de", r"\s*\b(?:des (?:Nutzers|Benutzers|Anwenders)|der (?:Nutzerin|Benutzerin))\b", "meine "),
        ("fr", r"\s*\bde l['\u2019]utilisat(?:eur|rice)\b", "mes "),
        ("es", r"\s*\b(?:del usuario|de la usuaria)\b", "mis "),
        ("pt", r"\s*\bd(?:o utilizador|a utilizadora|o usuário|a usuária)\b", "meus "),
        ("ru", r"\s*\bпользователя\b", "мои "),
        ("ar", r"\s*\b(?:المستخدم|للمستخدم)\b", ""),
        ("hi", r"उपयोगकर्ता (?:के|की|का)\s*", "मेरे "),
        ("zh", r"用户的?", "我的"),
        ("ja", r"ユーザーの", "私の"),
        ("ko", r"사용자의\s*", "나의 "),
    )
}


def remove_instructions(text: str) -> str:
    """Return the query without what only tells a search to find something; unchanged if nothing else remains."""
    about = _CLOSING.sub("", _INSTRUCTION.sub("", text, count=1)).strip()
    return about if keywords.normalize_text(about) else text


def find_user_words(text: str, language: Language) -> list[str]:
    """Return where the query says "user", in English or in this language."""
    patterns = [_ANY_USER, *(pattern for pattern, _ in _list_possessives(language))]
    return [match[0] for pattern in patterns for match in pattern.finditer(text)]


def to_first_person(text: str, language: Language) -> str:
    """Return the query as the user themselves would say it: "the user's dog" as "my dog"."""
    text = _OBJECT.sub(r"\1 me", _POSSESSIVE.sub("my", text))
    text = _SUBJECT.sub("I", _FIRST_WORD.sub("my ", text))
    for pattern, own in _list_possessives(language):
        if pattern.search(text):
            text = own + pattern.sub("", text).strip()
    return text


def _list_possessives(language: Language) -> list[tuple[re.Pattern[str], str]]:
    codes = [part.code for part in language.parts or (language,)]
    return [_POSSESSIVES[code] for code in codes if code in _POSSESSIVES]
