"""Generate the synchronous client from the asynchronous one: `make client`. A test compares them."""

import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "src" / "picard_memory"
SOURCE, TARGET = FOLDER / "_async_client.py", FOLDER / "_client.py"
REPLACEMENTS = {
    r'"""The asynchronous client\. .*"""': '"""The synchronous client, generated from `_async_client.py`."""',
    r"\basync_": "",
    r"\basync ": "",
    r"\bawait ": "",
    r"\b__a(enter|exit)__": r"__\1__",
    r"\ba(close|read|iter_bytes)\b": r"\1",
    r"\bAsync(Picard|Iterator|Client)\b": r"\1",
    r"\bAsyncBaseTransport\b": "BaseTransport",
}


def generate_client() -> str:
    """Return the source of the synchronous client, formatted."""
    code = SOURCE.read_text(encoding="utf-8")
    for pattern, replacement in REPLACEMENTS.items():
        code = re.sub(pattern, replacement, code)
    for step in (["check", "--fix-only", "--unsafe-fixes", "--select", "I,UP028"], ["format"]):
        command = [sys.executable, "-m", "ruff", *step, "--quiet", "--stdin-filename", str(TARGET), "-"]
        code = subprocess.run(command, input=code, capture_output=True, text=True, check=True).stdout
    return code


if __name__ == "__main__":
    TARGET.write_text(generate_client(), encoding="utf-8")
