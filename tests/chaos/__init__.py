"""The real product in its own processes, and what may happen to it. PICARD_CHAOS=long for the long forms."""

import os
import sys

import pytest

pytest.register_assert_rewrite("tests.chaos.people", "tests.chaos.product")
IS_LONG = os.environ.get("PICARD_CHAOS") == "long"


def say(line: str) -> None:
    """A figure for the person who looks on; pytest shows it with -s."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
