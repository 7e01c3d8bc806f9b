"""The catalogs in `locale/`: merged with the extracted texts, written and compiled the same way every time.

A catalog is sorted by file and holds neither dates nor line numbers, so that its differences show texts alone. A text
that changed needs a new translation: nothing is guessed from similar ones.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from gettext import GNUTranslations, c2py
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import allauth
import django
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from picard.config.paths import PROJECT
from tests.translation.borrowed import list_borrowed
from tests.translation.extraction import Found, extract_texts

LOCALE = PROJECT / "locale"
PACKAGED = {
    "django": [
        Path(django.__file__).parent / folder / "locale"
        for folder in ("conf", "contrib/auth", "contrib/humanize")
    ],
    "allauth": [Path(allauth.__file__).parent / "locale"],
}

# Placeholders of Python and of str.format, tags, and entities: equal in a text and its translation.
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%%|%[sd]|\{\w*\}|<[^>]+>|&\w+;")

Key = tuple[str | None, str | tuple[str, str]]
Translation = str | tuple[str, ...]


class Text(NamedTuple):
    """A text to translate: where it is, and what translators should know."""

    files: tuple[str, ...]
    hints: tuple[str, ...]


class StableCatalog(Catalog):
    """A catalog whose header holds only what gettext needs."""

    plural_forms = ""

    def __init__(self, language: str) -> None:
        super().__init__(
            locale=None, fuzzy=False, header_comment=f"# Picard's texts in {language}: `make messages`."
        )
        self.plural_forms = read_plural_forms(language)
        self._headers = [
            ("Language", language),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
            ("Plural-Forms", self.plural_forms),
        ]

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        return self._headers

    @mime_headers.setter
    def mime_headers(self, headers: Iterable[tuple[str, str]]) -> None:
        """Ignore headers: they are the same in every catalog of a language."""

    @property
    def num_plurals(self) -> int:
        return count_plurals(self.plural_forms)


def list_languages() -> list[str]:
    """Return the locale names of the languages with a catalog, such as "pt_BR"."""
    return sorted(path.parent.parent.name for path in LOCALE.glob("*/LC_MESSAGES/django.po"))


def get_path(language: str, suffix: str = "po") -> Path:
    return LOCALE / language / "LC_MESSAGES" / f"django.{suffix}"


@cache
def read_plural_forms(language: str) -> str:
    """Return the rule for plurals that Django's own catalog of the language has."""
    path = PACKAGED["django"][0] / language / "LC_MESSAGES" / "django.mo"
    with path.open("rb") as file:
        forms: str = GNUTranslations(file).info()["plural-forms"]
    return forms


def list_placeholders(text: str) -> Counter[str]:
    return Counter(PLACEHOLDER.findall(text))


def parse_plural_forms(plural_forms: str) -> Callable[[int], int]:
    """Return the function that chooses the form for a number."""
    return c2py(plural_forms.partition("plural=")[2].rstrip(";"))


def count_plurals(plural_forms: str) -> int:
    return int(plural_forms.partition("nplurals=")[2].partition(";")[0])


@cache
def collect_texts() -> dict[Key, Text]:
    """Return all texts to translate, sorted by their first file and their place in it."""
    found: dict[Key, list[Found]] = {}
    for each in (*extract_texts(), *list_borrowed()):
        found.setdefault((each.context, each.msgid), []).append(each)
    texts = {
        key: Text(
            tuple(sorted({each.file for each in places})),
            tuple(dict.fromkeys(hint for each in places for hint in each.hints)),
        )
        for key, places in found.items()
    }
    return dict(sorted(texts.items(), key=lambda item: item[1].files[0]))


def read_translations(path: Path) -> dict[Key, Translation]:
    """Return the translations of a catalog that are complete and not marked as fuzzy."""
    if not path.exists():
        return {}
    with path.open("rb") as file:
        messages = read_po(file, ignore_obsolete=True)
    return {
        get_key(message): _get_translation(message)
        for message in messages
        if message.id and not message.fuzzy and all(_list_forms(message))
    }


def read_packaged(language: str, package: str) -> dict[Key, Translation]:
    """Return the translations that a package brings for its texts that users see."""
    found: dict[Key, Translation] = {}
    for folder in reversed(PACKAGED[package]):
        path = folder / language / "LC_MESSAGES" / "django.mo"
        if path.exists():
            with path.open("rb") as file:
                found |= _read_compiled(GNUTranslations(file), read_plural_forms(language))
    return found


def _read_compiled(translations: GNUTranslations, plural_forms: str) -> dict[Key, Translation]:
    compiled: dict[str | tuple[str, int], str] = translations._catalog  # type: ignore[attr-defined]
    indices = _map_plurals(plural_forms, translations.info().get("plural-forms", plural_forms))
    found: dict[Key, Translation] = {}
    for each in list_borrowed():
        prefix = f"{each.context}\4" if each.context else ""
        if isinstance(each.msgid, str):
            text = compiled.get(prefix + each.msgid, "").strip()
            if text and list_placeholders(text) == list_placeholders(each.msgid):  # some packages' are wrong
                found[each.context, each.msgid] = text
        else:
            forms = tuple(compiled.get((prefix + each.msgid[0], index), "") for index in indices)
            if all(forms):
                found[each.context, each.msgid] = forms
    return found


def _map_plurals(ours: str, theirs: str) -> list[int]:
    """Return for each of our plural forms the form of another catalog that has its numbers."""
    choose_own, choose_other = parse_plural_forms(ours), parse_plural_forms(theirs)
    numbers = {choose_own(number): choose_other(number) for number in (10**6, *reversed(range(200)))}
    last = count_plurals(theirs) - 1
    return [numbers.get(form, min(form, last)) for form in range(count_plurals(ours))]


def merge(language: str, translations: dict[Key, Translation]) -> StableCatalog:
    """Return the catalog of all texts of today. Where a translation is missing, the package's own is taken."""
    catalog = StableCatalog(language)
    packaged = {name: read_packaged(language, name) for name in PACKAGED}
    for (context, msgid), text in collect_texts().items():
        own = packaged.get(text.files[0], {}).get((context, msgid))
        translation = translations.get((context, msgid), own)
        empty: Translation = "" if isinstance(msgid, str) else ("",) * catalog.num_plurals
        catalog.add(
            msgid,
            translation or empty,
            locations=[(file, 0) for file in text.files],
            auto_comments=text.hints,
            context=context,
        )
    return catalog


def write_catalog(catalog: StableCatalog, language: str) -> None:
    """Write and compile the catalog."""
    path = get_path(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(render_catalog(catalog))
    get_path(language, "mo").write_bytes(compile_catalog(catalog))


def render_catalog(catalog: StableCatalog) -> bytes:
    file = BytesIO()
    write_po(file, catalog, width=110, include_lineno=False)
    return file.getvalue()


def compile_catalog(catalog: StableCatalog) -> bytes:
    file = BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def get_key(message: Message) -> Key:
    msgid = message.id if isinstance(message.id, str) else (message.id[0], message.id[1])
    return message.context, msgid


def _list_forms(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ("",))


def _get_translation(message: Message) -> Translation:
    return message.string if isinstance(message.string, str) else _list_forms(message)
