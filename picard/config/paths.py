"""Where this server keeps what is its own: the embedded database, generated keys, unsent mail."""

import hashlib
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def get_picard_home() -> Path:
    """PICARD_HOME, or `.picard` in the project's folder.

    PostgreSQL refuses to run as root and so runs as another account, which cannot enter a clone that lies
    in a private folder such as /root. Root's default home is then /var/lib/picard-<digest of the clone's path>.
    """
    if chosen := os.environ.get("PICARD_HOME"):
        return Path(chosen).expanduser().absolute()
    if hasattr(os, "geteuid") and os.geteuid() == 0 and not _is_world_accessible(PROJECT):
        digest = hashlib.sha256(os.fsencode(PROJECT)).hexdigest()[:8]
        return Path("/var/lib") / f"picard-{digest}"
    return PROJECT / ".picard"


def load_or_create_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in `path` (0600), made by `make` on first use.

    Safe among processes that start together: one of them creates the file, the others wait for its text.
    Raises RuntimeError when the file stays empty.
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
    """Make the folder and its missing parents enterable for all, whatever the umask: root's PostgreSQL must enter."""
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    for part in reversed(missing):
        part.mkdir(exist_ok=True)
        part.chmod(0o711)


def _wait_for_secret(path: Path) -> str:
    for _ in range(100):
        if text := path.read_text().strip():
            return text
        time.sleep(0.02)
    raise RuntimeError(f"{path} is empty. Restore it from your backup of the keys.")


def _is_world_accessible(folder: Path) -> bool:
    return all(part.stat().st_mode & stat.S_IXOTH for part in (folder, *folder.parents))
