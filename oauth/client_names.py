"""Validation of app names. Users decide by the name, so it must not contain invisible or misleading characters."""

import re
import unicodedata

import idna
from django.utils.translation import gettext as _

MAX_CHARACTERS = 80
SPACE = " "
MAX_MARKS = 6  # combining marks on one character: Burmese has five, and more would cover adjacent lines
# Unicode general categories: controls, text direction, private use, surrogates, line ends, spaces (except " ").
INVISIBLE_CATEGORIES = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Zs"}
JOINERS = "\u200c\u200d"  # allowed where RFC 5892, A.1 and A.2, allows them in domain names
# Invisible characters of other categories: Default_Ignorable_Code_Point, and the empty Braille cell.
INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)


def get_name_error(name: str) -> str:
    """Return why the name is invalid, empty if it is valid. An app without a name is shown by its client id."""
    if len(name) > MAX_CHARACTERS:
        return _("The name can have at most %(limit)s characters.") % {"limit": MAX_CHARACTERS}
    if name and not name.strip():
        return _("The name cannot consist of spaces only.")
    if any(
        _is_invisible(character) and not _is_valid_joiner(name, index) for index, character in enumerate(name)
    ):
        return _(
            "The name cannot contain invisible characters such as line breaks, direction marks, zero-width characters "
            "or special spaces."
        )
    if _has_stacked_marks(name):
        return _("The name cannot start with a combining mark or have too many marks on one character.")
    return ""


def _is_invisible(character: str) -> bool:
    is_invisible = unicodedata.category(character) in INVISIBLE_CATEGORIES and character != SPACE
    return is_invisible or INVISIBLE.match(character) is not None


def _is_valid_joiner(name: str, index: int) -> bool:
    """Return whether it is a joiner that changes how adjacent letters are written, as Persian and Hindi need."""
    try:
        return name[index] in JOINERS and idna.valid_contextj(name, index)
    except ValueError:
        return False


def _has_stacked_marks(name: str) -> bool:
    marks = "".join("m" if unicodedata.category(character)[0] == "M" else "." for character in name)
    return marks.startswith("m") or "m" * (MAX_MARKS + 1) in marks
