"""Settings from the environment and from `.env`. Invalid variables are collected for picard/config/checks.py.

environs converts the values and reads NAME_FILE variables, python-dotenv reads the file, libpq parses DATABASE_URL.
environs' own error collection (`eager=False`) returns None for invalid values and does not cover unreadable files.
Therefore it raises here, the error is recorded and the default is used, so that all settings are checked together.
"""

import io
import os
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from dotenv import load_dotenv
from environs import EnvValidationError, FileAwareEnv

from core.hosts import parse_origin
from picard.config import mail_url
from picard.config.paths import PROJECT, load_or_create_secret

POSTGRES_SCHEMES = ("postgres", "postgresql", "psql", "pgsql", "postgis")
FALSE_WORDS = ("false", "off", "no", "n", "f", "0", "")
FALSY = {spelling for word in FALSE_WORDS for spelling in (word, word.title(), word.upper())}

Parser = TypeVar("Parser")


def _collect_errors_of(parser: Parser, **options: Any) -> Parser:
    """Wrap a parser of environs: record an invalid variable in `faults` and return its default."""

    def parse(self: "CollectingEnv", name: str, default: Any = "") -> Any:
        try:
            value = cast(Any, parser)(self, name, default, **options)
            return default if value == "" else value  # as a line of .env may be: not set
        except (OSError, ValueError) as error:
            self.faults[name] = _describe(name, error)
            return default

    return cast(Parser, parse)


class CollectingEnv(FileAwareEnv):
    """`faults` has one message for each invalid variable. It never contains the value, which may be a secret."""

    str = _collect_errors_of(FileAwareEnv.str)
    int = _collect_errors_of(FileAwareEnv.int)
    float = _collect_errors_of(FileAwareEnv.float)
    bool = _collect_errors_of(FileAwareEnv.bool, falsy=FALSY)
    list = _collect_errors_of(FileAwareEnv.list)

    def __init__(self) -> None:
        super().__init__(strip_whitespace=True)  # of files
        self.faults: dict[str, str] = {}


class Environment(CollectingEnv):
    """Readers of all variables in picard/settings.py."""

    def _get_value(self, env_key: str, default: Any) -> Any:
        """Prefer NAME to NAME_FILE, and resolve a value that begins with `$` as another variable's name."""
        value = os.environ.get(env_key, "")
        if value.startswith("$"):
            return self._get_value(value.lstrip("$"), default)
        return value or super()._get_value(env_key, default)

    def read_file(self) -> Path:
        """Load PICARD_ENV_FILE, or `.env` if it exists, into the environment. Existing variables win."""
        configured = os.environ.get("PICARD_ENV_FILE")
        file = PROJECT / ".env" if configured is None else Path(configured)
        try:
            if configured or (configured is None and file.is_file()):
                # environs' read_env ignores a missing file, expands `${...}` in passwords, and does not change the
                # environment of child processes.
                load_dotenv(stream=io.StringIO(file.read_text(encoding="utf-8")), interpolate=False)
        except (OSError, UnicodeDecodeError) as error:
            self.faults["PICARD_ENV_FILE"] = f"PICARD_ENV_FILE ({file}) {_describe_read_error(error)}"
        return file

    def read_secret(self, name: str, folder: Path | None, generated: str) -> str:
        """Return the variable, the content of its NAME_FILE, or the secret in `folder`, stored from `generated`."""
        value = self.str(name, default="")
        if value or folder is None or name in self.faults:
            return value
        path = folder / name.lower()
        try:
            return load_or_create_secret(path, lambda: generated)
        except (OSError, UnicodeDecodeError) as error:
            self.faults[name] = f"{path} {_describe_read_error(error)}"
        except RuntimeError as error:  # raised by load_or_create_secret
            self.faults[name] = str(error).rstrip(".")
        return ""

    def read_origin(self, var: str, default: str) -> str:
        """Return the scheme, host and port of a URL as clients spell them, or an empty string if it is invalid.

        A URL with more than that is returned unchanged. A check reports both.
        """
        url = self.str(var, default=default).strip()
        origin = parse_origin(url)
        if origin is None:
            return ""
        parts = urlsplit(url)
        return url if parts.path.strip("/") or parts.query or parts.fragment else str(origin)

    def db(self, var: str, password_var: str = "") -> dict[str, Any]:
        """Return an entry for Django's DATABASES, without ENGINE.

        password_var: the variable with the password if the URL contains none.
        """
        url = self.str(var, default="")
        scheme, separator, rest = url.partition("://")
        if not separator or scheme not in POSTGRES_SCHEMES:
            self.faults[var] = f"{var}: Not a PostgreSQL URL"
            return {}
        try:
            database = _database_settings(f"postgresql://{rest}")
        except ValueError:
            self.faults[var] = f"{var}: Not a valid URL"
            return {}
        if password_var and not database["PASSWORD"]:
            database["PASSWORD"] = self.str(password_var, default="")
        return database

    def email_url(self, var: str) -> dict[str, Any]:
        """Return Django's EMAIL_* settings."""
        try:
            return mail_url.parse_mail_url(self.str(var, default=""))
        except ValueError:
            self.faults[var] = f"{var}: Not a valid URL"
            return {}


def drop_libpq_variables() -> None:
    """Remove the caller's PG* variables, which libpq would apply: they are about other servers."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        os.environ.pop(name)


def _database_settings(url: str) -> dict[str, Any]:
    """Parse a connection URI as libpq does. Raises ValueError without any part of the URL."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        parameters = conninfo_to_dict(url)
    except ProgrammingError:
        raise ValueError from None
    database = {
        "NAME": parameters.pop("dbname", "") or os.environ.get("PGDATABASE", ""),
        "USER": parameters.pop("user", ""),
        "PASSWORD": parameters.pop("password", ""),
        "HOST": parameters.pop("host", "") or os.environ.get("PGHOST", ""),
        "PORT": parameters.pop("port", "") or os.environ.get("PGPORT", ""),
        "OPTIONS": parameters,
    }
    if not all(port.isdecimal() or not port for port in str(database["PORT"]).split(",")):
        raise ValueError
    return database


def _describe(name: str, error: Exception) -> str:
    if isinstance(error, EnvValidationError):
        return f"{name}: {' '.join(error.error_messages)}".rstrip(".")
    return f"{name}_FILE {_describe_read_error(error.__cause__ or error)}"


def _describe_read_error(error: BaseException) -> str:
    return f"cannot be read: {error.strerror if isinstance(error, OSError) else type(error).__name__}"
