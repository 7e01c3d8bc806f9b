"""The large programs: only `make interop` installs them."""

from pathlib import Path

from tests.interop.clients.session import ClientError

HERE = Path(__file__).resolve().parent


def find_binary(pattern: str) -> Path:
    """Return the file that matches, for the platform that npm installed. Raises ClientError without one."""
    found = sorted((HERE / "node_modules").glob(pattern))
    if not found:
        raise ClientError("not installed: `make interop` does it")
    return found[0]
