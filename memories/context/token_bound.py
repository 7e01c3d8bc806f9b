"""An upper bound of how many tokens a text is for a language model, without a tokenizer.

The bound holds for the vocabularies cl100k_base and o200k_base of OpenAI's models, whatever the text, by three facts:

- Both split a text before a space that something follows, and never between two letters except before a capital one.
- What is not split further and is in the vocabulary is one token.
- Byte pair encoding ends when no two neighboring tokens together are in the vocabulary.

So it suffices to know some byte sequences of both vocabularies (data/pieces.txt): others only raise the bound.
"""

import re
import sys
from functools import cache
from pathlib import Path

PIECES = Path(__file__).parent / "data" / "pieces.txt"
# Of a token of which the length matters: longer ones count as if no neighbor could be joined to them.
MAX_LENGTH = 5
FREE = 0  # the place of a split, in the row of lengths
IMPOSSIBLE = -1

# Parts between which both vocabularies split: digits; letters with the space before them; signs with the letters after
# them. Otherwise all up to the next space before a printable ASCII character: what is beyond ASCII is not divided here,
# because other Unicode tables may count it as something else.
_PART = re.compile(
    r"(?P<digits>[0-9]+(?![^\x00-\x7f]))"
    r"|(?P<word> ?[A-Za-z]+)(?=[!-&(-@\[-`{-~ \n]|$)"
    r"| ?[!-/:-@\[-`{-~]+[A-Za-z]*(?=[!-&(-@\[-`{-~ \n]|$)"
    r"| ?(?:[^ ]| (?![!-~]))+"
)
_UNSPLIT = re.compile(" ?(?:[A-Z]+[a-z]*|[a-z]+)")


@cache
def load_pieces() -> frozenset[bytes]:
    """Return byte sequences that are tokens of both vocabularies; about 3 MB."""
    lines = PIECES.read_text(encoding="ascii").split("\n")
    return frozenset(line.encode().decode("unicode_escape").encode("latin-1") for line in lines if line)


def count_tokens_at_most(text: str, limit: int = sys.maxsize) -> int:
    """Return a number of tokens that the text does not exceed; above the limit, any number above it.

    Lines can be counted one by one, with their ends.
    """
    count = 0
    for match in _PART.finditer(text):
        count += _count_part(match)
        if count > limit:
            break
    return count


def _count_part(match: re.Match[str]) -> int:
    part = match[0]
    if len(part) == 1 and part.isascii():
        return 1
    if match["digits"]:
        return -(-len(part) // 3)
    encoded = part.encode("utf-8", "surrogatepass")
    if match["word"] and encoded in load_pieces() and _UNSPLIT.fullmatch(part):
        return 1
    return _count_most(encoded, _find_splits(part))


def _find_splits(part: str) -> list[bool]:
    """Return for each byte whether one of the vocabularies may split the text before it."""
    splits: list[bool] = []
    before = ""
    for each in part:
        joined = before == " " or (before.isalpha() and (before.isupper() or not _is_capital(each)))
        splits += [not (joined and each.isalpha())]
        splits += [False] * (len(each.encode("utf-8", "surrogatepass")) - 1)
        before = each
    return splits


def _is_capital(each: str) -> bool:
    return each.isupper() or each.istitle()


def _count_most(encoded: bytes, splits: list[bool]) -> int:
    """Return into how many tokens the bytes can fall at most so that no two neighbors are a piece.

    A row has the most tokens up to a byte, by the length of the last one; FREE is a split there.
    """
    pieces, size = load_pieces(), len(encoded)
    rows = [[IMPOSSIBLE] * (MAX_LENGTH + 1) for _ in range(size + 1)]
    rows[0][FREE] = 0
    for start, row in enumerate(rows[:-1]):
        most = max(row)
        if splits[start]:
            row[FREE] = most
        for length in range(1, min(MAX_LENGTH, size - start + 1)):
            end = start + length
            best = max(row[FREE], row[MAX_LENGTH])
            for last in range(1, MAX_LENGTH):
                if row[last] > best and encoded[start - last : end] not in pieces:
                    best = row[last]
            if best > IMPOSSIBLE:
                rows[end][length] = best + 1
        if row[MAX_LENGTH] > IMPOSSIBLE:
            rows[start + 1][MAX_LENGTH] = max(rows[start + 1][MAX_LENGTH], row[MAX_LENGTH])
        if start + MAX_LENGTH <= size:
            long = rows[start + MAX_LENGTH]
            long[MAX_LENGTH] = max(long[MAX_LENGTH], most + 1)
    return max(rows[size])
