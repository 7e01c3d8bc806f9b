"""Log-ins of this computer: one file each, which only its user can read, or the token in the system's keyring.

`PICARD_CONFIG` is the folder; by default the one of the operating system. A file is replaced as a whole, so a crash
leaves the old or the new one. `lock_profile` makes processes wait for one another.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click

from picard_memory import system_keyring
from picard_memory.errors import ConfigurationError, NotLoggedInError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
CURRENT = "current"  # the file with the name of the profile that is used by default


@dataclass(frozen=True)
class Credentials:
    """Tokens. refresh_token: None for a personal access token; expires_at: seconds since 1970, None if unknown."""

    access_token: str
    refresh_token: str | None = None
    expires_at: float | None = None

    def __repr__(self) -> str:
        return "Credentials(...)"  # nothing secret in a traceback


@dataclass(frozen=True)
class Profile:
    """A log-in. client_id: that under which this computer is registered at the server, None with a personal token."""

    name: str
    url: str
    client_id: str | None = None
    token_endpoint: str | None = None
    revocation_endpoint: str | None = None
    credentials: Credentials | None = None


def get_folder() -> Path:
    return Path(os.environ.get("PICARD_CONFIG") or click.get_app_dir("picard-memory")).expanduser()


def list_profiles() -> list[str]:
    folder = get_folder() / "profiles"
    return sorted(path.stem for path in folder.glob("*.json") if NAME.fullmatch(path.stem))


def find_current() -> str | None:
    """Return the profile that is used by default: the one that was logged in last, or the only one."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        name = (get_folder() / CURRENT).read_text(encoding="utf-8").strip()
        if name in list_profiles():
            return name
    profiles = list_profiles()
    return profiles[0] if len(profiles) == 1 else None


def choose_profile(name: str | None) -> str:
    """Return the profile of this name, by default the current one. Raises NotLoggedInError, ConfigurationError."""
    if name is not None:
        _check_name(name)
        if name not in list_profiles():
            raise NotLoggedInError(f"There is no log-in {name}. Log in: picard --profile {name} login URL")
        return name
    if current := find_current():
        return current
    if names := list_profiles():
        raise ConfigurationError(f"Choose a log-in by --profile: {', '.join(names)}.")
    raise NotLoggedInError("You are not logged in. Log in: picard login URL")


def load_profile(name: str) -> Profile:
    """Return a stored log-in with its tokens. Raises NotLoggedInError, ConfigurationError."""
    path = _get_path(name)
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            path.chmod(0o600)  # somebody copied it without its mode
        stored = json.loads(path.read_text(encoding="utf-8"))
        secret = stored.pop("credentials")
        if secret == system_keyring.MARK:
            secret = system_keyring.read_secret(name)
        return Profile(name=name, **stored, credentials=Credentials(**secret) if secret else None)
    except FileNotFoundError:
        raise NotLoggedInError(f"There is no log-in {name}. Log in: picard login URL") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ConfigurationError(f"{path} cannot be read. Delete it and log in again.") from None


def save_profile(profile: Profile) -> None:
    """Store a log-in with its tokens: these in the keyring if there is one."""
    values: dict[str, Any] = asdict(profile)
    name = values.pop("name")
    _check_name(name)
    if values["credentials"] and system_keyring.write_secret(name, values["credentials"]):
        values["credentials"] = system_keyring.MARK
    write_privately(_get_path(name), json.dumps(values, indent=2))


def save_current(name: str) -> None:
    """Make a profile the one that is used by default."""
    write_privately(get_folder() / CURRENT, name)


def delete_profile(name: str) -> None:
    """Forget a log-in and its tokens on this computer."""
    system_keyring.delete_secret(name)
    _get_path(name).unlink(missing_ok=True)


def replace_credentials(profile: Profile, credentials: Credentials) -> Profile:
    return replace(profile, credentials=credentials)


@contextlib.contextmanager
def lock_profile(name: str) -> Iterator[None]:
    """Wait until no other process changes the tokens of this profile; the lock ends with the process that has it."""
    folder = get_folder() / "locks"
    _create_folder(folder)
    descriptor = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _get_path(name: str) -> Path:
    _check_name(name)
    return get_folder() / "profiles" / f"{name}.json"


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise ConfigurationError("The name of a profile has letters, digits, dots, hyphens and underscores.")


def _create_folder(folder: Path) -> None:
    get_folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.mkdir(exist_ok=True, mode=0o700)


def write_privately(path: Path, content: str) -> None:
    """Replace a file by one that only this user can read, from the moment it exists."""
    _create_folder(path.parent)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
