"""Emoji and symbols as words of the index: a birthday cake, an arrow, a currency sign.

An emoji is one word, whatever its skin tone and its variant (text or picture). A sequence of emoji that shows as one,
such as a family, is a word of its own and has its parts as words. Punctuation and ASCII symbols are no words.
"""

import re

_FLAG_LETTER = "\U0001f1e6-\U0001f1ff"
_SKIN_TONE = "\U0001f3fb-\U0001f3ff"
# Currency, letterlike, arrows, mathematical, technical, geometric and enclosed symbols, dingbats; pictographs. Without
# box drawing, of which tables are made.
_SYMBOL = (
    "\u00a2-\u00a6\u00a9\u00ac\u00ae-\u00b1\u00d7\u00f7\u03f6\u203c\u2044\u2049\u2052\u207a-\u207c\u208a-\u208c\u20a0-\u20cf"
    "\u2100-\u214f\u2190-\u24ff\u2580-\u27bf\u27c0-\u27e5\u27f0-\u2982\u2999-\u29d7\u29dc-\u29fb\u29fe-\u2bff\u3004\u3012"
    "\u3013\u3020\u3030\u3036\u303d\u303e\u303f\u3200-\u33ff\u4dc0-\u4dff\ufdfc\uffe0-\uffe6\U0001d000-\U0001d1ff"
    "\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff\U0001fb00-\U0001fbef"
)
_VARIANT = "\ufe0e\ufe0f"
_TAG = "\U000e0020-\U000e007f"  # letters of a region, after a black flag
_JOINER = "\u200d"
_ONE = rf"[{_SYMBOL}][{_VARIANT}]?[{_SKIN_TONE}]?[{_TAG}]*"
# In this order: keycaps, flags, emoji and symbols, a skin tone alone, half a flag.
SYMBOLS = (
    rf"[0-9\#*]\ufe0f?\u20e3 | [{_FLAG_LETTER}]{{2}} | {_ONE}(?:{_JOINER}{_ONE})* "
    rf"| [{_SKIN_TONE}] | [{_FLAG_LETTER}]"
)

_STYLE = re.compile(rf"[{_VARIANT}]|(?<=.)[{_SKIN_TONE}]", re.DOTALL)
_GENDER = frozenset("\u2640\u2642")  # of a runner, say: no word of their own
_KEYCAP = "\u20e3"


def split_symbol(sequence: str) -> tuple[str, ...]:
    """Return the words of a match of `SYMBOLS`: the whole, and its parts if it has several."""
    whole = _STYLE.sub("", sequence)
    if whole.endswith(_KEYCAP):
        return (whole, whole[0]) if whole[0].isdecimal() else (whole,)
    parts = [part for part in whole.split(_JOINER) if part not in _GENDER]
    return tuple(dict.fromkeys((whole, *parts)))
