"""Results of the attacks on a running product. PICARD_CHAOS=long for the long forms."""

import json
import os
import sys
from pathlib import Path

IS_LONG = os.environ.get("PICARD_CHAOS") == "long"


def say(line: str) -> None:
    """A figure for the person who looks on; pytest shows it with -s."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def record(attack: str, *, tries: int, lost: int, what: str) -> None:
    """One line for `make prove`: how often it was tried, and how many of `what` there were."""
    say(f"{attack}: {tries} tries, {lost} {what}")
    if path := os.environ.get("PICARD_PROOF"):
        with Path(path).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"attack": attack, "tries": tries, "lost": lost, "what": what}) + "\n")
