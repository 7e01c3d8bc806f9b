"""What an app may be called. People decide by its name, so it must read as it is and hold nothing that is not seen."""

import re
import unicodedata

import idna
from django.utils.translation import gettext as _

MAX_CHARACTERS = 80
SPACE = " "
MAX_MARKS = 6  # on one character, above, below and beside it: Burmese has five; a pile of them covers the lines around
# Controls, what turns the direction of text, private and half characters, line ends, and blanks but the plain one
# (Unicode's general categories).
INVISIBLE_CATEGORIES = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Zs"}
JOINERS = "\u200c\u200d"  # where RFC 5892, A.1 and A.2, allows them in a domain name
# Of other categories, what shows nothing all the same: Default_Ignorable_Code_Point, and the empty Braille cell.
INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)


def get_name_error(name: str) -> str:
    """Why no app can have this name, empty if one can. An app without a name is called by its id."""
    if len(name) > MAX_CHARACTERS:
        return _("A name has at most %(limit)s characters.") % {"limit": MAX_CHARACTERS}
    if name and not name.strip():
        return _("A name is more than blanks.")
    if any(
        _is_invisible(character) and not _is_valid_joiner(name, place) for place, character in enumerate(name)
    ):
        return _(
            "A name holds only what is seen: no line ends, marks of direction, characters without width or other "
            "blanks than the plain one."
        )
    if _has_stacked_marks(name):
        return _("A name begins with a character, and piles no marks on one.")
    return ""


def _is_invisible(character: str) -> bool:
    is_unseen = unicodedata.category(character) in INVISIBLE_CATEGORIES and character != SPACE
    return is_unseen or INVISIBLE.match(character) is not None


def _is_valid_joiner(name: str, place: int) -> bool:
    """Whether it is a joiner that shows, in how the letters around it are written: Persian and Hindi need them."""
    try:
        return name[place] in JOINERS and idna.valid_contextj(name, place)
    except ValueError:
        return False


def _has_stacked_marks(name: str) -> bool:
    marks = "".join("m" if unicodedata.category(character)[0] == "M" else "." for character in name)
    return marks.startswith("m") or "m" * (MAX_MARKS + 1) in marks
