"""English words that tell whether a text changes an older one: of change, negations, opposites, numbers and dates."""

import re

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
    |closed[ ]down|has[ ]closed|lost[ ](?:my|his|her|their|the)[ ]job|joined|graduated|(?:took|taken)[ ]over
    |split[ ]up|broken?[ ]up|separated|divorced|engaged|married|made[ ]up|fell[ ]out|had[ ]a[ ](?:baby|boy|girl)
    |gave[ ]birth|postponed|put[ ]off|rescheduled|delayed|rebooked|brought[ ]forward|pushed[ ]back
    |(?:went|goes|going)[ ](?:up|down)|rose|risen|raised|increased|dropped|reduced|lowered|reached|grew|grown
    |upgraded|renamed|recovered|cured|healed|today|already|formerly|previously|former|correction|update
    )\b""",
    re.VERBOSE | re.IGNORECASE,
)
NAME_WITH_NEW = re.compile(r"(?<=\w )New\b(?= [A-Z])")  # New Year, New York

NEGATION = re.compile(
    r"\b(?:not|no(?! (?:longer|more)\b)|never|none|nothing|nobody|without|neither|nor|cannot|free of)\b|n['\u2019]t\b",
    re.IGNORECASE,
)
OPPOSITES = tuple(
    frozenset(pair.split("/"))
    for pair in (
        "love/hate", "like/hate", "like/dislike", "love/dislike", "enjoy/hate", "enjoy/dislike", "always/never",
        "often/never", "can/cannot", "more/less", "open/closed", "allowed/forbidden", "alive/dead", "single/married",
        "married/divorced", "single/boyfriend", "single/girlfriend", "possible/impossible", "able/unable",
        "safe/unsafe", "full/empty", "happy/unhappy",
    )
)  # fmt: skip
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
    |\b\d{{1,2}}[.:]\d\d\b(?![.]?\d)|\b\d{{4}}-\d\d-\d\d\b|\b(?:19|20)\d\d\b
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
GENERIC = frozenset("day week month year time date number thing peopl way lot bit last place mum dad".split())  # noqa: SIM905
RESIDENCE = frozenset("live flat hous home address rent flatmat lodger neighbour neighbor".split())  # noqa: SIM905
