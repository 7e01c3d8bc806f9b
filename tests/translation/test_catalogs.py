"""Every language has every text, with its placeholders, plurals and the terms of the glossary."""

import re
from collections.abc import Iterator
from functools import cache

import pytest
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils.translation import to_locale

from tests.translation import catalogs
from tests.translation.borrowed import list_borrowed
from tests.translation.catalogs import Key, StableCatalog, Translation, list_placeholders

LANGUAGES = ("ar", "de", "es", "fr", "hi", "ja", "ko", "pt_BR", "ru", "zh_Hans")
NUMBERS = range(1_000)


@cache
def load(language: str) -> dict[Key, Translation]:
    return catalogs.read_translations(catalogs.get_path(language))


@cache
def merge(language: str) -> StableCatalog:
    return catalogs.merge(language, load(language))


def iter_pairs(language: str) -> Iterator[tuple[str, str]]:
    """Yield each text with its translation, of plurals each form with the text whose place it takes."""
    for (_context, msgid), translation in load(language).items():
        if isinstance(msgid, str):
            yield msgid, str(translation)
        else:
            yield from ((msgid[1], form) for form in translation)


def test_languages_of_the_pages_have_a_catalog() -> None:
    assert catalogs.list_languages() == list(LANGUAGES)
    assert sorted(to_locale(code) for code, _name in settings.LANGUAGES) == sorted([*LANGUAGES, "en"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language: str) -> None:
    assert [key for key in catalogs.collect_texts() if key not in load(language)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalog_holds_only_texts_of_today(language: str) -> None:
    """`make messages` was run: the file is what it writes, byte for byte."""
    assert [key for key in load(language) if key not in catalogs.collect_texts()] == []
    assert catalogs.get_path(language).read_bytes() == catalogs.render_catalog(merge(language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_compiled_catalog_is_fresh(language: str) -> None:
    assert catalogs.get_path(language, "mo").read_bytes() == catalogs.compile_catalog(merge(language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_is_a_guess(language: str) -> None:
    with catalogs.get_path(language).open("rb") as file:
        assert [message.id for message in read_po(file) if message.fuzzy] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_and_tags_are_kept(language: str) -> None:
    broken = [
        (msgid, translation)
        for (_context, msgid), translation in load(language).items()
        if isinstance(msgid, str) and list_placeholders(msgid) != list_placeholders(str(translation))
    ]
    assert broken == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_plurals_have_each_form_with_its_number(language: str) -> None:
    """Only a form for a single number, such as the dual, may say it in words; where English does, that for 0 and 1."""
    plural_forms = catalogs.read_plural_forms(language)
    choose = catalogs.parse_plural_forms(plural_forms)
    uses: dict[int, set[int]] = {}
    for number in NUMBERS:
        uses.setdefault(choose(number), set()).add(number)
    for (_context, msgid), forms in load(language).items():
        if isinstance(msgid, str):
            continue
        needed = list_placeholders(msgid[1])
        assert len(forms) == catalogs.count_plurals(plural_forms), msgid
        for index, form in enumerate(forms):
            assert not list_placeholders(form) - needed, form
            numbers = uses.get(index, set())
            can_be_words = len(numbers) <= 1 or (numbers == {0, 1} and not list_placeholders(msgid[0]))
            assert list_placeholders(form) == needed or can_be_words, (index, form)


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_begin_and_end_like_their_text(language: str) -> None:
    for text, translation in iter_pairs(language):
        for pattern in (r"^\s*", r"\s*$") if text != ", " else ():  # Chinese writes its comma without a space
            assert re.search(pattern, text)[0] == re.search(pattern, translation)[0], (text, translation)  # type: ignore[index]
        assert translation.count("\n") == text.count("\n"), translation


@pytest.mark.parametrize("package", sorted(catalogs.PACKAGED))
def test_borrowed_texts_are_those_of_the_package(package: str) -> None:
    sources: set[Key] = set()
    for folder in catalogs.PACKAGED[package]:
        with (folder / "en" / "LC_MESSAGES" / "django.po").open("rb") as file:
            sources |= {catalogs.get_key(message) for message in read_po(file, locale="en") if message.id}
    borrowed = {(each.context, each.msgid) for each in list_borrowed() if each.file == package}
    assert borrowed - sources == set()
