"""Authentication of a backup file: `FILE.sha256` says what it is, and that somebody with a master key wrote it.

The first line is that of `sha256sum`, which checks it; programs of that kind skip the second, a comment with the
HMAC-SHA256 of the digest, under a sub-key of the newest master key. A changed file is refused before anything of it
is read by pg_restore or run: an SQL dump can run programs on the database's machine. An older backup of the same
server is genuine, so this does not tell it from the latest.
"""

import contextlib
import hashlib
import hmac
import os
import re
import shutil
import tempfile
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

LABEL = "HMAC-SHA256 under the master key"


class UnauthenticBackup(Exception):
    """The file is not what a holder of these master keys wrote; the message says why and what to do."""


def get_checksum_path(file: Path) -> Path:
    return file.with_name(f"{file.name}.sha256")


def format_checksum(written: int, name: str, master_key: str) -> str:
    """Return the content of the checksum file of an open file, which will be called `name`.

    Not of a path: whoever can write to the folder could have put another file there.
    """
    os.lseek(written, 0, os.SEEK_SET)
    with os.fdopen(os.dup(written), "rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    return f"{digest}  {name}\n# {LABEL}: {_authenticate(digest, master_key)}\n"


def verify_checksum(file: Path, master_keys: Sequence[str], *, allow_unauthenticated: bool = False) -> None:
    """Raise UnauthenticBackup unless one of these keys authenticates the file as it is now.

    allow_unauthenticated: accept a checksum file without an HMAC, which releases up to 0.2.0 wrote.
    """
    checksum_file = get_checksum_path(file)
    if not file.is_file() or not checksum_file.is_file():
        raise UnauthenticBackup(f"{file.name} and {checksum_file.name} must be in the same folder.")
    text = checksum_file.read_text(errors="replace")
    digest = _hash_file(file)
    if text.split()[:1] != [digest]:
        raise UnauthenticBackup(
            f"{file.name} is damaged: its checksum differs from the one in {checksum_file.name}."
        )
    codes = re.findall(rf"^# {LABEL}: (\S*)$", text, re.MULTILINE)
    if not codes:
        if allow_unauthenticated:
            return
        raise UnauthenticBackup(
            f"{checksum_file.name} has no HMAC, so anybody could have changed {file.name}. "
            "If a release up to 0.2.0 made it and nobody else could write to its folder, use --allow-unauthenticated."
        )
    if not any(_matches(code, digest, key) for code in codes for key in master_keys):
        raise UnauthenticBackup(
            f"These master keys do not authenticate {file.name}: it was made with other keys, or somebody changed it."
        )


@contextlib.contextmanager
def copy_privately(file: Path, folder: Path) -> Iterator[Path]:
    """Copy the file with its checksum into a new folder (0700) below `folder`, until the end of the block.

    Whoever can write to the folder of the backups could otherwise change the file after it was verified.
    """
    with tempfile.TemporaryDirectory(prefix="restoring-", dir=folder) as private:
        for each in (file, get_checksum_path(file)):
            if each.is_file():  # a missing one is reported by verify_checksum
                shutil.copyfile(each, Path(private) / each.name)
        yield Path(private) / file.name


def _matches(code: str, digest: str, master_key: str) -> bool:
    return hmac.compare_digest(code.encode(), _authenticate(digest, master_key).encode())


def _authenticate(digest: str, master_key: str) -> str:
    sub_key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"picard/1/backups")
    return hmac.new(
        sub_key.derive(urlsafe_b64decode(master_key)), digest.encode(), hashlib.sha256
    ).hexdigest()


def _hash_file(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
