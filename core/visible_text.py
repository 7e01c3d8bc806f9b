"""Text as others see it: without invisible characters, and without those that change the direction of what follows."""

import re
import unicodedata

import idna

SPACE = " "
# Unicode general categories: controls, text direction, private use, surrogates, line ends, spaces (except " ").
INVISIBLE_CATEGORIES = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Zs"}
JOINERS = "\u200c\u200d"  # allowed where RFC 5892, A.1 and A.2, allows them in domain names
# Emoji consist of several characters (UTS 51 1.4.6), which are invisible elsewhere.
EMOJI_JOINER = "\u200d"
VARIATION_SELECTORS = "\ufe0e\ufe0f"  # as text, as emoji
KEYS, KEYCAP = tuple("0123456789#*"), "\u20e3"
SKIN_TONES = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
# Invisible characters of other categories: Default_Ignorable_Code_Point, and the empty Braille cell.
INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)


def clean_text(text: str) -> str:
    """Return the text without what is invisible or misleading. Lines stay, special spaces become plain ones."""
    return "\n".join(
        remove_misleading("".join(SPACE if character.isspace() else character for character in line))
        for line in text.splitlines()
    )


def remove_misleading(text: str) -> str:
    while (visible := "".join(each for at, each in enumerate(text) if not is_misleading(text, at))) != text:
        text = visible  # a joiner may have lost its neighbours
    return text


def is_misleading(name: str, index: int) -> bool:
    """Return whether the character at this index is invisible there."""
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
