"""Words that must not be found, all that a thief of the disk would have, and the search for the one in the other."""

import base64
import os
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from picard.postgres.installation import find_installation
from picard.postgres.manager import APP_DATABASE, APP_ROLE, PORT, EmbeddedPostgres
from tests.chaos.product import Product

MARKER = "QzXvKjWyPq"  # begins every canary, so that one search finds them all

DECODED_SESSIONS = """
import django, json; django.setup()
from tests.factories import load_sessions
for held in load_sessions(): print(json.dumps(held, default=str))
"""


class Canaries:
    """Hands out words that occur nowhere else, and counts them."""

    def __init__(self) -> None:
        self.planted = 0
        self._numbers = count()

    def word(self) -> str:
        self.planted += 1
        return f"{MARKER}é{next(self._numbers)}"

    def words(self, number: int) -> str:
        return " ".join(self.word() for _ in range(number))


def forms_of(text: str) -> set[bytes]:
    """The text as it may lie in a file: in each case, as UTF-8 and UTF-16, raw, in hex and base64."""
    cases = {text, text.lower(), text.upper()}
    raw = {case.encode(encoding) for case in cases for encoding in ("utf-8", "utf-16-le")}
    hexadecimal = {form.hex().encode() for form in raw} | {form.hex().upper().encode() for form in raw}
    return raw | hexadecimal | {core for form in raw for core in base64_cores(form)}


def base64_cores(data: bytes) -> Iterator[bytes]:
    """What every base64 of something that holds `data` holds: one for each place it may begin at."""
    for shift in range(3):
        whole = base64.b64encode(bytes(shift) + data)
        core = whole[-(-shift * 8 // 6) : (shift + len(data)) * 8 // 6]
        yield core
        yield core.replace(b"+", b"-").replace(b"/", b"_")


def find(text: str, places: dict[str, bytes]) -> list[str]:
    """The names of the places that hold the text in some form."""
    forms = forms_of(text)
    return [name for name, content in places.items() if any(form in content for form in forms)]


def dump(product: Product) -> bytes:
    """What pg_dump writes of the product's database; bytea in hex."""
    postgres = EmbeddedPostgres(product.home / "postgres")
    command: list[str | Path] = [
        find_installation() / "bin" / "pg_dump",
        "--username",
        APP_ROLE,
        "--port",
        str(PORT),
    ]
    return subprocess.run(
        [*command, "--host", postgres.socket_folder, APP_DATABASE],
        env={**os.environ, "PGPASSWORD": postgres.password()},
        capture_output=True,
        check=True,
    ).stdout


def sessions(product: Product) -> bytes:
    """Sessions lie compressed; what they hold, readable."""
    return product.run("-c", DECODED_SESSIONS, DJANGO_SETTINGS_MODULE="picard.settings").encode()


def files(product: Product) -> dict[str, bytes]:
    """All logs, and all that lies below PICARD_HOME: tables, write-ahead log, letters, temporary files."""
    below = [path for path in product.home.rglob("*") if path.is_file()]
    return {str(path.relative_to(product.home.parent)): path.read_bytes() for path in [*below, product.log]}
