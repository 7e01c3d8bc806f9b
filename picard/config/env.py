"""The variables of the environment and of `.env`. What cannot be read is a fault, told with all others (checks.py)."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from picard.config.paths import PROJECT, kept_secret

IS_NO = {int: "is no whole number", float: "is no number", bool: "is neither true nor false"}
FALSE = ("false", "off", "no", "n", "")
POSTGRES = ("postgres", "postgresql", "psql", "pgsql", "postgis")


class Variables(environ.Env):  # type: ignore[misc]
    """`faults`: of each variable that is wrong, what is. Its default is taken meanwhile, for all of them are looked at.

    A fault names no value: it may be a secret.
    """

    def __init__(self) -> None:
        super().__init__()
        self.faults: dict[str, str] = {}

    def read_file(self) -> Path:
        """Take the variables of PICARD_ENV_FILE, or of `.env` where there is one; those that are set already win."""
        named = os.environ.get("PICARD_ENV_FILE")
        file = PROJECT / ".env" if named is None else Path(named)
        try:
            if named or (named is None and file.is_file()):
                text = file.read_text(encoding="utf-8")  # a file that cannot be read environ would pass over
                self.read_env(io.StringIO(text))
        except (OSError, UnicodeDecodeError) as error:
            self.faults["PICARD_ENV_FILE"] = f"PICARD_ENV_FILE ({file}) {_cannot_be_read(error)}"
        return file

    def secret(self, name: str, kept_in: Path | None, make: str) -> str:
        """The variable, or what the file holds that NAME_FILE names, or (`kept_in`) what is made there once."""
        if value := str(self.str(name, default="")):
            return value
        path = self.str(f"{name}_FILE", default="")
        try:
            if path:
                return Path(path).read_text().strip()
            return kept_secret(kept_in / name.lower(), lambda: make) if kept_in else ""
        except (OSError, UnicodeDecodeError) as error:
            self.faults[name] = f"{f'{name}_FILE' if path else kept_in} {_cannot_be_read(error)}"
        except RuntimeError as error:  # kept_secret's own words
            self.faults[name] = str(error).rstrip(".")
        return ""

    def get_value(
        self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, parse_default: bool = False
    ) -> Any:
        try:
            return super().get_value(var, cast, default, parse_default)
        except (ValueError, ImproperlyConfigured):
            self.faults[var] = f"{var} {IS_NO.get(cast, 'is not set, or unreadable')}"
            return default

    @classmethod
    def parse_value(cls, value: Any, cast: Any) -> Any:
        """environ takes a word that it does not know for false, and of a number the digits alone."""
        if (
            cast is bool
            and not value.isdecimal()
            and value.lower() not in (*cls.BOOLEAN_TRUE_STRINGS, *FALSE)
        ):
            raise ValueError
        return float(value) if cast is float else super().parse_value(value, cast)

    def web_address(self, var: str, default: str) -> str:
        """Without its last slash; empty where none could be reached by it."""
        address = str(self.str(var, default=default)).rstrip("/")
        try:
            urlsplit(address).port  # noqa: B018 - read for what it raises
        except ValueError:
            return ""  # a check tells of it
        return address

    def db(self, var: str) -> dict[str, Any]:
        if not str(self.str(var)).startswith(tuple(f"{scheme}://" for scheme in POSTGRES)):
            self.faults[var] = f"{var} is no address of a PostgreSQL"
            return {}
        return self._address(var, super().db_url)

    def email_url(self, var: str) -> dict[str, Any]:
        return self._address(var, super().email_url)

    def _address(self, var: str, read: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
        try:
            return read(var)
        except (ValueError, AttributeError, ImproperlyConfigured):
            self.faults[var] = f"{var} is no address"
            return {}


def _cannot_be_read(error: Exception) -> str:
    return f"cannot be read: {error.strerror if isinstance(error, OSError) else type(error).__name__}"
