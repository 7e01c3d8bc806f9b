"""Lines of a conversation that the user marked to be remembered: `remember: I moved to Ghent.`"""

import re
import unicodedata
from collections.abc import Iterator

# How each language of core/languages.py says "remember"; every user can use any of them.
MARKS = {
    "ar": ("تذكر", "تذكّر"), "bg": ("запомни",), "bn": ("মনে রাখো", "মনে রেখো"), "ca": ("recorda",),
    "cs": ("zapamatuj si", "pamatuj si", "pamatuj"), "da": ("husk",), "de": ("merke dir", "merk dir", "merke"),
    "el": ("θυμήσου", "να θυμάσαι"), "en": ("remember",), "eo": ("memoru",), "es": ("recuerda",),
    "et": ("jäta meelde",), "eu": ("gogoratu",), "fa": ("به خاطر بسپار", "یادت باشد"), "fi": ("muista",),
    "fr": ("retiens", "souviens-toi"), "ga": ("cuimhnigh",), "he": ("זכור", "זכרי"), "hi": ("याद रखो", "याद रखें"),
    "hr": ("zapamti",), "hu": ("jegyezd meg", "emlékezz"), "hy": ("հիշիր",), "id": ("ingat",), "it": ("ricorda",),
    "ja": ("覚えておいて", "覚えて"), "ko": ("기억해", "기억해줘"), "lt": ("įsimink", "prisimink"), "lv": ("atceries",),
    "nb": ("husk",), "ne": ("सम्झ", "याद राख"), "nl": ("onthoud",), "pl": ("zapamiętaj",),
    "pt": ("lembre-se", "lembra", "lembre"), "ro": ("ține minte", "tine minte"), "ru": ("запомни",),
    "sk": ("zapamätaj si", "pamätaj si"), "sl": ("zapomni si",), "sr": ("запамти", "zapamti"), "st": ("hopola",),
    "sv": ("kom ihåg",), "ta": ("நினைவில் கொள்",), "th": ("จำไว้",), "tr": ("hatırla", "unutma"),
    "uk": ("запам'ятай", "запам’ятай"), "ur": ("یاد رکھو", "یاد رکھیں"), "vi": ("ghi nhớ", "hãy nhớ", "nhớ"),
    "yi": ("געדענק",), "zh": ("记住", "記住"),
}  # fmt: skip
_WORDS = "|".join(
    sorted({re.escape(word) for words in MARKS.values() for word in words}, key=len, reverse=True)
)
# A bullet or a quotation mark, the speaker and markup can come before the mark.
_MARKED = re.compile(
    rf"\s*(?:(?:[-*•>]|\d{{1,3}}[.)])\s+)?(?P<speaker>[^\s:：][^:：]{{0,40}}[:：]\s+)?[*_]{{0,3}}(?:{_WORDS})[*_]{{0,3}}"
    r"\s?[:：][*_]{0,3}\s*(?P<text>\S.*)",
    re.IGNORECASE,
)
_SPEAKER = re.compile(r"(?P<name>[^\W\d_][^:：\n]{0,40})[:：](?:\s|$)")
ASSISTANT = "assistant"
INVISIBLE = "\u200e\u200f\ufeff"  # direction marks of Arabic and Hebrew texts, byte order mark


def find_marked_lines(conversation: str) -> list[str]:
    """Return the distinct texts after the marks, in order; not those of turns that begin with `Assistant:`."""
    return list(dict.fromkeys(_iter_marked_lines(conversation)))


def _iter_marked_lines(conversation: str) -> Iterator[str]:
    is_assistant = False
    for line in unicodedata.normalize("NFC", conversation).splitlines():
        line = line.lstrip(INVISIBLE)
        marked = _MARKED.match(line)
        speaker = _SPEAKER.match(line)
        if speaker and not (marked and marked["speaker"] is None):
            is_assistant = speaker["name"].strip().lower() == ASSISTANT
        if marked and not is_assistant:
            yield marked["text"].strip()
