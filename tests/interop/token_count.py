"""How many tokens texts have, counted by npm's gpt-tokenizer."""

import json
import subprocess
from collections.abc import Sequence
from typing import TypedDict

from tests.interop.node import HERE, build_command, build_environment


class TokenCounts(TypedDict):
    """How many tokens one text has, per vocabulary."""

    o200k_base: int
    cl100k_base: int


def count_tokens(texts: Sequence[str]) -> list[TokenCounts]:
    """Count the tokens of each text, in one run of Node.js (about 0.5 s, whatever the number of texts).

    Without the packages of tests/interop, the test is skipped, or fails if CI=true.
    """
    answer = subprocess.run(
        build_command(HERE / "token_count.mjs"),
        input=json.dumps(texts),
        env=build_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    counts: list[TokenCounts] = json.loads(answer.stdout)
    return counts


def count_most_tokens(texts: Sequence[str]) -> list[int]:
    """Return how many tokens each text has in the vocabulary in which it has more."""
    return [max(counts["o200k_base"], counts["cl100k_base"]) for counts in count_tokens(texts)]
