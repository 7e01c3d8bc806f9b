"""The keyring of the operating system, if the package `keyring` is installed and finds one that needs no setup.

PICARD_KEYRING=off stores tokens in files instead.
"""

from __future__ import annotations

import json
import os
from typing import Any

from picard_memory.errors import ConfigurationError

MARK = "keyring"  # stands in the file in place of what is in the keyring
SERVICE = "picard-memory"
MIN_PRIORITY = 1  # by which keyring says that a backend is recommended


def write_secret(name: str, value: dict[str, Any]) -> bool:
    """Store a value, and return whether there is a keyring that took it."""
    keyring = _load_keyring()
    if keyring is None:
        return False
    try:
        keyring.set_password(SERVICE, name, json.dumps(value))
    except keyring.errors.KeyringError:
        return False
    return True


def read_secret(name: str) -> dict[str, Any] | None:
    """Return a stored value. Raises ConfigurationError if the keyring is locked or gone."""
    keyring = _load_keyring()
    if keyring is None:
        raise ConfigurationError("The tokens are in the keyring, which is not available. Log in again.")
    try:
        stored = keyring.get_password(SERVICE, name)
    except keyring.errors.KeyringError as error:
        raise ConfigurationError(f"The keyring cannot be read: {error}.") from None
    value: dict[str, Any] | None = json.loads(stored) if stored else None
    return value


def delete_secret(name: str) -> None:
    keyring = _load_keyring()
    if keyring is None:
        return
    try:
        keyring.delete_password(SERVICE, name)
    except keyring.errors.KeyringError:
        return


def _load_keyring() -> Any:
    if os.environ.get("PICARD_KEYRING") == "off":
        return None
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return None
    return keyring if keyring.get_keyring().priority >= MIN_PRIORITY else None
