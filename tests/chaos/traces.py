"""Canary words, everything on a stolen disk, and the search for canaries in it."""

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
for content in load_sessions(): print(json.dumps(content, default=str))
"""


class Canaries:
    """Generates unique words, and counts them."""

    def __init__(self) -> None:
        self.planted = 0
        self._numbers = count()

    def word(self) -> str:
        self.planted += 1
        return f"{MARKER}é{next(self._numbers)}"

    def words(self, number: int) -> str:
        return " ".join(self.word() for _ in range(number))


def encode_variants(text: str) -> set[bytes]:
    """Return the text as a file may contain it: each case, as UTF-8 and UTF-16, raw, in hex and in base64."""
    cases = {text, text.lower(), text.upper()}
    raw = {case.encode(encoding) for case in cases for encoding in ("utf-8", "utf-16-le")}
    hexadecimal = {form.hex().encode() for form in raw} | {form.hex().upper().encode() for form in raw}
    return raw | hexadecimal | {core for form in raw for core in base64_cores(form)}


def base64_cores(data: bytes) -> Iterator[bytes]:
    """Yield what the base64 of any data that contains `data` contains, for each of the three alignments."""
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + data)
        core = encoded[-(-shift * 8 // 6) : (shift + len(data)) * 8 // 6]
        yield core
        yield core.replace(b"+", b"-").replace(b"/", b"_")


def find_text(text: str, contents: dict[str, bytes]) -> list[str]:
    """Return the names of the places that contain the text in any encoding."""
    forms = encode_variants(text)
    return [name for name, content in contents.items() if any(form in content for form in forms)]


def dump_database(product: Product) -> bytes:
    """Return the pg_dump of the product's database; bytea is in hex."""
    postgres = EmbeddedPostgres(product.home / "postgres")
    command: list[str | Path] = [
        find_installation() / "bin" / "pg_dump",
        "--username",
        APP_ROLE,
        "--port",
        str(PORT),
        "--enable-row-security",
    ]
    return subprocess.run(
        [*command, "--host", postgres.socket_folder, APP_DATABASE],
        env={**os.environ, "PGPASSWORD": postgres.password(), "PGOPTIONS": "-c picard.system=on"},
        capture_output=True,
        check=True,
    ).stdout


def decode_sessions(product: Product) -> bytes:
    """Return the contents of all sessions, which are stored compressed, as JSON lines."""
    return product.run("-c", DECODED_SESSIONS, DJANGO_SETTINGS_MODULE="picard.settings").encode()


def read_files(product: Product) -> dict[str, bytes]:
    """Return all logs and all files in PICARD_HOME: tables, write-ahead log, e-mails, temporary files."""
    paths = [path for path in product.home.rglob("*") if path.is_file()]
    return {str(path.relative_to(product.home.parent)): path.read_bytes() for path in [*paths, product.log]}
