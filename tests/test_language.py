"""The words of docs/style.md: no text shown to users or developers uses a phrase of the product's old wording."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from picard.config.paths import PROJECT

PACKAGES = ("accounts", "core", "memories", "oauth", "picard")
NOTES = PROJECT / "docs" / "examples" / "notes"
MAX_TEMPLATE_LINE = 120  # characters, as for djlint
# Whole phrases without a good use; single words have one. Matched without regard to case and line breaks.
OLD_PHRASES = (
    *("put in the trash", "moved to the trash", "lies in your trash", "for ever", "taken back", "bring back"),
    *("your yes", "my yes", "for a yes", "their yes", "say yes to", "said yes to", "said no"),
    *("look into your mail", "look among the spam", "the letter that", "in this letter"),
    *("keep just this", "says just this", "say just this", "keeps here", "are kept here"),
    *("cannot be taken", "could not be taken", "did not take", "not in order", "asked wrongly"),
    *("who may know it", "is forgotten", "forget what it wrote", "found by words only"),
    *("put the tag on", "put on a tag", "take it off", "tick at least", "change many", "make them one"),
    *("let go on", "lets in", "let in", "take along", "take everything along", "bring it again"),
    *("what apps did", "unnarrowed", "stands there twice", "stand there twice", "there twice"),
    *("is no utf-8", "is no csv", "is no json", "half a character", "there is no such thing"),
    *("changed meanwhile", "came meanwhile", "under way or looked at", "a memory a line"),
    *(
        "main one",
        "prove itself",
        "proves itself",
        "give the tokens back",
        "something broke",
        "the page anew",
    ),
)
OLD_PHRASE = re.compile(rf"\b(?:{'|'.join(map(re.escape, OLD_PHRASES))})\b", re.IGNORECASE)


def templates() -> list[Path]:
    folders = (PROJECT / "templates", NOTES / "notes" / "templates")
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())


def python_files() -> list[Path]:
    found = [PROJECT / "manage.py", *NOTES.rglob("*.py")]
    found += [path for package in PACKAGES for path in (PROJECT / package).rglob("*.py")]
    found += (PROJECT / "cli" / "src").rglob("*.py")
    return sorted(found)


def scripts() -> list[Path]:
    return sorted((PROJECT / "static" / "js").glob("*.js"))


def get_strings(tree: ast.Module) -> Iterator[str]:
    """Yield every string of a module but its docstrings."""
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def find_old_phrases(text: str) -> list[str]:
    return [match[0].lower() for match in OLD_PHRASE.finditer(" ".join(text.split()))]


def name_of(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def test_pages_and_emails_use_no_old_phrase() -> None:
    texts = {name_of(path): path.read_text(encoding="utf-8") for path in [*templates(), *scripts()]}
    assert {name: phrases for name, text in texts.items() if (phrases := find_old_phrases(text))} == {}


def test_python_texts_use_no_old_phrase() -> None:
    texts = [
        (name_of(path), text)
        for path in python_files()
        for text in get_strings(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert [(name, text) for name, text in texts if find_old_phrases(text)] == []


@pytest.mark.parametrize(
    "text", ["Moved to the trash.", "It waits for\n  your yes.", "DELETED FOR EVER", "%(n)d deleted for ever"]
)
def test_old_phrases_are_found_in_any_case_and_across_lines(text: str) -> None:
    assert find_old_phrases(text)
    assert not find_old_phrases("Moved to trash. Keep its tags. It needs your approval.")


def test_old_phrases_are_distinct() -> None:
    assert len(OLD_PHRASES) == len(set(OLD_PHRASES)) >= 40


def test_template_lines_are_at_most_120_characters() -> None:
    assert [
        f"{name_of(path)}:{number}"
        for path in templates()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > MAX_TEMPLATE_LINE
    ] == []
