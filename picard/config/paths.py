"""Paths of the server's data: embedded database, generated keys, unsent e-mail."""

import hashlib
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def get_picard_home() -> Path:
    """Return PICARD_HOME, or `.picard` in the project's folder.

    PostgreSQL does not run as root. If root starts it, it runs as another account, which cannot enter a clone in a
    private folder such as /root. The default is then /var/lib/picard-<digest of the clone's path>.
    """
    if configured := os.environ.get("PICARD_HOME"):
        return Path(configured).expanduser().absolute()
    if hasattr(os, "geteuid") and os.geteuid() == 0 and not _is_world_accessible(PROJECT):
        digest = hashlib.sha256(os.fsencode(PROJECT)).hexdigest()[:8]
        return Path("/var/lib") / f"picard-{digest}"
    return PROJECT / ".picard"


def load_or_create_secret(path: Path, make: Callable[[], str]) -> str:
    """Return the secret in `path` (0600); on first use, create it by calling `make`.

    Safe for concurrent processes: one creates the file, the others wait for its content. Raises RuntimeError if the
    file stays empty.
    """
    make_folder(path.parent.parent)
    path.parent.mkdir(exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _wait_for_secret(path)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(make())
        handle.flush()
        os.fsync(handle.fileno())
    return path.read_text().strip()


def make_folder(folder: Path) -> None:
    """Create the folder and its parents with mode 0711 despite the umask, for the account that runs PostgreSQL."""
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    for part in reversed(missing):
        part.mkdir(exist_ok=True)
        part.chmod(0o711)


def _wait_for_secret(path: Path) -> str:
    for _ in range(100):
        if text := path.read_text().strip():
            return text
        time.sleep(0.02)
    raise RuntimeError(f"{path} is empty. Restore it from your key backup.")


def _is_world_accessible(folder: Path) -> bool:
    return all(part.stat().st_mode & stat.S_IXOTH for part in (folder, *folder.parents))
