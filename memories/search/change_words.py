"""English words that tell whether a text changes an older one: of change, negations, opposites, numbers and dates."""

import re
from functools import cache

from memories.index.date_words import MONTHS, WEEKDAYS

_MONTH = "|".join(rf"{name}|{name[:3]}" if len(name) > 3 else name for name in MONTHS)
_WEEKDAY = "|".join(WEEKDAYS)

CHANGE = re.compile(
    rf"""\b(?:
    now|no[ ]longer|no[ ]more|any[ ]?(?:more|longer)|used[ ]to|from[ ]now[ ]on|these[ ]days|nowadays|by[ ]now|lately
    |at[ ]present|currently|instead|in[ ]place[ ]of|after[ ]all|again|all[ ]of[ ]a[ ]sudden|suddenly|finally|actually
    |since[ ](?:today|yesterday|then|last|the|this|(?-i:[A-Z]\w+))|as[ ]of
    |from[ ](?:this|next|today|tomorrow|{_MONTH}|{_WEEKDAY})
    |start(?:ed|ing)|beg[au]n|mov(?:ed?|es|ing)|relocat(?:ed?|es|ing)|chang(?:ed?|es|ing)|switch(?:ed|ing)|swapped|replac(?:ed?|es|ing)
    |traded|exchanged|new|quit|stop(?:ped|s)?|(?:gave|given|giving)[ ](?:up|notice)|(?<!my[ ])(?<!the[ ])left|leaving
    |resigned|retired|stepped[ ](?:down|back)|laid[ ]off|fired|promoted|bec[ao]me|turned[ ](?:into|out|vegan|vegetarian)
    |cancel(?:l?ed|s)|unsubscribed|sold|bought|got[ ]rid[ ]of|gone|ended|finished|is[ ]over|died|passed[ ]away
    |passed|completed|closed[ ]down|has[ ]closed|lost[ ](?:my|his|her|their|the)[ ]job|joined|graduated
    |(?:took|taken)[ ]over
    |split[ ]up|broken?[ ]up|separated|divorced|engaged|married|made[ ]up|fell[ ]out|had[ ]a[ ](?:baby|boy|girl)
    |gave[ ]birth|postponed|put[ ]off|rescheduled|delayed|rebooked|brought[ ]forward|pushed[ ]back
    |(?:went|goes|going)[ ](?:up|down)|rose|risen|raised|increased|dropped|reduced|lowered|reached|grew|grown
    |upgraded|renamed|recovered|cured|healed|today|already|formerly|previously|former|correction|update
    )\b""",
    re.VERBOSE | re.IGNORECASE,
)
NAME_WITH_NEW = re.compile(r"(?<=\w )New\b(?= [A-Z])")  # New Year, New York

# By language; without spaces between words, or with endings, as part of a word.
_NEGATIONS = {
    "en": r"n['\u2019]t\b|\b(?:not|no(?! (?:longer|more)\b)|never|none|nothing|nobody|without|neither|nor|cannot)\b",
    "de": r"\b(?:nicht|nichts|kein(?:e|en|em|er|es)?|nie|niemals|niemand|ohne)\b",
    "nl": r"\b(?:niet|niets|geen|nooit|niemand|zonder)\b",
    "fr": r"\b(?:pas|jamais|rien|aucune?|sans|personne ne)\b",
    "es": r"\b(?:no|nunca|jamás|nada|nadie|ning[uú]n[ao]?|sin|tampoco)\b",
    "pt": r"\b(?:não|nunca|jamais|nada|ninguém|nenhuma?|sem)\b",
    "it": r"\b(?:non|mai|niente|nulla|nessun[ao]?|senza)\b",
    "ca": r"\b(?:no|mai|res|ningú|cap|sense)\b",
    "ro": r"\b(?:nu|niciodată|nimic|nimeni|fără)\b",
    "sv": r"\b(?:inte|ej|aldrig|inget|ingen|inga|utan)\b",
    "da": r"\b(?:ikke|aldrig|intet|ingen|uden)\b",
    "nb": r"\b(?:ikke|aldri|intet|ingen|uten)\b",
    "fi": r"\b(?:en|et|ei|emme|ette|eivät|ilman)\b",
    "pl": r"\b(?:nie|nigdy|nic|nikt|bez)\b",
    "cs": r"\b(?:ne\w+|nikdy|nic|nikdo|bez)\b",
    "ru": r"\b(?:не|нет|ни|никогда|ничего|никто|без)\b",
    "uk": r"\b(?:не|ні|немає|ніколи|нічого|ніхто|без)\b",
    "bg": r"\b(?:не|няма|никога|нищо|никой|без)\b",
    "el": r"\b(?:δεν|μην?|όχι|ποτέ|τίποτα|χωρίς)\b",
    "tr": r"\b(?:değil\w*|yok|hiç|asla)\b|\w+(?:m[ıiuü]yor|maz|mez|madı|medi)\w*",
    "hu": r"\b(?:nem|ne|soha|semmi|senki|nincs|nélkül)\b",
    "vi": r"\b(?:không|chưa|chẳng|đừng)\b",
    "id": r"\b(?:tidak|tak|bukan|belum|tanpa|jangan)\b",
    "ar": r"\b(?:لا|لم|لن|ما|ليس\w*|لست|بدون|غير)\b",
    "he": r"\b(?:לא|אין|אינ\w+|אף פעם|בלי)\b",
    "fa": r"\b(?:نه|نمی\w*|نیست\w*|هرگز|بدون|هیچ)\b",
    "hi": r"नहीं|मत|बिना|कभी नहीं",
    "th": r"ไม่|มิ",
    "zh": r"不|没|沒|无|無|非|别|別|未",
    "ja": r"ない|ません|なかった|ず",
    "ko": r"않|못|없|아니|안 ",
}
_ANY_NEGATION = "|".join(
    _NEGATIONS[code] for code in ("en", "de", "fr", "pt", "ru", "ar", "hi", "th", "zh", "ja", "ko")
)


