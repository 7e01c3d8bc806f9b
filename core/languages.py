"""The languages that users can choose: their codes, and their names as their speakers write them.

A language has a Snowball stemmer, or is one that multilingual embedding models know well.
"""

from django.conf import settings
from django.utils.translation.trans_real import parse_accept_lang_header

ENGLISH = "en"
SEVERAL = "several"  # for users who write in more than one

NAMES = {
    "id": "Bahasa Indonesia",
    "ca": "Català",
    "cs": "Čeština",
    "da": "Dansk",
    "de": "Deutsch",
    "et": "Eesti",
    "en": "English",
    "es": "Español",
    "eo": "Esperanto",
    "eu": "Euskara",
    "fr": "Français",
    "ga": "Gaeilge",
    "hr": "Hrvatski",
    "it": "Italiano",
    "lv": "Latviešu",
    "lt": "Lietuvių",
    "hu": "Magyar",
    "nl": "Nederlands",
    "nb": "Norsk",
    "pl": "Polski",
    "pt": "Português",
    "ro": "Română",
    "st": "Sesotho",
    "sk": "Slovenčina",
    "sl": "Slovenščina",
    "fi": "Suomi",
    "sv": "Svenska",
    "vi": "Tiếng Việt",
    "tr": "Türkçe",
    "el": "Ελληνικά",
    "bg": "Български",
    "ru": "Русский",
    "sr": "Српски",
    "uk": "Українська",
    "hy": "Հայերեն",
    "yi": "ייִדיש",
    "he": "עברית",
    "ur": "اردو",
    "ar": "العربية",
    "fa": "فارسی",
    "ne": "नेपाली",
    "hi": "हिन्दी",
    "bn": "বাংলা",
    "ta": "தமிழ்",
    "th": "ไทย",
    "ko": "한국어",
    "zh": "中文",
    "ja": "日本語",
}

# The name of each language's Snowball stemmer; the others have none.
STEMMERS = {
    "ar": "arabic",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "eo": "esperanto",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fa": "persian",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nb": "norwegian",
    "ne": "nepali",
    "nl": "dutch",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "st": "sesotho",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
# Older versions of two of them, which SEARCH_LANGUAGE could name.
FORMER_STEMMERS = {"porter": "en", "dutch_porter": "nl"}
# Codes that browsers send for some of them.
ALIASES = {"no": "nb", "nn": "nb", "iw": "he", "in": "id", "ji": "yi", "yue": "zh"}

CODES = (*NAMES, SEVERAL)


def find_code(name: str) -> str | None:
    """Return the code of a language given by it or by the name of its stemmer; None if there is none."""
    if name in CODES:
        return name
    return {stemmer: code for code, stemmer in STEMMERS.items()}.get(name, FORMER_STEMMERS.get(name))


def match_accept_language(header: str) -> str:
    """Return the code of the most preferred language in an Accept-Language header that is in NAMES, else empty."""
    for tag, _quality in parse_accept_lang_header(header.lower()):
        code = tag.split("-")[0]
        code = ALIASES.get(code, code)
        if code in NAMES:
            return code
    return ""


def get_default_code() -> str:
    """Return the code of SEARCH_LANGUAGE, which holds for users who have not chosen a language."""
    return find_code(settings.SEARCH_LANGUAGE) or ENGLISH  # another name fails at start (picard.E011)
