"""A home with keys and a migrated database, made once for all tests of one state of the migrations, copied for each."""

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
    """Make the home of a product that has migrated and never run. The environment is that of any product."""
    subprocess.run(["cp", "-a", _template(environment), home], check=True)


def _template(environment: Mapping[str, str]) -> Path:
    shelf = Path(os.environ["PICARD_TEST_HOME"])
    place = shelf / f"template-{state_of_migrations()}"
    with alone("template.lock"):
        if not place.exists():
            for older in shelf.glob("template-*"):
                shutil.rmtree(older)
            _make(place, environment)
    return place


def _make(place: Path, environment: Mapping[str, str]) -> None:
    unfinished = place.with_name("unfinished-template")
    shutil.rmtree(unfinished, ignore_errors=True)
    own = {**environment, "PICARD_HOME": str(unfinished), "PICARD_PG_FSYNC": "off"}
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, cwd=PROJECT, env=own, check=True)
    EmbeddedPostgres(unfinished / "postgres").stop()
    unfinished.rename(place)


def state_of_migrations() -> str:
    """Changes with every migration, of packages too."""
    given = [PROJECT / "requirements.txt", PROJECT / "picard" / "settings.py"]
    files = [*given, *sorted(PROJECT.glob("*/migrations/*.py"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


@contextmanager
def alone(name: str) -> Iterator[None]:
    """One process of the tests at a time, as long as the block."""
    shelf = Path(os.environ["PICARD_TEST_HOME"])
    make_folder(shelf)
    with (shelf / name).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