@cache
def get_negation(code: str) -> re.Pattern[str]:
    """Return what negates in this language; for another one, in some of the most common."""
    return re.compile(_NEGATIONS.get(code, _ANY_NEGATION), re.IGNORECASE)


OPPOSITES = tuple(
    frozenset(pair.split("/"))
    for pair in (
        "love/hate", "like/hate", "like/dislike", "love/dislike", "enjoy/hate", "enjoy/dislike", "always/never",
        "often/never", "can/cannot", "more/less", "open/closed", "allowed/forbidden", "alive/dead", "single/married",
        "married/divorced", "single/boyfriend", "single/girlfriend", "possible/impossible", "able/unable",
        "safe/unsafe", "full/empty", "happy/unhappy",
    )
)  # fmt: skip
PREFERENCE = re.compile(r"\bprefer", re.IGNORECASE)
COMPARISON = re.compile(r"\b(?:prefer\w*|rather|than)\b", re.IGNORECASE)

NUMBER = re.compile(r"\d+(?:[.,:'\u2019]\d+)*")
_NUMBER_WORD = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty|hundred"
    "|thousand|half|quarter|dozen|twice|first|second|third|fourth|fifth"
)
NUMBER_WORDS = frozenset(_NUMBER_WORD.split("|"))
TIME_WORDS = frozenset(("spring", "summer", "autumn", "winter", "morning", "afternoon", "evening", "night"))
DATE_NAMES = frozenset(name.casefold() for name in (*MONTHS, *WEEKDAYS))
DATE = re.compile(
    rf"""\b\d{{1,2}}(?:st|nd|rd|th)?\.?[ ](?:{_MONTH})\b(?:[ ]\d{{4}})?|\b(?:{_MONTH})\b[ ]\d{{1,2}}(?:st|nd|rd|th)?\b
    |\b(?:{_MONTH.replace("|May|", "|")})\b|\b(?:in|since|until|of)[ ]May\b|\b(?:{_WEEKDAY})s?\b
    |\b\d{{1,2}}[.:]\d\d\b(?![.]?\d)|\b\d{{1,2}}(?:[.:]\d\d)?[ ]?[ap]m\b|\b\d{{4}}-\d\d-\d\d\b|\b(?:19|20)\d\d\b
    |\b(?:at|past|to)[ ](?:{_NUMBER_WORD})\b""",
    re.VERBOSE,
)
YEAR = re.compile(r"(?:19|20)\d\d")
# A statement about what recurs or is still to come, not a past event.
PRESENT = re.compile(
    rf"\b(?:{_WEEKDAY})s\b|\b(?:every|daily|weekly|monthly|is|are|am|will|has|have|comes?|starts?|begins?|meets?|ends?"
    r"|leaves?|opens?|closes?|departs?|arrives?|runs?|goes|takes?|fl(?:y|ies))\b"
)

DETERMINERS = frozenset(
    ("a", "an", "the", "my", "our", "your", "his", "her", "their", "its", "this", "that", "dr", "mr", "mrs", "ms")
)  # fmt: skip
NO_NAMES = frozenset(("i", "dr", "doctor", "mr", "mrs", "ms", "prof", "professor", "mum", "mom", "dad"))
PRONOUNS = frozenset(("i", "we", "you", "he", "she", "it", "they", "there", "everybody", "nobody"))
AUXILIARIES = frozenset(
    (
        "am", "are", "is", "was", "were", "be", "been", "has", "have", "had", "do", "does", "did",
        "can", "could", "will", "would", "should", "may", "might", "must",
    )
)  # fmt: skip
BEFORE_VERB = AUXILIARIES | {"no", "never", "now", "also", "always", "still", "just", "really", "and"}
FIRST_PERSON = re.compile(r"\b(?:I|my|me|mine|we|our|us)\b", re.IGNORECASE)
POSSESSIVE = re.compile(r"['\u2019]s?$")
COPULA = re.compile(r"\b(?:is|are|was|were)\b|:(?!\d)|=")
# Words of change that say little about what has changed.
WEAK_CHANGE = re.compile(
    r"used\s+to|formerly|previously|former|already|today|actually|finally", re.IGNORECASE
)
# Stems.
GENERIC = frozenset(
    (
        "day", "week", "month", "year", "time", "date", "number", "thing", "peopl", "way", "lot", "bit", "last",
        "place", "mum", "dad", "euro", "pound", "dollar", "quid",
    )
)  # fmt: skip
JOB = frozenset(("work", "job", "teach", "employ"))
NEW_JOB = re.compile(
    r"(?:\b(?:is|am|are)|['\u2019][ms]|re) now an? |\bstart(?:ed|ing)? (?:today )?as\b"
    r"|\b(?:new|got an?|have an?|has an?) (?:job|position)\b|\b(?:joined|hired|promoted|resigned|retired|retrained)\b",
    re.IGNORECASE,
)
RESIDENCE = frozenset("live flat hous home address rent flatmat lodger neighbour neighbor".split())  # noqa: SIM905
