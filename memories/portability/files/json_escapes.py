"""Keep lone surrogates of JSON apparent: the parser would read "half \\ud83d here" as "half ? here"."""

import re

MARK = "\ufdda"  # stands for a lone surrogate while the JSON is parsed: a noncharacter, which no text has
LONE_SURROGATE = "\udfff"  # what it is read as: not storable, so the entry is counted under that reason
MARK_ESCAPE = b"\\ufdda"
ESCAPE_BYTES, PAIR_BYTES = 6, 12

# What may be or precede a lone surrogate, as far as can be told without looking at each escape.
SUSPECT = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|\\\\u[dD][89a-fA-F]"
)
HIGH = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}")
# Every escape, so that each begins where the one before it ends.
ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


class SurrogateMarker:
    """Replaces lone surrogates in a stream of JSON bytes by the mark.

    has_marks: whether there was one.
    """

    def __init__(self) -> None:
        self._rest = b""  # the start of an escape that the next bytes may complete
        self.has_marks = False

    def feed(self, data: bytes, *, is_last: bool) -> bytes:
        """Return what is complete of the bytes so far; at the end, all of the rest."""
        data = self._rest + data
        end = len(data) if is_last else _find_incomplete_escape(data)
        data, self._rest = data[:end], data[end:]
        if not (b"\\ud" in data or b"\\uD" in data) or not SUSPECT.search(data):
            return data
        return ESCAPE.sub(self._mark, data)

    def _mark(self, match: re.Match[bytes]) -> bytes:
        if match["lone"] is None:
            return match[0]
        self.has_marks = True
        return MARK_ESCAPE


def _find_incomplete_escape(data: bytes) -> int:
    """Return where an escape or pair begins that may not be complete, or the length."""
    start = data.find(b"\\", max(len(data) - PAIR_BYTES + 1, 0))
    if start < 0:
        return len(data)
    start -= _count_backslashes_before(data, start) % 2
    before = start - ESCAPE_BYTES
    if (
        before >= 0
        and HIGH.fullmatch(data[before:start])
        and _count_backslashes_before(data, before) % 2 == 0
    ):
        return before
    return start


def _count_backslashes_before(data: bytes, at: int) -> int:
    return at - len(data[:at].rstrip(b"\\"))


def restore_surrogates(text: str) -> str:
    return text.replace(MARK, LONE_SURROGATE)
