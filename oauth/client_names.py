"""App names. Users decide by the name, so it must not contain invisible or misleading characters."""

import re
import unicodedata

import idna
from django.utils.translation import gettext as _

MAX_CHARACTERS = 80
MAX_CLEANED_CHARACTERS = 1_000
SPACE = " "
MAX_MARKS = 6  # combining marks on one character: Burmese has five, and more would cover adjacent lines
# Unicode general categories: controls, text direction, private use, surrogates, line ends, spaces (except " ").
INVISIBLE_CATEGORIES = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Zs"}
JOINERS = "\u200c\u200d"  # allowed where RFC 5892, A.1 and A.2, allows them in domain names
# Emoji consist of several characters (UTS 51 1.4.6), which are invisible elsewhere.
EMOJI_JOINER = "\u200d"
VARIATION_SELECTORS = "\ufe0e\ufe0f"  # as text, as emoji
KEYS, KEYCAP = tuple("0123456789#*"), "\u20e3"
SKIN_TONES = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
REGIONAL_INDICATORS = ("\U0001f1e6", "\U0001f1ff")  # two of them are a flag
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
    if any(_is_misleading(name, index) for index in range(len(name))):
        return _(
            "The name cannot contain invisible characters such as line breaks, direction marks, zero-width characters "
            "or special spaces."
        )
    if _has_stacked_marks(name):
        return _("The name cannot start with a combining mark or have too many marks on one character.")
    return ""


def clean_name(name: str) -> str:
    """Return the most similar valid name: without what is invisible or misleading, and shortened; possibly empty."""
    name = "".join(SPACE if character.isspace() else character for character in name[:MAX_CLEANED_CHARACTERS])
    while (visible := _remove_misleading(name)) != name:
        name = visible  # a joiner may have lost its neighbours
    name = _remove_stacked_marks(SPACE.join(name.split()))
    return _shorten(name) if len(name) > MAX_CHARACTERS else name


def _remove_misleading(name: str) -> str:
    return "".join(character for index, character in enumerate(name) if not _is_misleading(name, index))


def _is_misleading(name: str, index: int) -> bool:
    return _is_invisible(name[index]) and not (
        _is_valid_joiner(name, index) or _is_part_of_emoji(name, index)
    )


def _is_invisible(character: str) -> bool:
    is_invisible = unicodedata.category(character) in INVISIBLE_CATEGORIES and character != SPACE
    return is_invisible or INVISIBLE.match(character) is not None


def _is_valid_joiner(name: str, index: int) -> bool:
    """Return whether it is a joiner that changes how adjacent letters are written, as Persian and Hindi need."""
    try:
        return name[index] in JOINERS and idna.valid_contextj(name, index)
    except ValueError:
        return False


def _is_part_of_emoji(name: str, index: int) -> bool:
    """Return whether it changes the emoji before it, or joins it to the next one."""
    before, after = name[:index], name[index + 1 : index + 2]
    if name[index] in VARIATION_SELECTORS:
        return _is_pictograph(before[-1:]) or (before[-1:] in KEYS and after == KEYCAP)
    base = before.rstrip(VARIATION_SELECTORS + SKIN_TONES)
    return name[index] == EMOJI_JOINER and _is_pictograph(base[-1:]) and _is_pictograph(after)


def _is_pictograph(character: str) -> bool:
    return character != "" and unicodedata.category(character) in ("So", "Sm")


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
    return _remove_misleading(name[: end or MAX_CHARACTERS]).strip()


def _continues(name: str, index: int) -> bool:
    """Return whether users see this character and the one before it as one."""
    first, last = REGIONAL_INDICATORS
    flags = re.search(rf"[{first}-{last}]*$", name[:index])
    is_in_flag = first <= name[index] <= last and flags is not None and len(flags[0]) % 2 == 1
    is_attached = unicodedata.category(name[index])[0] == "M" or name[index] in JOINERS + SKIN_TONES
    return is_in_flag or is_attached or name[index - 1] == EMOJI_JOINER
