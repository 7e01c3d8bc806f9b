"""The terms of Picard have one translation in each language, that of `locale/GLOSSARY.md`."""

import re
from functools import cache

import pytest

from tests.translation import catalogs
from tests.translation.test_catalogs import LANGUAGES, load

# By term: how English texts contain it.
TERMS = {
    "memory": r"\bmemor(?:y|ies)\b",
    "persona": r"\bpersonas?\b",
    "tag": r"\btags?\b",
    "app": r"\bapps?\b",
    "trash": r"\btrash\b",
    "passkey": r"\bpasskeys?\b",
    "recovery code": r"\brecovery codes?\b",
    "session": r"\bsessions?\b",
    "visibility": r"\bvisibility\b",
    "duplicate": r"\bduplicates?\b",
}
LEAST = 0.85  # of the texts with a term; others may say it by a pronoun or a verb
ENDING = 3  # letters at the end of a word that cases and plurals change
SHORTEST = 3


@cache
def read_glossary() -> dict[str, dict[str, list[str]]]:
    """Return by language and English term its translations."""
    text = (catalogs.LOCALE / "GLOSSARY.md").read_text(encoding="utf-8")
    sections = {part.split(" ", 1)[0]: part for part in text.split("\n## ")[1:]}
    return {language: _read_table(section) for language, section in sections.items()}


def _read_table(section: str) -> dict[str, list[str]]:
    rows = re.findall(r"^\| (.+?) \| (.+?) \|", section, re.MULTILINE)
    terms: dict[str, list[str]] = {}
    for english, translation in rows:
        words = [word.strip() for word in re.split(r"[,;/、，；،؛]| \(|\)", translation)]
        for term in re.split(r", | / ", english):
            terms.setdefault(re.sub(r" \(.*", "", term.strip()), []).extend(filter(None, words))
    return terms


def get_stems(term: str) -> list[str]:
    """Return what each word of a term begins with in any case and number, in Arabic without the article."""
    words = (re.sub("^ال", "", word) for word in term.casefold().split())
    return [word[: max(SHORTEST, len(word) - ENDING)] for word in words if len(word) >= SHORTEST] or [
        term.casefold()
    ]


def has_any(terms: list[list[str]], text: str) -> bool:
    return any(all(stem in text for stem in stems) for stems in terms)


@pytest.mark.parametrize("language", LANGUAGES)
def test_terms_are_those_of_the_glossary(language: str) -> None:
    glossary = read_glossary()[language]
    rare = {}
    for term, pattern in TERMS.items():
        terms = [get_stems(translation) for translation in glossary[term]]
        texts = [
            forms if isinstance(forms, str) else " ".join(forms)
            for (_context, msgid), forms in load(language).items()
            if re.search(pattern, msgid if isinstance(msgid, str) else msgid[1], re.IGNORECASE)
        ]
        share = sum(has_any(terms, text.casefold()) for text in texts) / len(texts)
        if share < LEAST:
            rare[term] = (round(share, 2), glossary[term])
    assert rare == {}


def test_every_language_translates_the_terms() -> None:
    assert sorted(read_glossary()) == sorted(LANGUAGES)
    assert {
        term for language in LANGUAGES for term in TERMS if term not in read_glossary()[language]
    } == set()
