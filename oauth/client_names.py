"""App names. Users decide by the name, so it must not contain invisible or misleading characters."""

import re
import unicodedata

from django.utils.translation import gettext as _

from core.visible_text import (
    EMOJI_JOINER,
    JOINERS,
    SKIN_TONES,
    SPACE,
    VARIATION_SELECTORS,
    is_misleading,
    remove_misleading,
)

MAX_CHARACTERS = 80
MAX_CLEANED_CHARACTERS = 1_000
MAX_MARKS = 6  # combining marks on one character: Burmese has five, and more would cover adjacent lines
REGIONAL_INDICATORS = ("\U0001f1e6", "\U0001f1ff")  # two of them are a flag


def get_name_error(name: str) -> str:
    """Return why the name is invalid, empty if it is valid. An app without a name is shown by its client id."""
    if len(name) > MAX_CHARACTERS:
        return _("The name can have at most %(limit)s characters.") % {"limit": MAX_CHARACTERS}
    if name and not name.strip():
        return _("The name cannot consist of spaces only.")
    if any(is_misleading(name, index) for index in range(len(name))):
        return _(
            "The name cannot contain invisible characters such as line breaks, direction marks, zero-width characters "
            "or special spaces."
        )
    if _has_stacked_marks(name):
        return _("The name cannot start with a combining mark or have too many marks on one character.")
    return ""


def clean_name(name: str) -> str:
    """Return the most similar valid name: without what is invisible or misleading, and shortened; possibly empty."""
    name = remove_misleading(
        "".join(SPACE if each.isspace() else each for each in name[:MAX_CLEANED_CHARACTERS])
    )
    name = _remove_stacked_marks(SPACE.join(name.split()))
    return _shorten(name) if len(name) > MAX_CHARACTERS else name


def _has_stacked_marks(name: str) -> bool:
    return _remove_stacked_marks(name) != name


def _remove_stacked_marks(name: str) -> str:
    kept, marks = "", MAX_MARKS  # none at the start
    for character in name:
        marks = marks + 1 if _is_mark(character) else 0
        kept += character if marks <= MAX_MARKS else ""
    return kept


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M" and character not in VARIATION_SELECTORS


def _shorten(name: str) -> str:
    """Return the name without the characters after the limit, nor the first half of one that users see as one."""
    end = MAX_CHARACTERS
    while end > 0 and _continues(name, end):
        end -= 1
    return remove_misleading(name[: end or MAX_CHARACTERS]).strip()


def _continues(name: str, index: int) -> bool:
    """Return whether users see this character and the one before it as one."""
    first, last = REGIONAL_INDICATORS
    flags = re.search(rf"[{first}-{last}]*$", name[:index])
    is_in_flag = first <= name[index] <= last and flags is not None and len(flags[0]) % 2 == 1
    is_attached = unicodedata.category(name[index])[0] == "M" or name[index] in JOINERS + SKIN_TONES
    return is_in_flag or is_attached or name[index - 1] == EMOJI_JOINER
