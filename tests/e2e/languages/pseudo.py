"""A pseudo-language: English with accents, in brackets, each word longer by two fifths, as German or Russian may be."""

import re
from gettext import NullTranslations
from math import ceil

from tests.translation.catalogs import PLACEHOLDER

ACCENTS = str.maketrans("aeiouyncAEIOUNC", "äëîöúÿñçÄËÎÖÚÑÇ")
LONGER = 0.4


class PseudoTranslations(NullTranslations):
    def __init__(self, code: str) -> None:
        super().__init__()
        self.code = code

    def gettext(self, message: str) -> str:
        text = message.rpartition("\4")[2]
        return f"⟦{lengthen(text)}⟧" if text.strip() else text

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        return self.gettext(singular if number == 1 else plural)

    def language(self) -> str:
        return self.code

    def to_language(self) -> str:
        return self.code


def lengthen(text: str) -> str:
    """Return the text with longer words, and the same placeholders and tags."""
    kept = [match[0] for match in PLACEHOLDER.finditer(text)] + [""]
    parts = (re.sub(r"[^\W\d_]+", _lengthen_word, part) for part in PLACEHOLDER.split(text))
    return "".join(part + placeholder for part, placeholder in zip(parts, kept, strict=True))


def _lengthen_word(word: re.Match[str]) -> str:
    return word[0].translate(ACCENTS) + "o" * ceil(LONGER * len(word[0]))
