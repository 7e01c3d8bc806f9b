"""A home with keys and a migrated database: created once per state of the migrations, and copied for each test."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from picard.config.paths import PROJECT, make_folder
from picard.postgres.manager import EmbeddedPostgres


def copy_template(home: Path, environment: Mapping[str, str]) -> None:
    """Create the home of a product that has migrated and never run. environment: of any product."""
    subprocess.run(["cp", "-a", get_template(environment), home], check=True)


def get_template(environment: Mapping[str, str]) -> Path:
    """Return the folder of the template, for those who copy it."""
    folder = Path(os.environ["PICARD_TEST_HOME"])
    template = folder / f"template-{hash_migrations()}"
    with file_lock("template.lock"):
        if not template.exists():
            for older in folder.glob("template-*"):
                shutil.rmtree(older)
            _create_template(template, environment)
    return template


def _create_template(template: Path, environment: Mapping[str, str]) -> None:
    unfinished = template.with_name("unfinished-template")
    shutil.rmtree(unfinished, ignore_errors=True)
    variables = {**environment, "PICARD_HOME": str(unfinished), "PICARD_PG_FSYNC": "off"}
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, cwd=PROJECT, env=variables, check=True)
    EmbeddedPostgres(unfinished / "postgres").stop()
    unfinished.rename(template)


def hash_migrations() -> str:
    """Return a hash that changes with every migration, including those of packages."""
    inputs = [PROJECT / "requirements.txt", PROJECT / "picard" / "settings.py"]
    inputs += [PROJECT / "picard" / "database" / "grants.py", PROJECT / "core" / "db" / "row_security.py"]
    files = [*inputs, *sorted(PROJECT.glob("*/migrations/*.py"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


@contextmanager
def file_lock(name: str) -> Iterator[None]:
    """Hold a lock file of all test processes during the block."""
    folder = Path(os.environ["PICARD_TEST_HOME"])
    make_folder(folder)
    with (folder / name).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
