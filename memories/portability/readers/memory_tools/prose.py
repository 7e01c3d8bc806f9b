"""Tell what people wrote from identifiers, paths and other technical strings, and make keys readable."""

import re
from collections.abc import Iterator

START_CHARACTERS = 500  # of a text that is looked at
TECHNICAL = re.compile(
    r"\s*(?:[{\[]\s*[\"{\[]|<[!?/a-zA-Z]\S*|https?://\S+\s*$|data:\S|[A-Za-z0-9+/=]{60,}\s*$)"
)
READABLE = re.compile(r"\s*[^\W\d_][^\W_]*(?:[\s,.!?;:\u2019'-]|$)")
HTML = re.compile(
    r"\s*<(?:p|div|h[1-6]|ul|ol|span|br|b|i|strong|em|blockquote|article|html|body)\b[^<>]{0,500}>"
)
ID = re.compile(
    r"[0-9a-fA-F]{8,}|[0-9a-fA-F-]{32,36}|\d+|[a-zA-Z]{1,12}[_-](?=[\w-]*\d)[\w-]{8,}|(?=[a-zA-Z]*\d)[0-9a-zA-Z]{15,}"
    r"|(?:user|mem|memory|fact|note|doc|document|item|id|entry|key)[_-]?\d+",
    re.IGNORECASE,
)
NUMBERED = re.compile(r"(?:memory|note|fact|item|entry|record|untitled)?\W*\d*", re.IGNORECASE)
WORD_BREAK = re.compile(r"[_\s]+|(?<=[a-z])-(?=[a-z])|(?<=[a-z\d])(?=[A-Z][a-z])")
# Scripts that have no spaces between words.
UNSPACED = re.compile(r"[\u0e00-\u0fff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
SENTENCE_CHARACTERS = 60
SHORT_LINE = 300  # characters; longer lines are paragraphs
BULLETS = "-*•– \t"
# Names under which agents keep what they know of the user: the prompt of the reference server says "default_user".
OWN_NAMES = frozenset({"default_user", "default-user", "defaultuser", "user", "the_user", "me", "myself"})


def is_html(text: str) -> bool:
    """Return whether a text is a fragment of HTML, as editors of notes store it."""
    return HTML.match(text) is not None and text.rstrip().endswith(">")


def is_prose(text: str) -> bool:
    """Return whether a text has at least two words, as a fact about somebody has."""
    start = text[:START_CHARACTERS]
    if TECHNICAL.match(start):
        return False
    if len(UNSPACED.findall(start)) > 2:
        return True
    return sum(any(map(str.isalpha, word)) for word in start.split()) > 1


def is_readable(text: str) -> bool:
    """Return whether a text may be of a person, if only a word: no path, address or code."""
    return READABLE.match(text) is not None and not TECHNICAL.match(text[:START_CHARACTERS])


def is_sentence(text: str) -> bool:
    """Return whether a text can stand alone, without a heading that says what it is about."""
    words = text[:START_CHARACTERS].split()
    return len(words) > 3 or text.rstrip().endswith((".", "!", "。")) or len(UNSPACED.findall(text)) > 6


def is_id(text: str) -> bool:
    """Return whether a name is made by a program: a UUID, a number, "user_123", a path."""
    return len(text) > START_CHARACTERS or "/" in text or "\\" in text or ID.fullmatch(text) is not None


def is_placeholder(title: str) -> bool:
    """Return whether a title says nothing: "Memory 1"."""
    return not title.strip() or NUMBERED.fullmatch(title.strip()) is not None


def humanise(key: str) -> str:
    """Return a key as words that begin a line: "favourite_food" and "favouriteFood" as "Favourite food"."""
    words = [word if word.isupper() and len(word) < 5 else word.lower() for word in _split_words(key)]
    return capitalise(" ".join(words))


def humanise_relation(name: str) -> str:
    """Return a relation as words: "WORKS_AT" and "worksAt" as "works at"."""
    return " ".join(_split_words(name)).lower()


def humanise_name(name: str) -> str:
    """Return a name as it is written: "John_Smith" as "John Smith"; names of code stay as they are."""
    words = name.strip().split("_")
    if len(words) > 1 and all(word[:1].isupper() for word in words):
        return " ".join(words)
    return name.strip()


def show_name(name: str) -> str:
    return "User" if name.strip().lower() in OWN_NAMES else humanise_name(name)


def name_subject(name: str, fact: str) -> str:
    """Return a fact with the name that it is about, unless it begins with that."""
    fact = fact.strip()
    return fact if fact.casefold().startswith(name.casefold()) else f"{name}: {fact}"


def capitalise(text: str) -> str:
    return text[:1].upper() + text[1:]


def add_label(label: str, text: str) -> str:
    """Put a heading before a text, unless the text begins with it: "Diet: vegetarian"."""
    label, text = label.strip(), text.strip()
    if not label or not text or text.lstrip("# ").casefold().startswith(label.casefold()):
        return text
    has_lines = "\n" in text or len(text) > 2 * SENTENCE_CHARACTERS + len(label)
    return f"{label}\n\n{text}" if has_lines else f"{label}: {text}"


def _split_words(key: str) -> list[str]:
    return [word for word in WORD_BREAK.split(key[:START_CHARACTERS]) if word]


def split_lines(text: str) -> Iterator[str]:
    """Yield the facts of a block: its lines, or its paragraphs where a line is long. A heading is put before them."""
    lines = [line.strip() for line in text.splitlines()]
    is_listed = all(len(line) <= SHORT_LINE for line in lines)
    heading = ""
    for entry in lines if is_listed else text.split("\n\n"):
        entry = entry.strip()
        if entry.startswith("#"):
            heading = entry.lstrip("# ").rstrip(" :")
        elif fact := entry.lstrip(BULLETS) if is_listed else entry:
            yield f"{heading}: {fact}" if heading else fact
