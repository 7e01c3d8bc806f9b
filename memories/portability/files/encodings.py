"""Which encoding a text file has."""

import codecs
import re
from contextlib import suppress

import charset_normalizer

BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
SAMPLE_BYTES = 65_536
GUESSED_BYTES = 16_384
WESTERN = (
    "cp1252"  # of Windows; most old files in the Latin script are in it or in ISO 8859-1, a subset of it
)
# Guesses are limited to what people's files have; rare code pages would only compete with these.
HIGH_PAIR = re.compile(rb"[\x80-\xff]{2}")
LATIN = frozenset({"cp1250", "cp1252", "cp1254", "cp1257", "cp1258"})
SYMBOL_IN_WORD = re.compile(
    r"[^\W\d_][¡-¿×÷Ÿƒ][^\W\d_]|\b[¹³¼¾]|[^\W\d_][³¹¼¾¿]"
)  # what Polish looks like in cp1252
CANDIDATES = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "cp932", "gb18030",
    "big5", "euc_kr", "euc_jp", "koi8_r", "cp874",
]  # fmt: skip


def detect_encoding(start: bytes) -> str | None:
    """Return the encoding of a text by its first bytes, at most SAMPLE_BYTES; None for what is no text.

    UTF-8 unless a byte order mark or the bytes tell otherwise; other encodings are guessed from their characters.
    """
    for mark, name in BOMS.items():
        if start.startswith(mark):
            return name
    if is_utf8_start(start):
        return "utf-8"
    if b"\0" in start:
        return _detect_utf16(start)
    if is_binary(start):
        return None
    if not HIGH_PAIR.search(
        start
    ):  # single letters with accents among others; other scripts have longer words
        return _choose_latin(start[:GUESSED_BYTES], WESTERN)
    best = charset_normalizer.from_bytes(start[:GUESSED_BYTES], cp_isolation=CANDIDATES).best()
    guess = best.encoding if best is not None and best.encoding in CANDIDATES else WESTERN
    return _choose_latin(start[:GUESSED_BYTES], guess) if guess in LATIN else guess


def _choose_latin(start: bytes, guess: str) -> str:
    """Return which code page for the Latin script it is; in a short text, all of them look alike to the library."""
    western = start.decode(WESTERN, errors="replace")
    if SYMBOL_IN_WORD.search(western):
        return guess if guess != WESTERN else "cp1250"
    letters = set(western.lower())
    if "ø" in letters and letters & set("ìùòïè"):  # ř with ě, ů, ň, ď or č
        return "cp1250"
    if letters & set("ýþð") and not letters & set("áéíóæ"):  # ı, ş and ğ; else it is Icelandic
        return "cp1254"
    return WESTERN


def is_utf8_start(start: bytes) -> bool:
    """Return whether the bytes are UTF-8; of a longer file, the last character may be cut off."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with suppress(UnicodeDecodeError):
        decoder.decode(start, final=len(start) < SAMPLE_BYTES)
        return b"\0" not in start or not is_binary(start)
    return False


def is_binary(start: bytes) -> bool:
    """Return whether more than one in fifty of the bytes is a control character that texts do not have."""
    controls = sum(start.count(code) for code in CONTROLS)
    return controls * 50 > len(start)


CONTROLS = [bytes([code]) for code in range(32) if code not in b"\t\n\v\f\r\x1b"]


def _detect_utf16(start: bytes) -> str | None:
    """Detect UTF-16 without a byte order mark, by where its zero bytes are."""
    odd, even = start[1::2].count(0), start[::2].count(0)
    half = max(len(start) // 2, 1)
    if odd > half // 2 and even * 50 < half:
        return "utf-16-le"
    if even > half // 2 and odd * 50 < half:
        return "utf-16-be"
    return None
