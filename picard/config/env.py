"""Read the settings from the environment and from `.env`. Invalid variables are collected for picard/config/checks.py.

environs converts the values and reads the NAME_FILE variants, python-dotenv reads the file, libpq DATABASE_URL.
What environs collects itself (`eager=False`) it reads as None, and it does not collect files that cannot be read; so
here it raises, and the default is taken: all settings are checked together before anything starts.
"""

import io
import os
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from dotenv import load_dotenv
from environs import EnvValidationError, FileAwareEnv

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
            return cast(Any, parser)(self, name, default, **options)
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
    """All that picard/settings.py reads."""

    def _get_value(self, env_key: str, default: Any) -> Any:
        """Let NAME win over NAME_FILE, and a value that begins with `$` name another variable."""
        value = os.environ.get(env_key, "")
        if value.startswith("$"):
            return self._get_value(value.lstrip("$"), default)
        return value or super()._get_value(env_key, default)

    def read_file(self) -> Path:
        """Load PICARD_ENV_FILE, or `.env` if it exists, into the environment. Variables that are set already win."""
        named = os.environ.get("PICARD_ENV_FILE")
        file = PROJECT / ".env" if named is None else Path(named)
        try:
            if named or (named is None and file.is_file()):
                # environs' read_env passes over a file that is missing, expands `${...}` in passwords, and leaves
                # the environment of child processes as it is.
                load_dotenv(stream=io.StringIO(file.read_text(encoding="utf-8")), interpolate=False)
        except (OSError, UnicodeDecodeError) as error:
            self.faults["PICARD_ENV_FILE"] = f"PICARD_ENV_FILE ({file}) {_describe_read_error(error)}"
        return file

    def read_secret(self, name: str, kept_in: Path | None, make: str) -> str:
        """Return the variable, or the content of its NAME_FILE, or (`kept_in`) what is generated there once."""
        value = self.str(name, default="")
        if value or kept_in is None or name in self.faults:
            return value
        path = kept_in / name.lower()
        try:
            return load_or_create_secret(path, lambda: make)
        except (OSError, UnicodeDecodeError) as error:
            self.faults[name] = f"{path} {_describe_read_error(error)}"
        except RuntimeError as error:  # kept_secret's own message
            self.faults[name] = str(error).rstrip(".")
        return ""

    def read_url(self, var: str, default: str) -> str:
        """Return the URL without its last slash, or an empty string where none could be reached by it."""
        address = self.str(var, default=default).rstrip("/")
        try:
            urlsplit(address).port  # noqa: B018 - read for what it raises
        except ValueError:
            return ""  # reported by a check
        return address

    def db(self, var: str) -> dict[str, Any]:
        """Return the entry of Django's DATABASES, without its engine."""
        url = self.str(var, default="")
        scheme, separator, rest = url.partition("://")
        if not separator or scheme not in POSTGRES_SCHEMES:
            self.faults[var] = f"{var}: Not a PostgreSQL URL"
            return {}
        try:
            return _database_settings(f"postgresql://{rest}")
        except ValueError:
            self.faults[var] = f"{var}: Not a valid URL"
            return {}

    def email_url(self, var: str) -> dict[str, Any]:
        """Return Django's EMAIL_* settings."""
        try:
            return mail_url.parse_mail_url(self.str(var, default=""))
        except ValueError:
            self.faults[var] = f"{var}: Not a valid URL"
            return {}


def _database_settings(url: str) -> dict[str, Any]:
    """Parse a connection URI as libpq does. Raises ValueError, with no part of the URL."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        parameters = conninfo_to_dict(url)
    except ProgrammingError:
        raise ValueError from None
    database = {
        "NAME": parameters.pop("dbname", ""),
        "USER": parameters.pop("user", ""),
        "PASSWORD": parameters.pop("password", ""),
        "HOST": parameters.pop("host", ""),
        "PORT": parameters.pop("port", ""),
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
