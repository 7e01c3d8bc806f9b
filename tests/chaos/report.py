"""Results of the attacks. PICARD_CHAOS=long selects the long form."""

import json
import os
import sys
from pathlib import Path

IS_LONG = os.environ.get("PICARD_CHAOS") == "long"


def say(line: str) -> None:
    """Print a line; pytest shows it with -s."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def record(attack: str, *, tries: int, lost: int, what: str) -> None:
    """Record one line for `make prove`: the number of tries, and how many of `what` occurred."""
    say(f"{attack}: {tries} tries, {lost} {what}")
    if path := os.environ.get("PICARD_PROOF"):
        with Path(path).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"attack": attack, "tries": tries, "lost": lost, "what": what}) + "\n")
